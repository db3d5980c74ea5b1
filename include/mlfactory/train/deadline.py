"""A trial that takes longer than there is time is cut off, not waited for."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AT_ONCE = 0.001
_AGAIN = 1.0
"""Seconds after which it rings again, where what was raised was caught on its way."""


class OutOfTime(BaseException):
    """The time is over. No error: what learns must not take it for one of its own and go on."""


@contextmanager
def cut_off_after(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in what is done here when it takes longer than `seconds`.

    It comes between two steps of Python: a routine of C that is under way ends first, such as the
    making of one tree. Where one that calls Python makes an error of its own of it, or forgets it,
    it is raised all the same. Only the main thread can be cut off, which every task and command
    runs in; elsewhere nothing is. An alarm of somebody else, such as a task's own timeout, still
    rings.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_on, has_rung = True, False

    def ring(number: int, frame: FrameType | None) -> None:
        nonlocal has_rung
        if is_on:
            has_rung = True
            raise OutOfTime

    handler = signal.getsignal(signal.SIGALRM)
    began = time.monotonic()
    others, every = signal.getitimer(signal.ITIMER_REAL)
    if others and others <= seconds:
        yield
        return
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, _AT_ONCE), _AGAIN)
    try:
        yield
    except Exception as error:
        if has_rung:
            raise OutOfTime from error
        raise
    finally:
        is_on = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if others:
            left = others - (time.monotonic() - began)
            signal.setitimer(signal.ITIMER_REAL, max(left, _AT_ONCE), every)
