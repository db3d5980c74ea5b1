from __future__ import annotations

import io
import math
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from mlfactory.cli.status import show_timeline
from mlfactory.cli.timeline import decided, findings, last_report, timeline
from mlfactory.lake import ledger
from mlfactory.lake.catalog import manifest_file, profile_page, report_page
from mlfactory.lake.ledger import Entry
from mlfactory.lake.manifests import manifest
from mlfactory.lake.store import product_store, read_json, write_json, write_text
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

COLUMNS = ("about", "metric", "slice", "value", "bound", "state")


def metrics(*rows: tuple[str, str, str, float, float, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


def leave_manifest(
    product: Product,
    stage: str,
    partition: str,
    seconds: float,
    name: str = "",
    measured: pd.DataFrame | None = None,
    **counts: int,
) -> None:
    """Leave what a run leaves that took so many seconds, and the metrics that it wrote."""
    with manifest(product, stage, partition, name) as record:
        record.counts = counts
        if measured is not None:
            record.write(Lake(product.name), "metrics", measured)
    store, file = product_store(product.name), manifest_file(stage, name or partition)
    write_json(store, file, {**read_json(store, file), "seconds": seconds})


@pytest.fixture
def lived(rain: Product) -> Product:
    """Return a product that lived three months: trained in the second, rejected in the third."""
    for key, rows in (("2013-01-01", 5), ("2013-02-01", 4), ("2013-03-01", 3)):
        leave_manifest(rain, "ingest", key, 1.5)
        leave_manifest(rain, "prepare", key, 0.5, rows=rows)
    leave_manifest(rain, "search", "2013-02-01", 4.0, name="2013-02-01.cli-1.ridge")
    leave_manifest(rain, "validate", "2013-02-01", 0.0, quarantined=2)
    leave_manifest(
        rain,
        "monitor",
        "2013-02-01",
        0.0,
        measured=metrics(
            ("2013-02-01", "drift", "", math.nan, math.nan, "alert"),
            ("2013-02-01", "drift", "pressure", 0.30, 0.10, "alert"),
            ("2013-02-01", "drift", "humidity", 0.09, 0.02, "warn"),
            ("2013-02-01", "performance", "", math.nan, math.nan, "no_labels"),
        ),
    )
    leave_manifest(
        rain,
        "monitor",
        "2013-03-01",
        0.0,
        measured=metrics(
            ("2013-02-01", "performance", "", 0.64, 0.6, "ok"),
            ("2013-03-01", "drift", "", math.nan, math.nan, "ok"),
        ),
    )
    for entry in (
        Entry("retrain_refused", "2013-01-01", "too few rows", details={"refusals": ["rows"]}),
        Entry("retrain_requested", "2013-02-01", "no champion"),
        Entry("promoted", "2013-02-01", "all gates", "t1", details={"version": "1"}),
        Entry("retrain_requested", "2013-03-01", "drift"),
        Entry("rejected", "2013-03-01", "roc_auc not better", "t2", details={"version": "2"}),
    ):
        ledger.record(rain.name, entry)
    return rain


def test_a_timeline_tells_what_became_of_each_partition(lived: Product) -> None:
    rows = timeline(lived)
    assert [(row.partition, row.rows, row.quarantined) for row in rows] == [
        ("2013-01-01", 5, 0),
        ("2013-02-01", 4, 2),
        ("2013-03-01", 3, 0),
    ]
    assert [(row.drift, row.drift_feature) for row in rows] == [
        ("", ""),
        ("alert", "pressure"),
        ("ok", ""),
    ]
    assert [(row.decision, row.reason) for row in rows] == [
        ("refused", "too few rows"),
        ("requested → promoted v1", "no champion → all gates"),
        ("requested → rejected v2", "drift → roc_auc not better"),
    ]
    assert [row.champion for row in rows] == ["", "1", "1"]
    assert [row.seconds for row in rows] == [2.0, 6.0, 2.0]


def test_a_figure_measured_again_counts_as_it_was_measured_last(lived: Product) -> None:
    assert [(row.value, row.performance) for row in timeline(lived)] == [
        (None, ""),
        (0.64, "ok"),
        (None, ""),
    ]


def test_what_a_run_left_that_was_cut_off_is_not_in_the_timeline(lived: Product) -> None:
    before = timeline(lived)
    lake = Lake(lived.name)
    for key in ("2013-03-01", "2013-04-01"):
        worse = metrics((key, "drift", "", math.nan, math.nan, "alert"))
        lake.replace("metrics", worse, key, run="cut off")
        lake.replace("features", pd.DataFrame({"x": range(90)}), key, run="cut off")
    after = timeline(lived)
    assert [row.rows for row in after] == [row.rows for row in before] == [5, 4, 3]
    # those of March are being replaced: what they said is not known for now
    assert [row.drift for row in after] == ["", "alert", ""]


def test_a_product_that_has_not_run_has_no_timeline(rain: Product) -> None:
    assert timeline(rain) == []
    assert last_report(rain) is None


def test_the_biggest_drift_is_the_one_furthest_over_its_bound() -> None:
    found = findings(
        metrics(
            ("2013-02-01", "drift", "", math.nan, math.nan, "alert"),
            ("2013-02-01", "drift", "large", 0.50, 0.40, "alert"),
            ("2013-02-01", "drift", "far_over", 0.20, 0.05, "alert"),
            ("2013-02-01", "drift", "only_a_warning", 0.09, 0.01, "warn"),
            ("2013-02-01", "drift", "calm", 0.04, 0.001, "ok"),
        ).assign(partition="2013-02-01")
    )
    assert found["2013-02-01"].drift_feature == "far_over"


def test_no_decision_is_lost_behind_a_later_one() -> None:
    entries = [
        Entry("retrain_requested", "k", "drift"),
        Entry("promoted", "k", "all gates", details={"version": "3"}),
        Entry("rejected", "k", "roc_auc worse", details={"version": "4"}),
    ]
    assert decided(entries) == (
        "requested → promoted v3 → rejected v4",
        "drift → all gates → roc_auc worse",
    )


def test_a_refusal_after_the_training_does_not_hide_the_request() -> None:
    entries = [
        Entry("retrain_requested", "k", "drift"),
        Entry("promoted", "k", "all gates", details={"version": "3"}),
        Entry("retrain_refused", "k", "already trained here"),
    ]
    assert decided(entries) == ("requested → promoted v3", "drift → all gates")


def test_where_nothing_asked_for_a_training_nothing_was_refused() -> None:
    entries = [Entry("retrain_refused", "k", "nothing asks for it: drift ok", details={})]
    assert decided(entries) == ("", "nothing asks for it: drift ok")


def test_a_training_asked_for_by_hand_needs_no_decision_of_the_policy() -> None:
    assert decided([Entry("rejected", "k", "too slow", details={"version": "4"})]) == (
        "rejected v4",
        "too slow",
    )


def printed(product: Product, **chosen: Any) -> list[str]:
    output = io.StringIO()
    show_timeline(product, Console(file=output, width=40), **chosen)
    return output.getvalue().splitlines()


def test_the_status_begins_with_who_serves_the_newest_figures_and_what_is_open(
    lived: Product,
) -> None:
    lines = printed(lived)
    assert lines[0].startswith("rain: champion v1 since ")
    assert lines[0].endswith("(partition 2013-02-01): all gates")
    assert lines[1] == "  newest figure: roc_auc 0.64 ok at 2013-02-01"
    assert lines[2] == "  newest drift: ok at 2013-03-01"
    assert "mlfactory reconcile rain" in lines[3]


def test_the_newest_partitions_are_shown_unless_all_are_asked_for(lived: Product) -> None:
    few = "\n".join(printed(lived, newest=1))
    assert "│ 2013-03-01" in few
    assert "│ 2013-02-01" not in few
    assert "the newest 1 of 3 partitions; --all shows all" in few
    assert "│ 2013-01-01" in "\n".join(printed(lived))


def test_a_replay_of_the_past_shows_its_own_partitions_and_report(lived: Product) -> None:
    for key in ("2013-02-01", "2013-03-01"):
        write_text(product_store(lived.name), report_page(key), "<p>")
    lines = printed(lived, keys=["2013-01-01", "2013-02-01"])
    assert lines[-1].endswith("reports/2013-02-01.html")
    assert "│ 2013-03-01" not in "\n".join(lines)


def test_a_timeline_in_a_file_is_at_most_120_columns_wide(lived: Product) -> None:
    write_text(product_store(lived.name), report_page("2013-03-01"), "<p>")
    long = "nothing asks for it: drift ok; performance ok (roc_auc 0.661 above 0.62); 1 of 6"
    ledger.record(lived.name, Entry("retrain_requested", "2013-03-01", long * 3, "again"))
    lines = printed(lived)
    table = [line for line in lines if "│" in line or "┃" in line]
    assert max(map(len, table)) <= 120
    text = "\n".join(lines)
    assert "roc_auc" in text
    assert "alert pressure" in text
    assert "0.64 ok" in text
    assert (
        lines[-1] == f"last report: {product_store(lived.name).address()}/reports/2013-03-01.html"
    )


def test_where_the_newest_profile_is_comes_last(lived: Product) -> None:
    for key in ("2013-01-01", "2013-03-01"):
        write_text(product_store(lived.name), profile_page(key), "<p>")
    last = printed(lived)[-1]
    assert last == f"last profile: {product_store(lived.name).address()}/profiles/2013-03-01.html"
