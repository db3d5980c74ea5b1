"""The processes of a stack: found again even where the one that led them has died, and ended.

A process belongs to a stack if its environment carries the stack's mark, or if it is in the session
of one of the stack's leaders; a child that Airflow leaves behind has both.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psutil

MARK = "MLFACTORY_STACK"
"""The variable that every process of a stack carries; its value names stack and service."""

_SECONDS_TO_END = 6
"""What processes are given to end themselves; and once more, to be gone when they are killed."""

_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


@dataclass(frozen=True)
class Leader:
    """The process that a service was started as, and that leads its session.

    Attributes:
        started: when it was made, in seconds since 1970: the operating system gives the number of
            a process that has ended to another one.
        stop_signal: what it ends itself and its children on.
    """

    pid: int
    started: float
    stop_signal: int

    def process(self) -> psutil.Process | None:
        """Return the process, None if it has ended."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started) < 1
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except _GONE:
            return None


def leader_of(pid: int, stop_signal: signal.Signals) -> Leader:
    """Return what there is to know about a process that was just started as a leader."""
    return Leader(pid, psutil.Process(pid).create_time(), int(stop_signal))


def mark(stack_id: str, service: str = "") -> str:
    """Return the mark of a service's processes, or how the marks of all of a stack begin."""
    return f"{stack_id}/{service}"


def members(
    stack_id: str, leaders: Mapping[str, Leader], service: str = ""
) -> list[psutil.Process]:
    """Return every living process of a stack or of one of its services, whoever started it."""
    return list(_members(mark(stack_id, service), _of(leaders, service)))


def end(stack_id: str, leaders: Mapping[str, Leader], service: str = "") -> list[psutil.Process]:
    """End every process of a stack or service: leaders in their own way, then by force the rest.

    Returns:
        Those that are there all the same, which this user cannot end, or not now.
    """
    for leader in _of(leaders, service):
        if leader.process() is not None:
            _signal_group(leader)
    _, left = psutil.wait_procs(members(stack_id, leaders, service), timeout=_SECONDS_TO_END)
    # what is left may start others while it ends; what is another user's, or hangs in a disk,
    # never does
    deadline = time.monotonic() + _SECONDS_TO_END
    while left and time.monotonic() < deadline:
        for process in left:
            _kill(process)
        psutil.wait_procs(left, timeout=1)
        left = members(stack_id, leaders, service)
    return left


def described(process: psutil.Process) -> str:
    """Return what a person needs to find a process: its number, name, user and state."""
    try:
        told = process.as_dict(["name", "username", "status"])
    except psutil.NoSuchProcess:
        return f"{process.pid} (gone by now)"
    return f"{process.pid} ({told['name']} of {told['username']}, {told['status']})"


def _of(leaders: Mapping[str, Leader], service: str) -> list[Leader]:
    return [leader for name, leader in leaders.items() if service in ("", name)]


def _members(beginning: str, leaders: Sequence[Leader]) -> Iterator[psutil.Process]:
    sessions = {leader.pid for leader in leaders if _session_is_ours(leader)}
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            in_session = os.getsid(process.pid) in sessions
            if in_session or process.environ().get(MARK, "").startswith(beginning):
                yield process
        except (*_GONE, OSError):
            continue


def _session_is_ours(leader: Leader) -> bool:
    """Tell whether a session of the leader's number is its: no number is given away while used."""
    try:
        return abs(psutil.Process(leader.pid).create_time() - leader.started) < 1
    except psutil.NoSuchProcess:
        return True


def _signal_group(leader: Leader) -> None:
    try:
        os.killpg(leader.pid, leader.stop_signal)
    except (ProcessLookupError, PermissionError):
        return


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except _GONE:
        return
