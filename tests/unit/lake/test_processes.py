"""Whether what a process left under way still goes on, told by more than its number."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mlfactory.lake import processes
from mlfactory.lake.processes import as_text, described, from_json, has_ended, this_process
from mlfactory.lake.store import parsed
from mlfactory.product.errors import IntegrityError


@pytest.fixture(params=["with /proc", "without /proc"])
def system(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    if request.param == "without /proc":
        monkeypatch.setattr(processes, "_PROC", tmp_path)
    yield request.param


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    begun = subprocess.Popen(["sleep", "60"])
    yield begun
    begun.kill()
    begun.wait()


def of_number(number: int) -> processes.Process:
    """Return a process of this machine by its number, as it would name itself."""
    begun = processes._ticks(number)
    if begun is None:
        begun = round(psutil.Process(number).create_time())
    return replace(this_process(), number=number, begun=begun)


@pytest.mark.usefixtures("system")
def test_a_process_lives_until_it_is_killed_though_nobody_has_asked_for_it(
    child: subprocess.Popen[bytes],
) -> None:
    process = of_number(child.pid)
    assert has_ended(process) is False
    child.kill()
    deadline = time.monotonic() + 5
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert has_ended(process) is True
    child.wait()
    assert has_ended(process) is True


def test_nothing_is_known_of_the_process_of_another_user_that_the_system_hides(
    child: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = of_number(child.pid)

    def refused(number: int, signal: int) -> None:
        assert (number, signal) == (child.pid, 0)
        raise PermissionError

    # as /proc is with hidepid, for whoever is not root
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text(process.boot)
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to(process.space)
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    monkeypatch.setattr(os, "kill", refused)
    assert has_ended(process) is None
    monkeypatch.undo()
    assert has_ended(process) is False


@pytest.mark.usefixtures("system")
def test_the_number_of_a_dead_process_may_be_that_of_another_one_by_now() -> None:
    here = this_process()
    assert has_ended(here) is False
    assert has_ended(replace(here, begun=here.begun - 1000)) is True


def test_without_proc_it_is_named_by_the_machine_and_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = this_process()
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    here = this_process()
    assert (here.boot, here.space, here.hardware) == ("", "", "")
    assert abs(here.begun - time.time()) < 24 * 3600
    assert has_ended(replace(here, machine="another", number=1, begun=1)) is None
    # nor is anything known there of one that was named by more
    assert has_ended(replace(seen, number=1, begun=1, hardware="")) is None


def test_the_clock_may_be_set_and_the_machine_renamed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = this_process()
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) + 3)
    monkeypatch.setattr("platform.node", lambda: "renamed")
    assert has_ended(before) is False


def test_nothing_is_known_of_another_container_though_its_name_and_number_are_ours() -> None:
    here = this_process()
    assert has_ended(replace(here, begun=1)) is True
    assert has_ended(replace(here, begun=1, space="pid:[1]")) is None


def test_what_ran_before_the_machine_was_started_anew_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "machine-id").write_text("this one\n")
    monkeypatch.setattr(processes, "_MACHINE_ID", tmp_path / "machine-id")
    monkeypatch.setattr(processes, "_OUTERMOST_SPACE", this_process().space)
    here = this_process()
    assert here.hardware == "this one"
    assert has_ended(replace(here, boot="before")) is True
    assert has_ended(replace(here, boot="before", hardware="another one")) is None
    # a copy of its disk, which is at work on the same lake
    assert has_ended(replace(here, boot="before", machine="another")) is None
    # a container has its machine's name from its image, as others may
    monkeypatch.setattr(processes, "_OUTERMOST_SPACE", "another")
    assert this_process().hardware == ""
    assert has_ended(replace(this_process(), boot="before")) is None


@pytest.mark.parametrize("machine", ["my laptop", "", "plain"])
def test_it_is_read_as_it_was_written_whatever_the_machine_is_called(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.node", lambda: machine)
    here = this_process()
    assert from_json(parsed(as_text(here).encode(), "x"), "x") == here
    assert has_ended(here) is False
    told = machine or "a machine without a name"
    assert described(here) == f"process {here.number} of {told}"


@pytest.mark.parametrize("content", [None, "laptop 1 2", {}, {"machine": "laptop", "pid": 1}])
def test_what_names_no_process_is_an_error_in_words(content: object) -> None:
    with pytest.raises(IntegrityError, match="the note names no process"):
        from_json(content, "the note")


def test_another_process_names_itself_as_it_is_seen_from_here() -> None:
    code = (
        "from mlfactory.lake.processes import as_text, this_process; import sys;"
        "print(as_text(this_process()), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        process = from_json(parsed(other.stdout.readline(), "x"), "x")
        assert process.number == other.pid
        assert has_ended(process) is False
        other.communicate()
    assert has_ended(process) is True
