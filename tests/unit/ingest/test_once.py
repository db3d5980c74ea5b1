"""A file is read once, split by partition, and each partition is what it would be read alone."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlfactory import ingest
from mlfactory.ingest import index, split
from mlfactory.ingest.index import place_of, places_of
from mlfactory.ingest.kept import Kept, kept_within
from mlfactory.ingest.readers import csv
from mlfactory.ingest.receiving import receive
from mlfactory.ingest.request import Request, request_for
from mlfactory.ingest.split import Splitter
from mlfactory.ingest.within import Within, rows_within
from mlfactory.lake import batches
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import FolderStore, product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, ServiceError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Calendar, Every, Partition

START = datetime(2026, 1, 1, tzinfo=UTC)
CALENDAR = Calendar("day", START)

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: bad, kind: binary}
"""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few rows be many: of segments, of blocks, and of what is held at once."""
    monkeypatch.setattr(split, "SEGMENT", 3_000)
    monkeypatch.setattr(split, "BLOCK", 5)
    monkeypatch.setattr(csv, "_PIECE", 700)
    monkeypatch.setattr(batches, "BATCH", 40)


def times_of(seed: int) -> list[str]:
    """Return the times of a file: in order, reversed, shuffled, in turns; some are none."""
    chance = random.Random(seed)
    count, days = chance.choice([(0, 1), (7, 3), (60, 4), (90, 6), (120, 9)])
    moments = sorted(START + timedelta(minutes=chance.randrange(days * 1440)) for _ in range(count))
    order = chance.choice(["ordered", "reversed", "shuffled", "turns", "late"])
    if order == "reversed":
        moments.reverse()
    elif order == "shuffled":
        chance.shuffle(moments)
    elif order == "turns":
        moments = [each for turn in range(5) for each in moments[turn::5]]
    elif order == "late":
        for _ in range(3):
            if moments:
                moments.insert(chance.randrange(len(moments)), moments.pop())
    times = [f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in moments]
    for _ in range(chance.choice([0, 0, 1, 5, 40])):
        place = chance.choice([0, len(times), chance.randrange(len(times) + 1)])
        times[place:place] = [chance.choice(["", "soon"])] * chance.choice([1, 1, 2, 12])
    return times


def table_of(times: list[str], first: int = 0) -> pa.Table:
    ids = [str(number) for number in range(first, first + len(times))]
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "at": pa.array([each or None for each in times], pa.string()),
        }
    )


def pieces(table: pa.Table, seed: int) -> Iterator[pa.Table]:
    chance, start = random.Random(seed), 0
    while start < table.num_rows:
        size = chance.randint(1, 30)
        yield table.slice(start, size)
        start += size


def kept(store: FolderStore, name: str, table: pa.Table, seed: int) -> Kept:
    splitter = Splitter(store, name, CALENDAR, table.schema, "at", None)
    for piece in pieces(table, seed):
        splitter.take(piece)
    assert splitter.finish({})
    told = index.Index.parsed(json.loads(store.read(f"{name}/index.json")))
    return Kept(store, name, told)


def all_of(found: Within) -> tuple[Any, ...]:
    rows = batches.whole(found.rows).to_pylist()
    return (rows, found.seen, found.unreadable, found.undated, found.strays, found.example)


def days(count: int = 8) -> list[Partition]:
    first = CALENDAR.parse("2026-01-01")
    return [CALENDAR.shift(first, by) for by in range(-1, count)]


@pytest.mark.parametrize("seed", range(16))
def test_split_every_partition_has_the_rows_that_it_has_read_alone(
    tmp_path: Path, seed: int
) -> None:
    table = table_of(times_of(seed))
    one = kept(FolderStore(tmp_path), "one", table, seed)
    for day in days():
        alone = rows_within(pieces(table, seed), table.schema, "at", day)
        assert all_of(kept_within([one], CALENDAR, day, True)) == all_of(alone), (seed, day.key)


@pytest.mark.parametrize("seed", range(8))
def test_files_split_apart_are_what_they_are_read_one_after_another(
    tmp_path: Path, seed: int
) -> None:
    store = FolderStore(tmp_path)
    tables = [table_of(times_of(1_000 * seed + n), 1_000 * n) for n in range(1 + seed % 4)]
    files = [kept(store, f"f{n}", table, seed) for n, table in enumerate(tables)]
    whole = pa.concat_tables(tables)
    for day in days():
        alone = rows_within(pieces(whole, seed), whole.schema, "at", day)
        assert all_of(kept_within(files, CALENDAR, day, True)) == all_of(alone), (seed, day.key)


@pytest.mark.parametrize("every", ["hour", "day", "week", "month"])
def test_a_time_is_put_where_the_calendar_has_it(every: Every) -> None:
    calendar, chance = Calendar(every), random.Random(7)
    moments = [
        datetime(1900, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(9_000_000_000))
        for _ in range(300)
    ]
    moments += [calendar.containing(each).start for each in moments]
    given = np.array([each.replace(tzinfo=None) for each in moments], "datetime64[us]")
    expected = [place_of(calendar, calendar.containing(each)) for each in moments]
    assert places_of(calendar, given.astype(np.int64)).tolist() == expected
    first = calendar.containing(moments[0])
    assert place_of(calendar, calendar.shift(first, 1)) == place_of(calendar, first) + 1


@pytest.fixture
def shop(make_product: Callable[..., Product], home: Path) -> Product:
    made = make_product(SPEC)
    lines = [f"{n},2026-01-0{1 + n // 40}T00:{n % 40:02}:00Z,{n}" for n in range(120)]
    (made.folder / "orders.csv").write_text("\n".join(["id,at,price", *lines]) + "\n")
    return made


def day(product: Product, number: int) -> Request:
    key = f"2026-01-{number:02}"
    return request_for(product, "orders", product.calendar.parse(key), [])


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the files that were opened since."""
    opened, found = csv.opened, []

    def counted(request: Request, file: Any) -> Any:
        found.append(Path(file.address).name)
        return opened(request, file)

    monkeypatch.setattr(csv, "opened", counted)
    return found


def test_a_file_of_three_partitions_is_read_once(shop: Product, openings: list[str]) -> None:
    for number in (1, 2, 3):
        result = ingest.run(shop, shop.calendar.parse(f"2026-01-0{number}"))
        assert result.rows == {"orders": 40}
        # for its header, and for its rows
        assert openings == ["orders.csv"] * 2
    facts = read_manifest("shop", "ingest", "2026-01-03")["facts"]["sources"]["orders"]
    assert facts["rows_seen"] == 120
    assert facts["bytes"] == (shop.folder / "orders.csv").stat().st_size
    assert len(facts["digest"]) == 64
    with (shop.folder / "orders.csv").open("a") as file:
        file.write("late,2026-01-02T00:00:00Z,5\n")
    assert ingest.run(shop, shop.calendar.parse("2026-01-02")).rows == {"orders": 41}
    assert openings == ["orders.csv"] * 4


def test_of_a_pattern_a_file_that_came_is_read_and_the_others_are_not(
    make_product: Callable[..., Product], home: Path, openings: list[str]
) -> None:
    made = make_product(SPEC.replace("orders.csv", '"in/*.csv"'), files={
        "in/a.csv": "id,at,price\n1,2026-01-01,5\n2,2026-01-02,5\n",
        "in/b.csv": "at,id,price,colour\n2026-01-02,3,5,red\n",
        "in/notes.txt": "none",
    })  # fmt: skip
    assert ingest.run(made, made.calendar.parse("2026-01-02")).rows == {"orders": 2}
    rows = Lake("shop").read("raw_orders")
    assert rows["colour"].fillna("").to_list() == ["", "red"]
    (made.folder / "in" / "c.csv").write_text("id,at,price\n4,2026-01-02,5\n")
    openings.clear()
    assert ingest.run(made, made.calendar.parse("2026-01-02")).rows == {"orders": 3}
    assert openings == ["c.csv"] * 2
    facts = read_manifest("shop", "ingest", "2026-01-02")["facts"]["sources"]["orders"]
    assert facts["files"] == 3
    assert [(Path(each["path"]).name, each["rows"]) for each in facts["read"]] == [
        ("a.csv", 1), ("b.csv", 1), ("c.csv", 1),
    ]  # fmt: skip


def test_another_way_of_reading_reads_the_file_again(
    shop: Product, make_product: Callable[..., Product], openings: list[str]
) -> None:
    store = product_store("shop")
    receive(day(shop, 1), store)
    other = make_product(
        SPEC.replace("at, key: [id]}\nfeat", "at, key: [id], types: {price: float}}\nfeat")
    )
    receive(day(other, 1), store)
    assert len(openings) == 2
    other = make_product(
        SPEC.replace("at, key: [id]}\nfeat", "at, key: [id], missing: ['-']}\nfeat")
    )
    receive(day(other, 1), store)
    assert len(openings) == 4


class Failing(FolderStore):
    """A folder whose disk gives way at the n-th write."""

    def __init__(self, root: Path, after: int, *, wrote: bool) -> None:
        super().__init__(root)
        self.left, self.wrote = after, wrote

    def write(self, name: str, content: bytes) -> None:
        self._write(lambda: super(Failing, self).write(name, content))

    def create(self, name: str, content: bytes) -> bool:
        self._write(lambda: super(Failing, self).create(name, content))
        return True

    def delete(self, name: str) -> None:
        """Do nothing, as who was killed."""

    def _write(self, write: Callable[[], object]) -> None:
        self.left -= 1
        if self.left < 0:
            if self.wrote:
                write()
            raise KeyboardInterrupt
        write()


@pytest.mark.parametrize("wrote", [False, True])
def test_killed_between_any_two_writes_nothing_is_half_landed(
    shop: Product, tmp_path: Path, wrote: bool
) -> None:
    with (shop.folder / "orders.csv").open("a") as file:
        file.write("u,?,5\n")
    expected = receive(day(shop, 2)).rows
    for after in range(100):
        root = tmp_path / f"{wrote}{after}"
        store = Failing(root, after, wrote=wrote)
        try:
            receive(day(shop, 2), store)
        except KeyboardInterrupt:
            found = receive(day(shop, 2), FolderStore(root))
            assert batches.whole(found.rows).equals(batches.whole(expected))
        else:
            break
    assert after >= 3


def test_a_file_that_changes_while_it_is_split_leaves_nothing(
    shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = product_store("shop")
    take = Splitter.take

    def grown(self: Splitter, table: pa.Table) -> None:
        if not self.index.seen:
            with (shop.folder / "orders.csv").open("a") as file:
                file.write("late,2026-01-02T00:00:00Z,5\n")
        take(self, table)

    with monkeypatch.context() as growing:
        growing.setattr(Splitter, "take", grown)
        with pytest.raises(ServiceError, match="changed while it was read"):
            receive(day(shop, 2), store)
    assert store.list("received") == []
    assert receive(day(shop, 2), store).rows.num_rows == 41


@pytest.mark.parametrize("harm", ["gone", "cut", "index"])
def test_what_was_split_and_is_damaged_is_read_again(shop: Product, harm: str) -> None:
    store = product_store("shop")
    expected = receive(day(shop, 2), store).rows
    for name in store.list("received"):
        if harm == "index" and name.endswith(".json"):
            store.write(name, b"{")
        elif harm == "cut" and name.endswith(".arrow"):
            store.write(name, store.read(name)[:100])
        elif harm == "gone" and name.endswith(".arrow"):
            store.delete(name)
    assert receive(day(shop, 2), store).rows.equals(expected)


def test_a_register_is_kept_whole(
    make_product: Callable[..., Product], home: Path, openings: list[str]
) -> None:
    made = make_product(SPEC.replace("event_time: at, key: [id]}", "key: [id]}", 1).replace(
        "sources:", "sources:\n  sales: {kind: csv, path: sales.csv, event_time: at}", 1
    ), files={"orders.csv": "id,price\n1,5\n2,6\n", "sales.csv": "at\n2026-01-01\n"})  # fmt: skip
    store = product_store("shop")
    for number in (1, 2):
        assert receive(day(made, number), store).rows.num_rows == 2
    assert len(openings) == 2
    (made.folder / "orders.csv").write_text("id,price\n")
    with pytest.raises(ContractError, match="has a header and no rows"):
        receive(day(made, 1), store)


def test_parquet_in_no_order_of_time_is_read_once(
    make_product: Callable[..., Product], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_product(SPEC.replace("kind: csv, path: orders.csv", "kind: parquet, path: o"))
    (made.folder / "o").mkdir()
    at = [START + timedelta(days=n * 7 % 20) for n in range(100)]
    table = pa.table({"id": range(100), "at": pa.array(at, pa.timestamp("ns", "UTC")),
                      "tags": [[n] for n in range(100)]})  # fmt: skip
    pq.write_table(table, made.folder / "o" / "a.parquet")
    pq.write_table(table.append_column("new", pa.array(range(100))), made.folder / "o/b.parquet")
    store = product_store("shop")
    took: list[int] = []
    take = Splitter.take
    monkeypatch.setattr(
        Splitter, "take", lambda self, rows: (took.append(rows.num_rows), take(self, rows))
    )
    for number in (1, 2, 3):
        rows = receive(day(made, number), store).rows
        assert rows.equals(batches.whole(receive(day(made, number)).rows))
        assert rows.num_rows == 10
        assert rows.schema.names == ["id", "at", "tags", "new"]
    assert sum(took) == 200


def test_a_file_of_a_pattern_that_lacks_the_event_time_is_named(
    make_product: Callable[..., Product], home: Path
) -> None:
    files = {"in/a.csv": "id,at,price\n1,2026-01-01,5\n", "in/b.csv": "id,price\n1,5\n"}
    made = make_product(SPEC.replace("orders.csv", "in/*.csv"), files=files)
    with pytest.raises(ContractError, match=r"in/b.csv lacks the column 'at' \(its event_time\)"):
        receive(day(made, 1), product_store("shop"))
