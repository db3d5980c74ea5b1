"""Whoever is erased is in nothing that cleaning, profiles, watching or labelling keep either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.erase.conftest import ANNA, KEY, holding

from mlfactory.arrivals.known import read_known
from mlfactory.arrivals.taking import take
from mlfactory.cycle.job import Budget, Job
from mlfactory.cycle.run import run_stages
from mlfactory.erase import asked_for, erase, look_for
from mlfactory.labelling import batch_of, take_answers
from mlfactory.labelling.page import leave_page
from mlfactory.lake.answers import Answer, read_answers, read_batch
from mlfactory.lake.catalog import key_hashes_folder, profile_page
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.profiles.page import write_page
from mlfactory.settings import settings

SPEC = """
apiVersion: mlfactory/v1
name: visits
partition: {every: day, start: 2024-01-01}
sources:
  visits:
    kind: csv
    path: "visits-*.csv"
    event_time: at
    key: [person, at]
    watch: true
    clean:
      - {do: trim}
      - {do: case, columns: person, to: lower}
      - {do: duplicates, keep: last, by: at}
  outcomes: {kind: csv, path: outcomes.csv, event_time: told_at, key: [who, told_at]}
expect:
  visits:
    - {type: expect_rows_to_be_new, column_list: [person], severity: warning}
features: {build: "features:build", key: [person], event_time: at, numeric: [amount],
  categorical: [colour]}
label:
  column: ill
  kind: binary
  arrives_after: 1 day
  from: {source: outcomes, key: {person: who}, value: was_ill, by: doctor}
labelling: {batch: 100, strategy: {uncertainty: 0%, value: 0%, random: 100%}}
"""
FEATURES = """
def build(sources):
    return sources["visits"].sort_values("at").drop_duplicates("person", keep="last")
"""

DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")
SPELLED = (ANNA, f"  {ANNA.title()} ", ANNA.upper())
"""She is cleaned of one spelling a day, and of two on the second, of which one row is dropped."""
NOW = datetime(2024, 1, 9, tzinfo=UTC)
PEOPLE = tuple(f"p{number}@example.org" for number in range(12))


@dataclass
class Visits:
    """The product, whose people are told of and asked about."""

    product: Product
    folder: Path

    def run(self, *days: str) -> None:
        for day in days:
            slot = self.product.calendar.parse(day)
            job = Job(self.product, slot, training_id=f"{day}.cli-x", budget=Budget(reason="test"))
            for _ in run_stages(job, ("ingest", "validate", "prepare")):
                pass
            write_page(self.product, slot)

    def told(self, *rows: tuple[str, str, int]) -> None:
        lines = [f"{who},{at},{ill},dr-{ill}" for who, at, ill in rows]
        text = "\n".join(["who,told_at,was_ill,doctor", *lines])
        (self.folder / "outcomes.csv").write_text(text + "\n")

    def answered(self, day: str) -> None:
        batch = batch_of(self.product, self.product.calendar.parse(day))
        leave_page(self.product, batch)
        labels = {row.row: Answer(row.row, day, float(n % 2)) for n, row in enumerate(batch.rows)}
        at = datetime(2024, 1, 3, 9, tzinfo=UTC)
        take_answers(self.product, labels, who="dr", why="seen", at=at)

    def erase(self, why: str = "request 4711") -> None:
        done = erase(self.product, asked_for(self.product, [f"person={ANNA}"], why=why))
        assert not done.problems


@pytest.fixture
def visits(
    home: Path, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> Visits:
    """Give three days of visits that were landed, cleaned, told of, asked about and answered."""
    monkeypatch.setenv("MLFACTORY_PII_KEY", KEY)
    settings.cache_clear()
    files = {f"visits-{day}.csv": _csv(place, day) for place, day in enumerate(DAYS)}
    product = make_product(SPEC, FEATURES, {**files, "outcomes.csv": ""})
    made = Visits(product, Path(product.folder))
    first, lost = f"{DAYS[0]}T20:00:00Z", f"{DAYS[1]}T20:00:00Z"
    made.told((ANNA, first, 1), (PEOPLE[1], first, 0), (ANNA, lost, 0), (PEOPLE[2], lost, 1))
    made.run(*DAYS[:2])
    # what its source has not any more stands in the table of labels
    made.told((ANNA, first, 1), (PEOPLE[1], first, 0))
    made.run(DAYS[1])
    made.answered(DAYS[1])
    made.run(DAYS[2])
    take(product, "visits", NOW, quiet=0)
    # a file that cannot be read, and the message says why
    bad = made.folder / "visits-bad.csv"
    bad.write_text(f"person,at,amount,colour\np1,{ANNA},1,red\n")
    take(product, "visits", NOW, quiet=0)
    bad.unlink()
    store = product_store(product.name)
    store.write("inbox/ask.csv", f"person,at,amount\n{ANNA},2024-01-04T00:00:00Z,1\n".encode())
    return made


def _csv(place: int, day: str) -> str:
    colours = {SPELLED[place]: ANNA, SPELLED[2]: ANNA}
    people = [SPELLED[place], *PEOPLE]
    rows = [(who, f"{number + 1:02}:00") for number, who in enumerate(people)]
    # often enough to be shown on a page
    rows += [(who, f"21:0{n}") for who in (SPELLED[place], PEOPLE[1]) for n in range(3)]
    # a row that is dropped, before hers: a row's place is another one after cleaning
    rows.insert(0, (PEOPLE[3].upper(), "05:00"))
    rows += [(SPELLED[2], "01:00")] if place == 1 else []
    lines = [f"{who},{day}T{at}:00Z,{len(at)},{colours.get(who, 'red')}" for who, at in rows]
    return "\n".join(["person,at,amount,colour", *lines]) + "\n"


def test_no_file_has_her_any_more(visits: Visits) -> None:
    hers = (ANNA, *SPELLED[1:], ANNA.title())
    before = {where.split("/visits/")[-1].split("/")[0] for where in holding(ANNA)[ANNA]}
    assert before >= {
        *("raw_visits", "clean_visits", "raw_outcomes", "labels", "features", "received"),
        *("profiled", "profiles", "labelling", "to_label", "arrivals", "inbox", "manifests"),
    }
    assert product_store("visits").list(key_hashes_folder("visits"))
    visits.erase()
    assert not {text: where for text, where in holding(*hers).items() if where}
    assert not look_for(visits.product, asked_for(visits.product, [f"person={ANNA}"], why="x"))
    assert not product_store("visits").list("erasure")
    assert read_known("visits", "visits").files


def test_others_keep_rows_labels_answers_and_pages(visits: Visits) -> None:
    lake, tables = Lake("visits"), ("raw_visits", "clean_visits", "labels", "features")
    before = {table: lake.read(table) for table in tables}
    asked, answers = read_batch("visits", DAYS[1]), read_answers("visits")
    assert asked is not None and len(asked.rows) == 13
    visits.erase()
    for table, rows in before.items():
        person = rows["person"].str.strip().str.lower()
        ours = [c for c in rows if c in ("_run", "_row", "_landing", "_landed_row", "_seen_at")]
        left = rows[person != ANNA].drop(columns=ours).reset_index(drop=True)
        now = lake.read(table).drop(columns=ours)
        by = ["partition", "person", *(c for c in ("at", "available_at") if c in left)]
        pd.testing.assert_frame_equal(
            now.sort_values(by, ignore_index=True), left.sort_values(by, ignore_index=True)
        )
    # also what its source has lost since
    assert PEOPLE[2] in lake.read("labels").query("_told_as != 'people'")["person"].tolist()
    left_asked = read_batch("visits", DAYS[1])
    assert left_asked is not None
    hers = {row.row for row in asked.rows} - {row.row for row in left_asked.rows}
    assert len(hers) == 1
    [now_given], [given] = read_answers("visits"), answers
    assert now_given.answers == tuple(one for one in given.answers if one.row not in hers)
    store = product_store("visits")
    pages = [*(profile_page(day) for day in DAYS), f"to_label/{DAYS[1]}.html"]
    assert all(PEOPLE[1].encode() in store.read(page) for page in pages)


def test_a_second_time_changes_nothing_and_she_does_not_come_back(visits: Visits) -> None:
    visits.erase()
    lake = Lake("visits")
    tables = ("raw_visits", "clean_visits", "raw_outcomes", "labels", "features")
    before, answers = {table: lake.read(table) for table in tables}, read_answers("visits")
    visits.erase("request 4712")
    for table, rows in before.items():
        pd.testing.assert_frame_equal(lake.read(table), rows)
    assert read_answers("visits") == answers
    assert not take(visits.product, "visits", NOW, quiet=0).lacks
    # however her name is spelled at the source
    visits.run(*DAYS)
    assert not any(holding(ANNA, *SPELLED[1:]).values())
    pd.testing.assert_frame_equal(
        lake.read("labels").drop(columns="_run"), before["labels"].drop(columns="_run")
    )
