"""How a source writes numbers, times, nothing and letters, declared with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from mlfactory import ingest
from mlfactory.ingest.cells import cast_cells, infer_type
from mlfactory.lake.catalog import raw
from mlfactory.lake.numbers import Numbers
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, SpecError
from mlfactory.product.loader import Product

GERMAN = Numbers(",", ".")


def cast(cells: list[str], kind: pa.DataType, numbers: Numbers) -> tuple[list[Any], list[str]]:
    """Return the values of cells, and those that cannot be read."""
    column = pa.chunked_array([cells])
    found = cast_cells(column, kind, None, numbers)
    return found.values.to_pylist(), column.filter(found.unread).to_pylist()


@pytest.mark.parametrize(
    ("numbers", "text", "value"),
    [
        (GERMAN, "1.234,56", 1234.56),
        (GERMAN, "-1.234.567,8", -1234567.8),
        (GERMAN, "1234,56", 1234.56),
        (GERMAN, "1.234", 1234.0),
        (GERMAN, ",5", 0.5),
        (GERMAN, "0,5", 0.5),
        (GERMAN, "1,5e3", 1500.0),
        (Numbers(",", " "), "1 234,5", 1234.5),
        (Numbers(",", "\u202f"), "1\u202f234,5", 1234.5),
        (Numbers(".", "'"), "1'234.5", 1234.5),
        (Numbers(".", ","), "1,234.5", 1234.5),
        (Numbers(","), "1234,5", 1234.5),
        (Numbers(), "1234.5", 1234.5),
    ],
)
def test_numbers_are_read_as_they_are_written(numbers: Numbers, text: str, value: float) -> None:
    assert cast([text], pa.float64(), numbers) == ([value], [])


@pytest.mark.parametrize("text", ["1.5", "12.34", "1.2345", "0.123", "1,2,3", "1.234.56", "1,5.0"])
def test_what_would_become_another_number_is_none(text: str) -> None:
    assert cast([text, "2,5"], pa.float64(), GERMAN) == ([None, 2.5], [text])


def test_whole_numbers_have_thousands_too() -> None:
    cells = ["1.234", "12", "3,0", "9.223.372.036.854.775.807", "1,5", "NA"]
    whole = [1234, 12, 3, 2**63 - 1, None, None]
    assert cast(cells, pa.int64(), GERMAN) == (whole, ["1,5"])


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1.234", "5.678"], pa.int64()),
        (["1.234,5", "5"], pa.float64()),
        (["1.5", "2.5"], pa.string()),
        (["007", "008"], pa.string()),
        (["NA", "1,5"], pa.float64()),
    ],
)
def test_types_are_recognised_as_numbers_are_written(cells: list[str], kind: pa.DataType) -> None:
    from mlfactory.ingest.cells import Seen

    seen = Seen(numbers=GERMAN)
    seen.look_at(pa.chunked_array([cells]))
    assert seen.kind() == kind
    # as the same cells would be otherwise
    assert infer_type(pa.chunked_array([["1.5", "2.5"]])) == pa.float64()


@pytest.fixture
def landed(home: Path, make_product: Callable[..., Product]) -> Callable[..., list[dict[str, Any]]]:
    """Give a function that lands a CSV of some bytes, and returns its rows."""

    def land(content: bytes, **source: Any) -> list[dict[str, Any]]:
        spec = {
            "apiVersion": "mlfactory/v1",
            "name": "shop",
            "partition": {"every": "day", "start": "2013-12-01"},
            "sources": {"orders": {"kind": "csv", "path": "a.csv", "event_time": "am", **source}},
            "features": {"key": ["nr"], "event_time": "am", "numeric": ["preis"]},
            "label": {"column": "bad", "kind": "binary"},
        }
        product = make_product(yaml.safe_dump(spec, sort_keys=False), files={"a.csv": ""})
        (product.folder / "a.csv").write_bytes(content)
        ingest.run(product, product.calendar.parse("2013-12-31"))
        rows = Lake("shop").arrow(raw("orders"), ["2013-12-31"])
        assert rows is not None
        return list(rows.sort_by("_row").to_pylist())

    return land


ORDERS = "nr;am;land;stadt;preis;geliefert\n" + "".join(
    [
        "1;31.12.2013;NA;Köln;1.234,56;01.02.2014\n",
        "2;31.12.2013;DE;Málaga;-;\n",
        "3;31.12.2013;;Œuvre;12.34;02.02.2014\n",
        "4;01.01.2014;DE;Bonn;7,5;31.02.2014\n",
    ]
    + [f"{n};31.12.2013;FR;Paris;{n},25;05.01.2014\n" for n in range(5, 45)]
)
GERMAN_SOURCE: dict[str, Any] = {
    "delimiter": ";",
    "decimal": ",",
    "thousands": ".",
    "missing": ["-"],
    "formats": {"am": "%d.%m.%Y", "geliefert": "%d.%m.%Y"},
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_a_german_file_lands_as_what_it_says(
    landed: Callable[..., list[dict[str, Any]]], encoding: str
) -> None:
    rows = landed(ORDERS.encode(encoding), **GERMAN_SOURCE, encoding=encoding)
    assert len(rows) == 43
    first, second, third = rows[:3]
    # the country, and not a value that is missing
    assert (first["land"], first["stadt"], first["preis"]) == ("NA", "Köln", 1234.56)
    assert f"{first['am']:%Y-%m-%d}" == "2013-12-31"
    assert f"{first['geliefert']:%Y-%m-%d}" == "2014-02-01"
    assert (second["preis"], second["stadt"], second["_rescued"]) == (None, "Málaga", None)
    assert (third["land"], third["preis"]) == (None, None)
    assert third["_rescued"] == '{"preis": "12.34"}'


def test_latin_1_is_read_as_it_is(landed: Callable[..., list[dict[str, Any]]]) -> None:
    content = ORDERS.replace("Œuvre", "Üb").encode("latin-1")
    assert landed(content, **GERMAN_SOURCE, encoding="latin-1")[2]["stadt"] == "Üb"


def test_the_wrong_encoding_is_told(landed: Callable[..., list[dict[str, Any]]]) -> None:
    with pytest.raises(ContractError, match="encoding"):
        landed(ORDERS.encode("cp1252"), **GERMAN_SOURCE)
    with pytest.raises(ContractError, match=r"encoding|lacks the column"):
        landed(ORDERS.encode("utf-16"), **GERMAN_SOURCE)


def test_one_sign_cannot_part_both(landed: Callable[..., list[dict[str, Any]]]) -> None:
    with pytest.raises(SpecError, match="begins the fraction already"):
        landed(b"", decimal=",", thousands=",")
