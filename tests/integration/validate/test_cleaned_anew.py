"""What cleaning has to do with what people decided, with other steps, and with rows that stop."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from tests.integration.validate.cleaned_shop import KEY, STEPS, Shop, of_key, usable
from tests.integration.validate.conftest import page, quarantine, reasons

from mlfactory import ingest, prepare, validate
from mlfactory.ingest.given import read_given
from mlfactory.lake.anew import begin_anew
from mlfactory.lake.catalog import clean
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.rows import standings
from mlfactory.lake.staleness import stale_runs
from mlfactory.lake.tables import Lake
from mlfactory.predict.context import newest
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.product.loader import Product
from mlfactory.quarantine import Choice, discard, release, rows_in_quarantine
from mlfactory.quarantine.spreadsheet import as_csv
from mlfactory.reconcile.gaps import DATA, STALE
from mlfactory.reconcile.lacking import lacking
from mlfactory.trainings.usable import not_usable

pytestmark = [pytest.mark.one_lake, pytest.mark.usefixtures("home")]

AT = f"{KEY}T11:00:00Z"
STOP = """
      - {do: number, columns: price, decimal: ",", thousands: "."}
      - {do: duplicates, keep: stop}"""
FIRST = STOP.replace("stop", "first")
MILES = STEPS.replace("factor: 1.6", "factor: 2")


def digest_of(key: str) -> str:
    rows = quarantine()
    [found] = [row for row in rows.itertuples() if json.loads(row.record)["id"] == key]
    return str(found.digest)


def judge(product: Product) -> validate.ValidateResult:
    return validate.run(product, product.calendar.parse(KEY))


def land_again(product: Product, *more: str) -> validate.ValidateResult:
    file = product.folder / "trips.csv"
    file.write_text(file.read_text() + "".join(f"{line}\n" for line in more))
    ingest.run(product, product.calendar.parse(KEY))
    return judge(product)


def test_rows_with_one_key_stop_the_partition_and_its_page_tells_which(shop: Shop) -> None:
    again = f'T1,{AT},NY,"7,5",1'
    product = shop(again, steps=STOP, run=False)
    ingest.run(product, product.calendar.parse(KEY))
    why = "step 2 of clean (duplicates): 1 row has the key (id) of another row"
    with pytest.raises(ContractError) as caught:
        judge(product)
    assert f"trips: {why}, and it says stop: id='T1'" in str(caught.value)
    assert standings(product, [KEY])[KEY].state == "stopped"
    facts = read_manifest("shop", "validate", KEY)["facts"]
    assert (facts["verdict"], facts["stopped_by"]) == ("stop", ["trips"])
    assert "Step 2 stops the partition: 1 row has the key (id) of another row" in page()
    # both rows are there to be looked at
    assert ["id='T1' is the key of another row as well"] in list(reasons().values())
    rows = Lake("shop").arrow(clean("trips"), [KEY])
    assert rows is not None
    with pytest.raises(ContractError, match="says stop: id='T1'"):
        validate.refuse_stopped(
            product, product.calendar.parse(KEY), {"trips": rows_landed(product)}
        )
    product = shop(again, steps=FIRST, run=False)
    assert judge(product).verdict == "pass_with_quarantine"


def rows_landed(product: Product) -> pa.Table:
    rows = Lake("shop").arrow("raw_trips", [KEY])
    assert rows is not None
    return rows.drop_columns(["partition"])


def test_a_row_is_corrected_before_its_key_meets_those_of_others(shop: Shop) -> None:
    # the first cannot be read, and has the key of another trip
    product = shop(f"A1,{AT},LA,free,1", f'A1,{AT},LA,"2,5",2', steps=FIRST)
    assert "A1" not in set(usable(product)["id"])
    rows = as_csv(rows_in_quarantine(product, product.calendar.parse(KEY), "trips"))
    assert rows.count("A1,") == 1  # the second is gone, as of one key the first stays
    edited = rows.replace("A1,", "A2,").replace(",free,", ',"1.000,5",')
    partition = product.calendar.parse(KEY)
    release(product, partition, Choice(), why="asked", who="ada", corrected=edited)
    judge(product)
    found = usable(product)
    assert (of_key(found, "A2")["price"], of_key(found, "A1")["price"]) == (1000.5, 2.5)
    # other steps make another type of it
    product = shop(f"A1,{AT},LA,free,1", steps="\n      - {do: trim, columns: city}", run=False)
    judge(product)
    assert of_key(usable(product), "A2")["price"] == "1.000,5"


def test_a_discarded_row_takes_no_other_ones_place(shop: Shop) -> None:
    product = shop(steps=FIRST)
    partition = product.calendar.parse(KEY)
    choice = Choice(digests=[digest_of("C")])
    discard(product, partition, choice, why="typed by hand", who="ada")
    assert judge(product).verdict == "pass_with_quarantine"
    # the source sends it once more, as it should be
    land_again(product, f'C,{AT},LA,"12,5",40')
    assert of_key(usable(product), "C")["price"] == 12.5
    assert digest_of("C") == choice.digests[0]


def test_other_steps_are_found_and_nothing_is_learned_from_rows_of_both(shop: Shop) -> None:
    product = shop()
    prepare.run(product, product.calendar.parse(KEY))
    lake = Lake("shop")
    later = datetime(2026, 1, 2, 12, tzinfo=UTC)

    def gaps(product: Product) -> list[tuple[str, str]]:
        return [(gap.key, gap.words) for gap in lacking(product, later) if gap.kind == STALE]

    def left_out(product: Product) -> dict[str, str]:
        return not_usable(product, [KEY], lake.versions("features", "labels"))

    assert (stale_runs(product), gaps(product), left_out(product)) == ([], [], {})
    for other in (MILES, ""):
        product = shop(steps=other or " []", run=False)
        stale = [(run.stage, run.because) for run in stale_runs(product)]
        assert stale[0] == ("validate", ("other steps of clean",))
        assert ("prepare", (f"validate/{KEY}",)) in stale
        words = "validate knew of other steps of clean than there are now"
        assert gaps(product) == [(KEY, words)]
        [gap] = [gap for gap in lacking(product, later) if gap.kind == STALE]
        # what has landed is cleaned anew, and not read again
        assert (gap.part, gap.landed, gap.can_be_mended) == (DATA, True, True)
        assert "cleaned by other steps of clean" in left_out(product)[KEY]
    product = shop(steps=MILES, run=False)
    judge(product)
    prepare.run(product, product.calendar.parse(KEY))
    assert (stale_runs(product), gaps(product), left_out(product)) == ([], [], {})


def test_registers_that_await_other_steps_are_told_and_not_taken_to_be_empty(shop: Shop) -> None:
    product = shop()
    assert len(newest(product, "trips")) == 22
    with pytest.raises(UsageError, match="its steps of clean were changed"):
        newest(shop(steps=MILES, run=False), "trips")


def test_a_column_whose_first_value_comes_later_is_cleaned_from_then_on(shop: Shop) -> None:
    steps = "\n      - {do: unit, columns: weight, factor: 2}"
    product = shop(steps=steps, run=False)
    file = product.folder / "trips.csv"
    file.write_text(f"id,at,city,weight\nA,{AT},NY,\nB,2026-01-02T10:00:00Z,NY,3\n")
    for key in (KEY, "2026-01-02"):
        ingest.run(product, product.calendar.parse(key))
        assert validate.run(product, product.calendar.parse(key)).verdict == "pass"
    weights = Lake("shop").read(clean("trips"))["weight"]
    assert weights.isna().tolist() == [True, False]
    assert weights[1] == 6.0
    assert judge(product).verdict == "pass"


def test_a_table_that_begins_anew_keeps_its_versions_and_one_of_two_begins_it(shop: Shop) -> None:
    product = shop()
    lake, table = Lake("shop"), clean("trips")
    version = lake.version(table)
    assert version is not None
    before = lake.read(table, [KEY], version=version)
    product = shop(steps="\n      - {do: trim, columns: city}", run=False)
    judge(product)
    assert lake.columns(table)["price"] == pa.string()
    pd.testing.assert_frame_equal(lake.read(table, [KEY], version=version), before)
    # who looked before the other one began it anew finds that it is done
    schema = pa.schema({"price": pa.float64()})
    assert not begin_anew(lake, table, schema, version)
    assert len(lake.read(table, [KEY])) == 26
    newest_version = lake.version(table)
    assert newest_version is not None
    assert begin_anew(Lake("shop"), table, schema, newest_version)
    assert lake.partitions(table) == []


def test_what_is_given_is_cleaned_without_asking_for_other_rows(shop: Shop, tmp_path: Path) -> None:
    steps = f"{FIRST}\n      - {{do: fill, columns: city, last_of: id}}"
    product = shop(steps=steps)
    file = tmp_path / "given.csv"
    file.write_text(f'id,at,city,price,miles\nX,{AT},NY,"1,5",1\nY,{AT},,"2,5",1\n')
    given = read_given(product, "trips", file)
    assert given.rows["price"].tolist() == [1.5, 2.5]
    assert given.rows["city"].isna().tolist() == [False, True]
