"""What the system or a setting refuses is a message with where, why and what to do."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.cli.told import told
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.settings import settings

COMMANDS = {
    "up": ["up"],
    "run": ["run", "rain", "2013-01-01", "--stage", "ingest"],
    "take-lake": ["take-lake", "--yes"],
    "server secrets": ["server", "secrets", "--folder", "{there}"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_system_refuses_is_told_with_its_file_and_a_remedy(
    name: str, rain: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("here is no folder")
    there = str(file / "below")
    monkeypatch.setenv("MLFACTORY_HOME", there)
    settings.cache_clear()
    words = [word.format(there=there) for word in COMMANDS[name]]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, SystemExit) and done.exit_code == 1
    assert f"{file}" in done.stderr and "Not a directory" in done.stderr
    assert "→ put a folder" in done.stderr
    with pytest.raises(OSError, match="Not a directory"):
        CliRunner().invoke(app, ["--debug", *words], catch_exceptions=False)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/x"), f"let user {os.getuid()}"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "mount it"),
        (OSError(errno.ENODEV, "No such device", "/x"), "/x: No such device\n  → mend that"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "the disk is full"),
        (OSError("the other side hung up"), "the other side hung up\n  → mend that"),
    ],
)
def test_each_refusal_has_its_own_remedy(error: OSError, message: str) -> None:
    assert message in (told(error) or "")


def test_a_fault_of_the_program_and_a_reader_that_left_are_no_messages() -> None:
    assert told(KeyError("x")) is None
    assert told(BrokenPipeError(errno.EPIPE, "Broken pipe")) is None


@pytest.mark.parametrize(
    ("variable", "given", "why"),
    [
        ("HOME", "~no-such-user/x", "~no-such-user is the home of no user"),
        ("LAKE", "~no-such-user/x", "~no-such-user is the home of no user"),
        ("AIRFLOW_ADDRESS", "http://[::1", "is no address like http://host:8080"),
        ("AIRFLOW_ADDRESS", "http://host:99999", "is no address like http://host:8080"),
        ("AIRFLOW_UI", "http://who:pass/word@host", "is no address like http://host:8080"),
    ],
)
def test_a_setting_that_cannot_be_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, rain: Product, variable: str, given: str, why: str
) -> None:
    monkeypatch.setenv(f"MLFACTORY_{variable}", given)
    settings.cache_clear()
    done = CliRunner().invoke(app, ["status"])
    settings.cache_clear()
    assert isinstance(done.exception, SystemExit) and done.exit_code == 1
    assert f"MLFACTORY_{variable}: " in done.stderr and why in done.stderr
    assert "word@" not in done.stderr and "'pass" not in done.stderr


@pytest.mark.parametrize("address", ["http://exämple..x", "127.0.0.1:8080"])
def test_an_airflow_whose_address_cannot_be_asked_refuses_a_restore(
    monkeypatch: pytest.MonkeyPatch, rain: Product, tmp_path: Path, address: str
) -> None:
    # as their form is, they could be addresses
    monkeypatch.setenv("MLFACTORY_AIRFLOW_ADDRESS", address)
    settings.cache_clear()
    done = CliRunner().invoke(app, ["restore", str(tmp_path / "backup")])
    settings.cache_clear()
    assert done.exit_code == 1 and "correct MLFACTORY_AIRFLOW_ADDRESS" in done.stderr


def test_a_rehearsal_whose_page_cannot_be_written_does_not_begin(
    rain: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise UsageError("it began")

    # the real one takes long to import
    monkeypatch.setitem(sys.modules, "mlfactory.rehearse", SimpleNamespace(rehearse=never))
    rehearse = ["rehearse", "rain", "--against", "production", "--out"]
    done = CliRunner().invoke(app, [*rehearse, str(tmp_path)])
    assert done.exit_code == 1
    assert f"{tmp_path} cannot be written: it is a folder" in done.stderr.replace("\n", "")
    page = tmp_path / "new" / "change.md"
    assert "it began" in CliRunner().invoke(app, [*rehearse, str(page)]).stderr
    assert page.parent.is_dir() and not page.exists()


def test_no_login_is_shown_in_what_the_system_says_nor_in_the_status(
    monkeypatch: pytest.MonkeyPatch, rain: Product
) -> None:
    said = told(OSError("Generic S3 error: http://AKIA:sesame@minio:9000/x: refused"))
    assert said is not None and "sesame" not in said and "http://minio:9000/x" in said
    monkeypatch.setenv("MLFACTORY_AIRFLOW_ADDRESS", "http://who:sesame@127.0.0.1:9")
    settings.cache_clear()
    done = CliRunner().invoke(app, ["status"])
    settings.cache_clear()
    assert "sesame" not in done.output and "Airflow http://127.0.0.1:9" in done.output
