from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlfactory.lake.at_work import at_work
from mlfactory.lake.catalog import ON_DEMAND, SUMMARIES, manifest_file, report_page
from mlfactory.lake.store import Store, product_store, write_json
from mlfactory.lake.summaries import summaries
from mlfactory.upkeep import keep_product, pages, stage
from mlfactory.upkeep.pages import keep_answers, keep_pages, keep_summaries

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(days=400), NOW - timedelta(days=3)
DAYS = [f"2013-01-{day:02d}" for day in range(1, 32)] + [f"2013-03-{d:02d}" for d in range(1, 31)]


@pytest.fixture
def store(home: Path) -> Store:
    return product_store("shop")


def monitored(store: Store, key: str, at: datetime) -> None:
    made = {"id": f"run-{key}", "stage": "monitor", "name": key, "started_at": at.isoformat()}
    write_json(store, manifest_file("monitor", key), made)
    store.write(report_page(key), b"page")


def test_pages_go_by_when_their_run_was_and_the_newest_always_stay(store: Store) -> None:
    for key in DAYS:
        monitored(store, key, LONG_AGO)
    monitored(store, DAYS[0], LATELY)
    store.write(report_page("2012-01-01"), b"of a run that is under way, or failed")
    before = store.list("reports")
    told = list(keep_pages("shop", NOW, dry_run=True))
    assert store.list("reports") == before
    assert told == ["reports: 10 pages removed, of runs more than 365 days ago"]
    assert list(keep_pages("shop", NOW, dry_run=False)) == told
    gone = {report_page(key) for key in DAYS[1:11]}
    assert store.list("reports") == sorted(set(before) - gone)
    assert list(keep_pages("shop", NOW, dry_run=False)) == []


def test_a_page_stays_whose_run_was_done_anew_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in DAYS:
        monitored(store, key, LONG_AGO)
    known = summaries("shop", "monitor")
    made = {"id": "another", "stage": "monitor", "name": DAYS[0], "started_at": NOW.isoformat()}
    write_json(store, manifest_file("monitor", DAYS[0]), made)
    monkeypatch.setattr(pages, "summaries", lambda *_: known)
    list(keep_pages("shop", NOW, dry_run=False))
    assert report_page(DAYS[0]) in store.list("reports")
    assert report_page(DAYS[1]) not in store.list("reports")


def test_data_docs_go_with_the_partition_that_they_are_of(store: Store) -> None:
    for key in DAYS:
        made = {"id": "x", "stage": "validate", "name": key, "started_at": LONG_AGO.isoformat()}
        write_json(store, manifest_file("validate", key), made)
        store.write(f"data_docs/validations/sales/{key}/20130101T000000.0Z/sales.html", b"page")
    store.write("data_docs/index.html", b"index")
    list(keep_pages("shop", NOW, dry_run=False))
    left = store.list("data_docs")
    assert "data_docs/index.html" in left and len(left) == 51
    assert not any(DAYS[0] in name for name in left)


def test_answers_go_long_after_they_were_first_seen(store: Store) -> None:
    store.write(f"{ON_DEMAND}/a.csv", b"1")
    assert list(keep_answers("shop", NOW, dry_run=False)) == []
    later = NOW + timedelta(days=91)
    store.write(f"{ON_DEMAND}/b.csv", b"2")
    told = list(keep_answers("shop", later, dry_run=True))
    assert store.list(ON_DEMAND) == [f"{ON_DEMAND}/a.csv", f"{ON_DEMAND}/b.csv"]
    assert list(keep_answers("shop", later, dry_run=False)) == told != []
    assert store.list(ON_DEMAND) == [f"{ON_DEMAND}/b.csv"]


def test_a_dry_run_begins_no_count_of_days(store: Store) -> None:
    store.write(f"{ON_DEMAND}/a.csv", b"1")
    list(keep_answers("shop", NOW, dry_run=True))
    assert list(keep_answers("shop", NOW + timedelta(days=91), dry_run=False)) == []


def test_summaries_go_when_no_manifest_of_their_time_is_left(store: Store) -> None:
    for key in DAYS:
        monitored(store, key, LATELY)
    assert len(summaries("shop", "monitor")) == len(DAYS)
    store.write(f"{SUMMARIES}/monitor/2013.1.json.z", b"of an earlier revision")
    assert len(store.list(SUMMARIES)) == 2
    assert len(list(keep_summaries("shop", dry_run=True))) == 1
    list(keep_summaries("shop", dry_run=False))
    assert store.list(SUMMARIES) == [f"{SUMMARIES}/monitor/2013.2.json.z"]


def test_of_two_that_begin_at_once_upkeep_is_the_one_that_waits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in DAYS:
        monitored(store, key, LONG_AGO)
    look, looks = stage.in_the_way, []

    def late(product: str, ours: int = 0) -> str | None:
        looks.append(ours)
        return None if len(looks) == 1 else look(product, ours)

    monkeypatch.setattr(stage, "in_the_way", late)
    with at_work("shop", "ingest of 2013-01-01"):
        told = list(keep_product("shop", dry_run=False, now=NOW))
    assert told == ["waits: ingest of 2013-01-01 is under way"] and looks == [0, 1]
    assert len(store.list("reports")) == len(DAYS)


def test_upkeep_waits_for_work_that_is_under_way(store: Store) -> None:
    for key in DAYS:
        monitored(store, key, LONG_AGO)
    with at_work("shop", "ingest of 2013-01-01"):
        for dry_run in (True, False):
            told = list(keep_product("shop", dry_run=dry_run, now=NOW))
            assert told == ["waits: ingest of 2013-01-01 is under way"]
    assert len(store.list("reports")) == len(DAYS)
    write_json(
        store,
        "removal.json",
        {
            "process": {"machine": "m", "number": 1, "begun": 1},
            "until": "2020-01-01T00:00:00+00:00",
        },
    )
    assert next(keep_product("shop", dry_run=False, now=NOW)).startswith("waits: a reset")


def test_a_backup_that_was_killed_on_another_machine_keeps_upkeep_waiting_until_its_note_ends(
    store: Store,
) -> None:
    def note(until: datetime) -> None:
        process = {"machine": "m", "number": 1, "begun": 1, "boot": "another", "space": "another"}
        told = {"what": "backup", "process": process, "until": until.isoformat()}
        write_json(store, "at_work/left.json", told)

    now = datetime.now(UTC)
    note(now + timedelta(hours=1))
    assert list(keep_product("shop", dry_run=True)) == ["waits: backup is under way"]
    note(now - timedelta(seconds=1))
    assert list(keep_product("shop", dry_run=True)) == []
