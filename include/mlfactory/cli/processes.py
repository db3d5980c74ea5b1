"""The processes of a stack: found again even where the one that led them has died, and ended.

A process belongs to a stack if its environment carries the stack's mark, or if it is in the session
of one of the stack's leaders; a child that Airflow leaves behind has both.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil

MARK = "MLFACTORY_STACK"
"""The variable that every process of a stack carries; its value is the stack's id."""

_SECONDS_TO_END = 6
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


def members(stack_id: str, leaders: Sequence[Leader]) -> list[psutil.Process]:
    """Return every living process of a stack, whoever started it."""
    return list(_members(stack_id, leaders))


def end(stack_id: str, leaders: Sequence[Leader]) -> None:
    """End every process of a stack: the leaders in their own way, then by force what is left."""
    for leader in leaders:
        if leader.process() is not None:
            _signal_group(leader)
    _, left = psutil.wait_procs(members(stack_id, leaders), timeout=_SECONDS_TO_END)
    # what is left may start others while it ends
    while left:
        for process in left:
            _kill(process)
        psutil.wait_procs(left, timeout=_SECONDS_TO_END)
        left = members(stack_id, leaders)


def _members(stack_id: str, leaders: Sequence[Leader]) -> Iterator[psutil.Process]:
    sessions = {leader.pid: leader for leader in leaders if _session_is_ours(leader)}
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if os.getsid(process.pid) in sessions or process.environ().get(MARK) == stack_id:
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
