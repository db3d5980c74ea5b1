"""What came late is a gap of its own kind, and is mended by landing it with the reason."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tests.unit.arrivals.conftest import NOW, Put, land, make, put
from tests.unit.reconcile.conftest import make as make_rain

from mlfactory.product.loader import Product
from mlfactory.reconcile import here
from mlfactory.reconcile.gaps import DATA, LATE
from mlfactory.reconcile.lacking import lacking
from mlfactory.reconcile.late import late, look_for_late
from mlfactory.reconcile.runs import trigger

__all__ = ["make", "make_rain", "put"]


def test_late_rows_are_a_gap_and_their_run_says_why(make: Callable[..., Product], put: Put) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    land(shop, "02")
    put("b.csv", {"02": 2, "04": 1})
    assert list(late(shop, NOW)) == []
    # written a moment ago: it waits until it is whole
    look_for_late(shop, NOW.replace(year=2030))
    [gap] = [gap for gap in lacking(shop, NOW) if gap.kind == LATE]
    assert (gap.key, gap.part, gap.landed) == ("2026-01-02", DATA, False)
    assert gap.words == "orders: b.csv brings 2 rows"

    asked: list[Any] = []

    def ask(dag: str, key: str, **others: Any) -> Any:
        asked.append((dag, key, others["conf"], others["note"]))
        return SimpleNamespace(run_id=others["run_id"])

    mended = trigger(shop, gap, SimpleNamespace(trigger=ask))  # type: ignore[arg-type]
    assert asked == [("shop.data", "2026-01-02", {"arrived": gap.words}, gap.words)]
    assert mended.mended.startswith("started shop.data reconcile__2026-01-02__")


def test_late_rows_are_mended_in_this_process(
    make: Callable[..., Product], put: Put, monkeypatch: Any
) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    land(shop, "02")
    put("b.csv", {"02": 2})
    look_for_late(shop, NOW.replace(year=2030))
    jobs = []
    monkeypatch.setattr(here, "run_stages", lambda job, stages: jobs.append(job) or [])
    [gap] = late(shop, NOW)
    assert here.mend(shop, gap).mended
    assert (jobs[0].land, jobs[0].arrived) == (True, "orders: b.csv brings 2 rows")


def test_of_a_product_that_never_landed_nothing_is_looked_into(
    make: Callable[..., Product], put: Put
) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    look_for_late(shop, NOW.replace(year=2030))
    assert not (shop.folder.parent.parent / "var" / "lake").exists()


def test_what_came_into_a_watched_place_is_late_though_it_never_landed(
    make: Callable[..., Product], put: Put
) -> None:
    watched = make("orders/*.csv", more=", watch: true")
    put("a.csv", {"05": 3})
    land(watched, "05")
    look_for_late(watched, NOW.replace(year=2030))
    put("b.csv", {"02": 2})
    look_for_late(watched, NOW.replace(year=2030))
    assert [(gap.key, gap.words) for gap in late(watched, NOW)] == [
        ("2026-01-02", "orders: b.csv brings 2 rows")
    ]
    assert list(late(make("orders/*.csv"), NOW)) == []
