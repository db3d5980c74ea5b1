"""Landed rows are cleaned before they are judged, and all that follows has them cleaned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from tests.integration.validate.cleaned_shop import KEY, STEPS, Shop, of_key, usable
from tests.integration.validate.conftest import page, quarantine, reasons

from mlfactory import ingest, prepare, validate
from mlfactory.ingest.given import read_given
from mlfactory.lake import batches
from mlfactory.lake.catalog import clean, raw
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.removal import remove_source
from mlfactory.lake.rows import accepted, standings
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, IntegrityError, UsageError
from mlfactory.quarantine import Choice, release, rows_in_quarantine
from mlfactory.quarantine.spreadsheet import as_csv

pytestmark = [pytest.mark.one_lake, pytest.mark.usefixtures("home")]


def test_rows_are_used_as_they_were_cleaned_and_stay_as_they_landed(shop: Shop) -> None:
    product = shop()
    lake = Lake("shop")
    landed = lake.read(raw("trips"), [KEY])
    assert (len(landed), of_key(landed, " A ")["price"]) == (26, "1,5")
    assert list(landed["city"]).count("N.Y.") == 1
    rows = usable(product)
    assert sorted(rows["id"])[:2] == ["A", "B"]
    assert {"C", "D", "E"}.isdisjoint(rows["id"])
    one, other = of_key(rows, "A"), of_key(rows, "B")
    assert (one["city"], one["price"], one["miles"]) == ("LA", 2.5, 32.0)
    assert (other["city"], other["price"]) == ("nowhere", 3.5)
    assert of_key(rows, "T3")["price"] == 1003.5
    prepare.run(product, product.calendar.parse(KEY))
    features = lake.read("features", [KEY])
    assert (len(features), of_key(features, "A")["miles"]) == (22, 32.0)


def test_what_cleaning_cannot_do_is_quarantined_as_it_was_received(shop: Shop) -> None:
    shop()
    told = sorted(reasons().values())
    assert told[0][0].startswith("city='Paris' breaks")
    assert told[1:] == [
        ["price='free' cannot be read as a number"],
        ["price=9999.0 is an outlier: not at most 5000"],
    ]
    records = [json.loads(record) for record in quarantine()["record"]]
    assert [(one["id"], one["price"], one["miles"]) for one in records] == [
        ("C", "free", 40),
        ("D", "9.999,0", 50),
        ("E", "4,5", 60),
    ]


def test_what_each_step_did_is_counted_and_shown_before_and_after(shop: Shop) -> None:
    shop()
    told = read_manifest("shop", "validate", KEY)["facts"]["cleaned"]["trips"]
    assert told["landed"] == 26
    steps = {each["do"]: each for each in told["told"]}
    assert steps["trim"]["changed"] == {"id": 1}
    assert steps["map"]["examples"] == {"city": [["N.Y.", "NY"]]}
    assert (steps["number"]["changed"], steps["number"]["unread"]) == ({"price": 25}, {"price": 1})
    assert steps["outliers"]["quarantined"] == {"price": 1}
    assert steps["duplicates"]["dropped"] == 1
    assert "26 rows landed, and 25 were left by these steps" in page()
    assert "&#39;N.Y.&#39; → &#39;NY&#39;" in page()


@pytest.mark.parametrize("size", [5, 1000])
def test_a_row_is_released_by_what_was_received_and_its_correction_is_cleaned(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(batches, "BATCH", size)
    product = shop()
    bad = {json.loads(one.record)["id"]: one for one in quarantine().itertuples()}
    partition = product.calendar.parse(KEY)
    release(product, partition, Choice(digests=[bad["D"].digest]), why="it is so", who="ada")
    text = as_csv(rows_in_quarantine(product, partition, "trips"))
    edited = text.replace(",free,", ',"1.234,5",')
    release(product, partition, Choice(), why="asked", who="ada", corrected=edited)
    result = validate.run(product, product.calendar.parse(KEY))
    assert (result.quarantined, result.released) == (1, 2)
    rows = usable(product)
    # written as the source writes it, and cleaned as its other rows are
    assert of_key(rows, "C")["price"] == 1234.5
    assert (of_key(rows, "C")["miles"], of_key(rows, "C")["city"]) == (64.0, "LA")
    assert of_key(rows, "D")["price"] == 9999.0
    # landed once more, the rows are others' neighbours and the same rows
    ingest.run(product, product.calendar.parse(KEY))
    assert validate.run(product, product.calendar.parse(KEY)).released == 2


@pytest.mark.parametrize("size", [3, 7])
def test_batches_get_what_one_frame_gets(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    product = shop()
    names = ["source", "row", "key", "digest", "reasons", "kinds", "record"]

    def all_told() -> tuple[Any, ...]:
        facts = read_manifest("shop", "validate", KEY)["facts"]
        rows = Lake("shop").read(clean("trips"), [KEY]).drop(columns="_landing")
        return quarantine()[names].to_json(), facts["cleaned"], facts["bad"], rows.to_json()

    before = all_told()
    monkeypatch.setattr(batches, "BATCH", size)
    validate.run(product, product.calendar.parse(KEY))
    assert all_told() == before


def test_rows_that_somebody_gives_are_cleaned_as_landed_ones_are(
    shop: Shop, tmp_path: Path
) -> None:
    product = shop()
    file = tmp_path / "given.csv"
    file.write_text(
        f'id,at,city,price,miles\n X ,{KEY}T10:00:00Z,N.Y.,"1.000,5",10\n'
        f'Y,{KEY}T10:00:00Z,LA,free,1\nZ,{KEY}T10:00:00Z,LA,"9.999,0",1\n'
    )
    given = read_given(product, "trips", file)
    assert of_key(given.rows, "X")["price"] == 1000.5
    assert (given.rows["miles"].tolist(), given.rows["city"][0]) == ([16.0, 1.6, 1.6], "NY")
    assert given.reasons == {
        1: "price: 'free' cannot be read as float",
        2: "price=9999.0 is an outlier: not at most 5000",
    }


def test_other_steps_make_partitions_unvalidated_until_they_are_cleaned_anew(shop: Shop) -> None:
    shop()
    other = STEPS.replace("factor: 1.6", "factor: 2")
    product = shop(steps=other, run=False)
    assert standings(product, [KEY])[KEY].state == "unvalidated"
    with pytest.raises(UsageError, match="not validated"):
        prepare.run(product, product.calendar.parse(KEY))
    validate.run(product, product.calendar.parse(KEY))
    assert of_key(usable(product), "A")["miles"] == 40.0
    # steps that give another type begin the table anew
    product = shop(steps="\n      - {do: trim, columns: city}", run=False)
    result = validate.run(product, product.calendar.parse(KEY))
    assert result.verdict == "pass_with_quarantine"


def test_cleaned_rows_that_are_gone_are_an_error(shop: Shop) -> None:
    product = shop()
    lake = Lake("shop")
    lake.replace(clean("trips"), lake.arrow(clean("trips"), [KEY]).slice(0, 3), KEY)  # type: ignore[union-attr]
    with pytest.raises(IntegrityError, match="were left by cleaning") as caught:
        accepted(product, "trips", [KEY])
    assert "--stage validate" in str(caught.value)
    remove_source("shop", "trips")
    assert lake.version(clean("trips")) is None


def test_a_column_that_landed_as_numbers_is_not_read_from_text(shop: Shop) -> None:
    shop()
    more = STEPS.replace("{do: unit, columns: miles, factor: 1.6}", "{do: number, columns: miles}")
    product = shop(steps=more, run=False)
    with pytest.raises(ContractError, match="reads 'miles' from its text, and the lake holds it"):
        ingest.run(product, product.calendar.parse(KEY))


def test_what_would_stop_is_told_of_cleaned_rows_before_they_land(shop: Shop) -> None:
    product = shop()
    lake = Lake("shop")
    landed = lake.arrow(raw("trips"), [KEY])
    assert landed is not None
    version = lake.version(clean("trips"))
    rows = landed.drop_columns(["partition"])
    validate.refuse_stopped(product, product.calendar.parse(KEY), {"trips": rows})
    bad = rows.set_column(
        rows.column_names.index("city"), "city", pa.array(["Paris"] * rows.num_rows)
    )
    with pytest.raises(ContractError, match="would break its contract"):
        validate.refuse_stopped(product, product.calendar.parse(KEY), {"trips": bad})
    assert lake.version(clean("trips")) == version


@pytest.mark.parametrize("table", [clean("trips"), "quarantine"])
def test_a_validation_that_is_cut_off_leaves_nothing_that_is_used_and_the_next_one_all(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    product = shop()
    before = usable(product)
    replace = Lake.replace

    def cut(lake: Lake, name: str, *given: Any) -> int:
        version = replace(lake, name, *given)
        if name == table:
            raise KeyboardInterrupt
        return version

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            validate.run(product, product.calendar.parse(KEY))
    assert standings(product, [KEY])[KEY].state == "unvalidated"
    validate.run(product, product.calendar.parse(KEY))
    pd.testing.assert_frame_equal(usable(product), before)
