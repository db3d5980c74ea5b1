"""Several processes write one table and one ledger at once: nothing that was reported is lost."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from mlfactory.lake import ledger
from mlfactory.lake.ledger import Entry, Overtaken
from mlfactory.lake.tables import Lake
from mlfactory.settings import settings

WRITERS = 4
ROUNDS = 6
FIRST_WRITES = 10
_OURS = ("MLFACTORY_", "AWS_")


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WRITERS, mp_context=spawn) as pool:
        yield pool


def together(pool: ProcessPoolExecutor, what: Callable[..., object], *of_each: object) -> list:
    """Let every process do `what` at the same moment, each with its number."""
    at = time.time() + 0.3
    environment = {name: value for name, value in os.environ.items() if name.startswith(_OURS)}
    asked = [
        pool.submit(_in_its_place, environment, at, what, number, *of_each)
        for number in range(WRITERS)
    ]
    return [one.result(timeout=120) for one in asked]


def _in_its_place(
    environment: dict[str, str], at: float, what: Callable[..., object], *arguments: object
) -> object:
    os.environ.update(environment)
    settings.cache_clear()
    time.sleep(max(0, at - time.time()))
    return what(*arguments)


def write_partition(number: int, table: str, more: bool) -> int:
    frame = pd.DataFrame({"id": [f"r{number}"], "value": [float(number)]})
    if more:
        frame[f"only_{number}"] = "x"
    return Lake("shop").replace(table, frame, f"2013-01-0{number + 1}")


def promote(number: int, follows: int) -> int | None:
    details = {"version": str(number), "seen_through": "2013-01-01"}
    entry = Entry("promoted", "2013-01-01", "the gates", str(number), follows=follows)
    try:
        return ledger.record("shop", Entry(**{**vars(entry), "details": details})).number
    except Overtaken:
        return None


def refuse(number: int) -> list[int]:
    return [
        ledger.record("shop", Entry("retrain_refused", "k", "few rows", f"{number}.{n}")).number
        for n in range(5)
    ]


@pytest.mark.parametrize("more", [False, True], ids=["same_columns", "columns_of_their_own"])
def test_first_writes_at_once_lose_no_partition(
    home: Path, processes: ProcessPoolExecutor, more: bool
) -> None:
    for attempt in range(FIRST_WRITES):
        table = f"sales_{attempt}"
        versions = together(processes, write_partition, table, more)
        assert len(set(versions)) == WRITERS
        found = Lake("shop").read(table)
        assert found["value"].to_list() == [0.0, 1.0, 2.0, 3.0], attempt
        if more:
            assert [found[f"only_{n}"].count() for n in range(WRITERS)] == [1] * WRITERS


def test_writes_of_the_same_table_again_and_again_lose_no_partition(
    home: Path, processes: ProcessPoolExecutor
) -> None:
    for _ in range(ROUNDS):
        together(processes, write_partition, "sales", False)
    assert Lake("shop").read("sales")["value"].to_list() == [0.0, 1.0, 2.0, 3.0]


def test_of_promotions_at_once_one_is_written(home: Path, processes: ProcessPoolExecutor) -> None:
    for attempt in range(ROUNDS):
        made = together(processes, promote, ledger.newest_decision("shop"))
        assert made.count(None) == WRITERS - 1
        assert len(ledger.entries("shop", "promoted")) == attempt + 1


def test_entries_at_once_are_all_there_and_numbered_without_a_gap(
    home: Path, processes: ProcessPoolExecutor
) -> None:
    numbers = [number for made in together(processes, refuse) for number in made]
    assert sorted(numbers) == list(range(1, 5 * WRITERS + 1))
    assert len({entry.subject for entry in ledger.entries("shop")}) == 5 * WRITERS
