"""Workflows are of their schema, pinned, with few rights, and give commands that there are.

actionlint looks at them too where it can be had: the job "workflows" of factory.yml.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from mlfactory.cli.main import app
from mlfactory.settings import REPOSITORY

FILES = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in FILES}
STEPS = [
    (f"{name}:{job}:{number}", step)
    for name, workflow in WORKFLOWS.items()
    for job, found in workflow["jobs"].items()
    for number, step in enumerate(found["steps"])
]
SCRIPTS = [pytest.param(step["run"], id=name) for name, step in STEPS if "run" in step]


@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize(
    "schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"]
)
def test_workflows_are_as_their_schema_has_them(name: str, schema: str) -> None:
    # YAML 1.1 takes the word for a truth value
    found = {{True: "on"}.get(key, key): value for key, value in WORKFLOWS[name].items()}
    jsonschema.validate(found, get_builtin_schema(schema))


def test_every_action_is_pinned_by_a_full_commit_hash_with_its_version_beside() -> None:
    used = [line for path in FILES for line in path.read_text().splitlines() if "uses:" in line]
    used = [line for line in used if not line.startswith("#")]
    assert used
    for line in used:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_a_job_has_the_rights_that_it_names_and_no_other() -> None:
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {}
        assert "concurrency" in workflow
        for job in workflow["jobs"].values():
            writes = [right for right, kind in job["permissions"].items() if kind != "read"]
            names = [step.get("uses", "").partition("@")[0] for step in job["steps"]]
            # what may write has nothing of the repository that it could run
            assert not writes or "actions/checkout" not in names
    checkouts = [step for _, step in STEPS if "checkout@" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_shell_and_nothing_of_a_request_is_put_into_them(script: str) -> None:
    assert "${{" not in script
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


def commands() -> dict[str, set[str]]:
    """Return the options of each command of ours."""
    group: Any = typer.main.get_command(app)
    return {
        name: {option for each in command.params for option in each.opts}
        for name, command in group.commands.items()
    }


def test_the_commands_that_they_give_are_ones_that_there_are() -> None:
    known, told = commands(), " ".join(str(script.values[0]) for script in SCRIPTS)
    told = told.replace("\\\n", " ")
    given = re.findall(r"bin/mlfactory ([a-z]+)([^\n]*)", told)
    assert {name for name, _ in given} == {"check", "rehearse"}
    for name, rest in given:
        assert set(re.findall(r"--[a-z-]+", rest)) <= known[name]
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    made = set(re.findall(r"make (?:-C factory )?([a-z0-9-]+)", told))
    assert made and made <= targets


def test_tests_run_on_every_python_that_the_lock_is_made_for() -> None:
    told = (REPOSITORY / "pyproject.toml").read_text()
    assert 'requires-python = ">=3.11,<3.14"' in told
    matrix = WORKFLOWS["factory.yml"]["jobs"]["check"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]


def test_the_chart_is_the_one_that_the_values_are_for() -> None:
    (pinned,) = re.findall(r"--version (1[.\d]+)", FILES[0].read_text())
    told = (REPOSITORY / "deploy" / "kubernetes" / "values.yaml").read_text()
    assert f"--version {pinned} " in told


COMMENT = WORKFLOWS["product.yml"]["jobs"]["comment"]
GH = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *--paginate*) cat "$LISTED"; exit "$LISTING_ENDS" ;; esac
"""


def commented(folder: Path, listed: list[dict[str, Any]], *, ends: int = 0) -> tuple[int, str]:
    """Run the step that comments, with these comments of the change; return what it asked for."""
    program = folder / "bin" / "gh"
    program.parent.mkdir(exist_ok=True)
    program.write_text(GH)
    program.chmod(0o755)
    (folder / "listed.json").write_text(json.dumps(listed))
    calls = folder / "calls"
    calls.write_text("")
    (step,) = COMMENT["steps"]
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "LISTED": str(folder / "listed.json"),
        "LISTING_ENDS": str(ends),
        "GITHUB_REPOSITORY": "owner/products",
        "NUMBER": "7",
        "PRODUCT": "flight_delay",
        "PAGE": "### as good",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]], env=environment, cwd=folder, capture_output=True
    )
    return done.returncode, calls.read_text()


def by_bot(number: int, product: str) -> dict[str, Any]:
    body = f"<!-- mlfactory rehearse {product} -->\n### worse"
    return {"id": number, "user": {"type": "Bot"}, "body": body}


def test_a_change_has_one_comment_for_each_product(tmp_path: Path) -> None:
    others = [by_bot(3, "flight_air_time"), {**by_bot(4, "flight_delay"), "user": {"type": "User"}}]
    ended, asked = commented(tmp_path, others)
    assert ended == 0 and "--method POST repos/owner/products/issues/7/comments" in asked
    assert "PATCH" not in asked
    said = (tmp_path / "change.md").read_text()
    assert said == "<!-- mlfactory rehearse flight_delay -->\n### as good\n"
    ended, asked = commented(tmp_path, [by_bot(5, "flight_delay"), *others])
    assert ended == 0 and "--method PATCH repos/owner/products/issues/comments/5" in asked
    assert "POST" not in asked


def test_where_comments_cannot_be_listed_none_is_made(tmp_path: Path) -> None:
    ended, asked = commented(tmp_path, [], ends=1)
    assert ended != 0 and "--method" not in asked


def test_a_forks_change_is_told_of_in_the_summary_alone() -> None:
    head, base = (f"github.event.pull_request.{end}.repo.full_name" for end in ("head", "base"))
    assert f"{head} == {base}" in COMMENT["if"]
    steps = WORKFLOWS["product.yml"]["jobs"]["rehearse"]["steps"]
    (run,) = [step["run"] for step in steps if step.get("id") == "rehearse"]
    assert 'cat change.md >> "$GITHUB_STEP_SUMMARY"' in run
