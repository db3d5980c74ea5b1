"""What is given to `mlfactory erase` counts, or is refused; what is sealed is never asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.left_removal import leave_cut_off
from typer.testing import CliRunner, Result

from mlfactory.cli.main import app
from mlfactory.erase import asked_for, sealed
from mlfactory.lake import ledger
from mlfactory.lake.processes import Process
from mlfactory.lake.removal_note import begin_removal, removal_under_way
from mlfactory.product.loader import load_product
from mlfactory.settings import settings

TAIL = "planes.tailnum"
ANOTHER = Process("another", 1, 1, boot="another start")


@pytest.fixture(autouse=True)
def empty_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path))
    monkeypatch.setenv("MLFACTORY_PII_KEY", "of a test, and as long as it has to be")
    settings.cache_clear()
    yield
    settings.cache_clear()


def erase(*given: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["erase", "flight_delay", *given], input=answer)


def said(done: Result) -> str:
    return " ".join(done.output.split())


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (("--again", "--key", TAIL), "--again is about all who were erased before"),
        (("--resume", "--key", TAIL), "--resume goes on with what was asked for"),
        (("--resume", "--why", "request 4711"), "--resume goes on with what was asked for"),
        (("--resume", "--again"), "--resume and --again do not go together"),
        (("--again", "--seal"), "--again and --seal do not go together"),
    ],
)
def test_what_would_be_passed_over_is_refused_before_a_value_is_asked_for(
    given: tuple[str, ...], problem: str
) -> None:
    done = erase(*given)
    assert done.exit_code == 1 and problem in said(done)
    assert "not shown" not in said(done)


@pytest.mark.parametrize("value", ["seal", "sealed", "N14228"])
def test_a_key_is_sealed_whatever_its_value_and_for_no_reason(value: str) -> None:
    done = erase("--key", f"{TAIL}={value}", "--seal")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("sealed:eN")


def test_what_is_sealed_is_taken_as_it_is_with_or_without_an_equals_sign() -> None:
    product = load_product("flight_delay")
    made = (
        sealed(product.name, asked_for(product, [f"{TAIL}=N{number}"], why="x"))
        for number in range(100)
    )
    bare = next(word for word in made if "=" not in word)
    for _ in range(2):
        done = erase("--key", bare, "--why", "request 4711", "--dry-run")
        assert done.exit_code == 0, done.output
        assert "nothing of this subject was found" in said(done)
        bare += "="


def test_one_that_was_killed_elsewhere_is_taken_over_by_force_alone() -> None:
    product = load_product("flight_delay")
    asked = asked_for(product, [f"{TAIL}=N14228"], why="request 4711", who="officer")
    assert erase("--key", f"{TAIL}=N14228", "--why", "request 4710", "--yes").exit_code == 0
    begin_removal(product.name, erasure=asked.id, asked=asdict(asked))
    leave_cut_off(product.name, ANOTHER)
    refused = erase("--resume")
    assert refused.exit_code == 1 and "--force, if you know that it was killed" in said(refused)
    done = erase("--resume", "--force")
    assert done.exit_code == 0, done.output
    assert removal_under_way(product.name) is None
    assert [(each.why, each.who) for each in ledger.entries(product.name, "erased")] == [
        ("request 4710", ledger.user()),
        ("request 4711", "officer"),
    ]
