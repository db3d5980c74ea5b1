"""What takes too long is cut off, and nobody else's alarm is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from mlfactory.train.deadline import OutOfTime, cut_off_after


def test_learning_is_cut_off_where_it_is() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2000, 4)), random.integers(0, 2, 2000)
    began = time.perf_counter()
    with pytest.raises(OutOfTime), cut_off_after(0.1):
        HistGradientBoostingClassifier(max_iter=100_000, early_stopping=False).fit(x, y)
    assert time.perf_counter() - began < 5


def test_what_is_done_in_time_is_left_alone() -> None:
    before, timer = signal.getsignal(signal.SIGALRM), signal.setitimer(signal.ITIMER_REAL, 0)
    with cut_off_after(30):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.setitimer(signal.ITIMER_REAL, *timer) == (0, 0)


def test_it_is_out_of_time_also_where_what_was_raised_became_another_error() -> None:
    with pytest.raises(OutOfTime), cut_off_after(0.05):
        try:
            time.sleep(5)
        except BaseException as error:
            raise ValueError("made of it, as numpy does within its C") from error


def test_what_was_raised_and_forgotten_is_raised_again() -> None:
    began = time.perf_counter()
    with pytest.raises(OutOfTime), cut_off_after(0.05):
        with suppress(BaseException):
            time.sleep(5)
        time.sleep(20)
    assert time.perf_counter() - began < 5


def test_an_error_of_ones_own_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="mine"), cut_off_after(1):
        raise ValueError("mine")


@pytest.fixture
def rung() -> Iterator[list[int]]:
    """Set somebody's alarm to a minute from now; gives how often it has rung."""
    found: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: found.append(number))
    # the test's own timeout has one as well
    timer = signal.setitimer(signal.ITIMER_REAL, 60)
    yield found
    signal.setitimer(signal.ITIMER_REAL, *timer)
    signal.signal(signal.SIGALRM, before)


def test_an_alarm_of_somebody_else_that_is_sooner_rings_within(rung: list[int]) -> None:
    with cut_off_after(90):
        signal.raise_signal(signal.SIGALRM)
    assert len(rung) == 1


def test_an_alarm_of_somebody_else_that_is_later_rings_afterwards(rung: list[int]) -> None:
    with cut_off_after(30):
        pass
    with pytest.raises(OutOfTime), cut_off_after(0.05):
        time.sleep(5)
    assert 40 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    signal.raise_signal(signal.SIGALRM)
    assert len(rung) == 1


def test_beside_the_main_thread_nothing_is_cut_off() -> None:
    ended = []

    def work() -> None:
        with cut_off_after(0.01):
            time.sleep(0.05)
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(5)
    assert ended == [True]
