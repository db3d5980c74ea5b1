"""Commands that the pages give for a server do what they say."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from mlfactory.settings import REPOSITORY

PAGES = ("README.md", "docs/deployment.md")
DOCKER = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *"exec -T postgres"*) shift 4; exec "$@" ;; esac
"""
PSQL = """#!/bin/sh
echo "psql $*" >> "$CALLS"
cat > "$GIVEN"
"""


def blocks(page: str) -> list[str]:
    text = (REPOSITORY / page).read_text()
    return [part.split("```")[0] for part in text.split("```sh\n")[1:]]


@pytest.mark.parametrize("is_there", [True, False])
def test_postgresql_is_told_its_new_password_and_nobody_else_is(
    tmp_path: Path, is_there: bool
) -> None:
    (block,) = [one for one in blocks("docs/deployment.md") if "ALTER ROLE" in one]
    for name, program in (("docker", DOCKER), ("psql", PSQL)):
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    calls, given, secrets = (tmp_path / name for name in ("calls", "given", "secrets"))
    secrets.mkdir()
    (secrets / "postgres_password").write_text("it's secret" if is_there else "")
    own = {"CALLS": str(calls), "GIVEN": str(given)}
    command = block.replace("/run/mlfactory", str(secrets))
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", command], env={**own, **path}, check=True)
    assert "it's secret" not in calls.read_text()
    # an empty one would be taken away from that user
    assert given.exists() == is_there
    if is_there:
        assert "ON_ERROR_STOP=1" in calls.read_text()
        # psql itself reads the file, and puts quotes around what is in it
        told = given.read_text()
        assert "PASSWORD :'password';" in told and "it's" not in told


@pytest.mark.parametrize("page", PAGES)
def test_a_folder_for_backups_is_made_for_the_user_that_the_parts_are(page: str) -> None:
    uid = re.search(r"useradd --uid (\d+)", (REPOSITORY / "Dockerfile").read_text())[1]  # type: ignore[index]
    (block,) = [one for one in blocks(page) if "mlfactory backup /backups/" in one]
    folder = re.search(r"--volume (\S+):/backups", block)[1]  # type: ignore[index]
    made = block.index(f"sudo install -d -o {uid} {folder}")
    assert made < block.index("mlfactory backup")


@pytest.mark.parametrize("page", PAGES)
def test_an_update_says_how_many_workers_there_are(page: str) -> None:
    updates = re.findall(r"docker compose up [^`\n]*", (REPOSITORY / page).read_text())
    ups = [
        one
        for one in updates
        if "--build" in one or one.startswith("docker compose up --detach --wait")
    ]
    assert ups
    assert all(
        "--scale worker=" in one for one in ups if not re.search(r"--wait \w+$", one.strip())
    )
