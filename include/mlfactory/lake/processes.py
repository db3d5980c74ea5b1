"""Names of processes, by which it is told whether what one left under way still goes on.

A number alone names no process: it is given again, and another container or machine gives the same.
Nor does a moment by the clock, which is set now and then. Where there is a `/proc`, a process is
named by the start of its machine, its space of numbers, its number there, and when it began as the
kernel counts it (proc(5)); elsewhere by the machine, its number and when it began by the clock.
"""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import psutil

from mlfactory.product.errors import IntegrityError

_PROC = Path("/proc")
_MACHINE_ID = Path("/etc/machine-id")
_OUTERMOST_SPACE = "pid:[4026531836]"
"""The space of numbers that a machine begins with, the same on all (PROC_PID_INIT_INO of Linux)."""

_NO_BOOT = "none"
"""Where a process names the start of its machine, and there is no process."""

_ENDED = ("Z", "X")
"""States of a process that has ended, and that its parent has not asked for yet."""

_SAME_SECONDS = 2
"""By so much a process may seem to have begun earlier or later, where only the clock tells."""


@dataclass(frozen=True)
class Process:
    """A process, on whatever machine.

    Attributes:
        machine: the machine's name, for people.
        number: of the process, in its space of numbers.
        begun: when: ticks since the machine's start, or seconds of the epoch where `boot` is empty.
        boot: of the machine's start; empty where the system has no such name.
        space: of numbers, for a container has its own.
        hardware: the machine itself, whatever its start; empty in a container and where unknown.
    """

    machine: str
    number: int
    begun: int
    boot: str = ""
    space: str = ""
    hardware: str = ""


def this_process() -> Process:
    """Return this process."""
    machine, number = platform.node(), os.getpid()
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        space = os.readlink(_PROC / "self/ns/pid")  # noqa: PTH115 - it is no path
    except OSError:
        return Process(machine, number, round(psutil.Process().create_time()))
    hardware = ""
    if space == _OUTERMOST_SPACE:
        with suppress(OSError):
            hardware = _MACHINE_ID.read_text().strip()
    return Process(machine, number, _ticks(number) or 0, boot, space, hardware)


def nobody(where: str) -> Process:
    """Return what stands for a process where what goes on has none while it waits.

    Nobody can look for it, on whatever machine.

    Args:
        where: it goes on, in words.
    """
    return Process(where, 0, 0, boot=_NO_BOOT)


def as_text(process: Process) -> str:
    """Return a process as a text of one line."""
    return json.dumps(asdict(process), sort_keys=True)


def from_json(content: object, where: str) -> Process:
    """Return the process that fields read from JSON name.

    Args:
        where: they were read, for the error.

    Raises:
        IntegrityError: if they name none.
    """
    known = {each.name for each in fields(Process)}
    try:
        # a later revision may tell more
        return Process(**{name: told for name, told in dict(content).items() if name in known})  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        raise IntegrityError(
            f"{where} names no process: {content!r}", remedy="delete it if nobody is at work"
        ) from error


def described(process: Process) -> str:
    """Return a process as people say it."""
    if process.boot == _NO_BOOT:
        return process.machine
    return f"process {process.number} of {process.machine or 'a machine without a name'}"


def has_ended(process: Process) -> bool | None:
    """Tell whether a process has ended; None where that cannot be told from here."""
    here = this_process()
    if process.boot != here.boot:
        # its machine was started anew since, or is another one: copies of a disk share its name
        named = (process.hardware, process.machine)
        return True if process.hardware and named == (here.hardware, here.machine) else None
    if process.space != here.space or not (here.boot or process.machine == here.machine):
        return None
    if not here.boot:
        return not _is_one_of_then(process)
    if _is_hidden(process.number):
        return None
    return _ticks(process.number) != process.begun


def _is_hidden(number: int) -> bool:
    """Tell whether there is a process that `/proc` does not show, as another user's (hidepid)."""
    if (_PROC / str(number)).exists():
        return False
    try:
        os.kill(number, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _ticks(number: int) -> int | None:
    """Return when a process of this space began, in ticks; None if there is none that lives."""
    try:
        stat = (_PROC / str(number) / "stat").read_text()
    except OSError:
        return None
    # behind the program's name, which may have blanks and brackets: field 3 and those after it
    state, *others = stat.rpartition(")")[2].split()
    return None if state in _ENDED else int(others[18])


def _is_one_of_then(process: Process) -> bool:
    try:
        found = psutil.Process(process.number)
        moved = abs(found.create_time() - process.begun)
        return moved <= _SAME_SECONDS and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
