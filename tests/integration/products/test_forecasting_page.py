"""The product of docs/forecasting.md, taken from the page and run."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from mlfactory import ingest, prepare, validate
from mlfactory.lake.labels import known_labels
from mlfactory.product.loader import Product, load_product
from mlfactory.product.trial import code_mistakes

pytestmark = pytest.mark.one_lake

PAGE = Path(__file__).parents[3] / "docs" / "forecasting.md"


@pytest.fixture
def demand(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Product:
    folder = tmp_path / "products" / "demand"
    folder.mkdir(parents=True)
    for name, text in re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", PAGE.read_text(), re.S):
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    runpy.run_path("make.py")
    return load_product("demand")


def test_the_page_is_right_and_needs_no_warning(demand: Product) -> None:
    assert demand.warnings == ()
    assert code_mistakes([demand]) == [[]]


def test_labels_that_lie_ahead_of_their_events_lose_no_day(demand: Product) -> None:
    keys = ["2026-01-01", "2026-01-02", "2026-01-03"]
    for partition in (demand.calendar.parse(key) for key in keys):
        ingest.run(demand, partition)
        validate.run(demand, partition)
        prepare.run(demand, partition)
    ends = {key: demand.calendar.parse(key).end for key in keys}
    labels = known_labels(demand, keys, ends["2026-01-03"])
    assert labels["partition"].value_counts().to_dict() == {"2026-01-01": 24, "2026-01-02": 24}
    # as it was known a day earlier, when the second day had no label yet
    earlier = known_labels(demand, keys, ends["2026-01-02"])
    assert earlier["partition"].value_counts().to_dict() == {"2026-01-01": 24}
