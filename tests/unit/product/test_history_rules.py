"""Declared history must fit the sources and the names, and is told with its place in the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from mlfactory.product.errors import Mistake
from mlfactory.product.history import Windows
from mlfactory.settings import REPOSITORY

Finder = Callable[[str | dict[str, Any]], list[Mistake]]

ORDERS = {"kind": "csv", "path": "orders.csv", "event_time": "at", "types": {"shop": "string"}}
ORDERS |= {"header": ["id", "at", "who", "shop", "amount", "mail"], "pii": {"mail": "hash"}}
PEOPLE = {"kind": "csv", "path": "people.csv", "columns": "strict", "key": ["who"]}
PEOPLE |= {"types": {"born": "integer"}, "pii": {"name": "drop"}}
WINDOWS = {"source": "orders", "by": "who", "over": "7 days", "known_after": "1 day"}
JOINED = {"source": "orders", "by": "who", "known_after": "1 day"}
REGISTER = {"source": "people", "by": "who", "make": {"born": "born"}}


def content(given: dict[str, Any], **features: Any) -> dict[str, Any]:
    return {
        **given,
        "sources": {"orders": ORDERS, "people": PEOPLE},
        "features": {
            "key": ["id"],
            "event_time": "at",
            "numeric": ["n", "n_1d", "n_7d", "born"],
            "categorical": ["shop"],
            "history": "30 days",
            **features,
        },
        "label": {"column": "wet", "kind": "binary"},
    }


def windows(**change: Any) -> dict[str, Any]:
    return {"windows": [{**WINDOWS, "make": {"n": {"how": "count"}}, **change}]}


def figure(**change: Any) -> dict[str, Any]:
    return windows(make={"n": change})


def joined(**change: Any) -> dict[str, Any]:
    return {"joined": [{**JOINED, "make": {"shop": "shop"}, **change}]}


WINDOW, MADE, JOIN = "features.windows[0]", "features.windows[0].make.n", "features.joined[0]"


@pytest.mark.parametrize(
    ("features", "key", "says"),
    [
        (windows(source="ordesr"), f"{WINDOW}.source", "did you mean 'orders'?"),
        (windows(source="people"), f"{WINDOW}.source", "'people' has no event_time"),
        (windows(by={"who": "hwo"}), f"{WINDOW}.by.who", "no column 'hwo' (did you mean 'who'?)"),
        (windows(by="wet"), f"{WINDOW}.by", "is the label"),
        (windows(over="31 days"), f"{WINDOW}.over", "is 31 days, and features.history 30 days"),
        ({**windows(), "history": "0 days"}, f"{WINDOW}.over", "features.history missing"),
        (windows(over="1 day"), f"{WINDOW}.over", "no row of the window would be known"),
        (windows(over=["7 days", "1 week"]), f"{WINDOW}.over[1]", "7 days stands already in it"),
        (windows(over=["2 days", "7 days"]), MADE, "put {over} into the name, like 'n_{over}'"),
        (windows(make={"m": {"how": "count"}}), f"{WINDOW}.make.m", "add 'm' to features.numeric"),
        (windows(make={"shop": {"how": "count"}}), f"{WINDOW}.make.shop", "to features.numeric"),
        (windows(make={"wet": {"how": "count"}}), f"{WINDOW}.make.wet", "is label.column"),
        (windows(make={"at": {"how": "count"}}), f"{WINDOW}.make.at", "is features.event_time"),
        ({**windows(), **joined(make={"n": "shop"})}, MADE, "made already by features.joined.0"),
        (windows(make={}), f"{WINDOW}.make", "at least 1"),
        (figure(how="median", of="amount"), f"{MADE}.how", "got 'median'"),
        (figure(how="sum"), MADE, "of is missing"),
        (figure(how="count", equals=3), MADE, "of is missing"),
        (figure(how="rate", of="amount"), MADE, "add at_least"),
        (figure(how="sum", of="amount", above=1), f"{MADE}.above", "a sum is of all rows"),
        (figure(how="sum", of="amount", prior=1), f"{MADE}.prior", "a sum is drawn to nothing"),
        (figure(how="sum", of="amuont"), f"{MADE}.of", "did you mean 'amount'?"),
        (figure(how="sum", of="shop"), f"{MADE}.of", "needs numbers, and 'shop'"),
        (figure(how="max", of="at"), f"{MADE}.of", "of 'orders' is datetime"),
        (figure(how="rate", of="mail", above=2), f"{MADE}.of", "hashed, so that it is text"),
        (
            windows(by=[], make={"n": {"how": "mean", "of": "amount", "prior": 2}}),
            f"{MADE}.prior",
            "there is no key",
        ),
        (joined(make={"shop": "shpo"}), f"{JOIN}.make.shop", "did you mean 'shop'?"),
        (joined(max_age="40 days"), f"{JOIN}.max_age", "features.history only 30 days"),
        (joined(known_after="31 days"), f"{JOIN}.known_after", "none would be"),
        ({**joined(), "history": "0 days"}, JOIN, "features.history is missing"),
        (joined(make={"x": "shop"}), f"{JOIN}.make.x", "to features.numeric or features.categ"),
        ({"joined": [{**REGISTER, "max_age": "1 day"}]}, f"{JOIN}.max_age", "remove it"),
        ({"joined": [{**REGISTER, "by": []}]}, JOIN, "by which columns it is joined"),
        ({"joined": [{**REGISTER, "make": {"born": "bron"}}]}, f"{JOIN}.make.born", "'born'?"),
        ({"joined": [{**REGISTER, "make": {"born": "name"}}]}, f"{JOIN}.make.born", "drops 'name'"),
        ({"describe": {"borm": "year of birth"}}, "features.describe.borm", "did you mean 'born'?"),
    ],
)
def test_history_that_does_not_fit_is_told(
    mistakes_of: Finder,
    spec_content: dict[str, Any],
    features: dict[str, Any],
    key: str,
    says: str,
) -> None:
    found = mistakes_of(content(spec_content, **features))
    told = {mistake.key: mistake.message for mistake in found}
    assert key in told, told
    assert says in told[key]


def test_a_shard_must_hold_all_rows_that_a_window_counts(
    mistakes_of: Finder, spec_content: dict[str, Any]
) -> None:
    cut = {"partition": {**spec_content["partition"], "shards": 4, "by": "shop"}}
    figures = {"n": {"how": "mean", "of": "amount", "prior": 2}}
    found = mistakes_of(content(spec_content, **windows(make=figures)) | cut)
    told = {mistake.key: mistake.message for mistake in found}
    assert "a shard has the rows of its own only" in told[f"{WINDOW}.by"]
    assert "a shard has the rows of its own only" in told[f"{MADE}.prior"]
    right = windows(by=["shop", "who"]) | {"joined": [REGISTER]}
    assert mistakes_of(content(spec_content, **right) | cut) == []


def test_history_that_fits_is_taken(mistakes_of: Finder, spec_content: dict[str, Any]) -> None:
    figures = {"n_{over}": {"how": "rate", "of": "shop", "equals": "a", "prior": 3.5}}
    declared = {
        "joined": [
            {**JOINED, "by": {"person": "who"}, "make": {"shop": "shop"}, "max_age": "30 days"},
            REGISTER,
        ],
        "windows": [{**WINDOWS, "over": ["1 day", "7 days"], "known_after": "2 hours"}],
        "describe": {"born": "the year", "n_7d": "how often in shop a"},
    }
    declared["windows"][0]["make"] = figures
    assert mistakes_of(content(spec_content, **declared)) == []


def test_names_say_the_length_of_the_window() -> None:
    over = ["2 weeks", "36 hours", "90 minutes", "48 hours"]
    given = Windows.model_validate(
        {"source": "s", "over": over, "make": {"n_{over}": {"how": "count"}}}
    )
    assert list(given.features) == ["n_14d", "n_36h", "n_90m", "n_2d"]
    assert Windows.model_validate(given.model_dump(mode="json")) == given


def test_the_example_of_the_docs_is_right(
    mistakes_of: Finder, spec_content: dict[str, Any]
) -> None:
    page = (REPOSITORY / "docs" / "features.md").read_text()
    features = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    flights = {"kind": "csv", "path": "flights.csv", "event_time": "time_hour"}
    weather = {**flights, "path": "weather.csv"}
    planes = {"kind": "csv", "path": "planes.csv", "key": ["tailnum"]}
    sources = {"flights": flights, "weather": weather, "planes": planes}
    assert mistakes_of({**spec_content, "sources": sources, **features}) == []
