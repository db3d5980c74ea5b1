"""The page of a partition's profile: the first look that a data scientist takes at it.

It is made of summaries that were kept as the rows went by; no row is read for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlfactory.lake.catalog import FEATURES, profile_page, source_of, validation_page
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.rows import table_of
from mlfactory.lake.store import product_store, write_text
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.profiles.kept import Profiled, profiled_keys, read_profiles
from mlfactory.profiles.view import (
    Looked,
    difference,
    figures,
    histogram,
    history,
    looked_at,
    shown_name,
    with_label,
)
from mlfactory.report.page import Lines, Link, Page, State
from mlfactory.statistics.summary.change import FEWEST

MOST_BEFORE, LEAST_BEFORE = 24, 6
"""Partitions that a partition is compared with."""

_CELLS = 60_000
"""Columns times partitions that are read: of very many columns fewer partitions are."""

MOST_COLUMNS = 60
"""Columns of a table that are shown with pictures; of a page no more than _MOST_PICTURED."""

MOST_NAMED = 200
"""Further columns of a table that are named."""

_MOST_PICTURED, _FEWEST_PICTURED = 180, 5
_MOST_CHANGED = 25


@dataclass(frozen=True, eq=False)
class Look:
    """A table in a partition, beside the partitions before.

    Attributes:
        profiled: those that have a summary, oldest first, the page's own last if it has one.
        columns: what changed most first.
    """

    table: str
    own: Profiled | None
    before: Sequence[Profiled]
    columns: Sequence[Looked]

    @property
    def title(self) -> str:
        """Return what people call the table."""
        return "Features" if self.table == FEATURES else f"Source {_source(self.table)}"


def write_page(product: Product, partition: Partition) -> str:
    """Write the profile page of a partition, and return its name in the product's folder."""
    name = profile_page(partition.key)
    write_text(product_store(product.name), name, page_of(product, partition).render())
    return name


def page_of(product: Product, partition: Partition) -> Page:
    """Return the profile page of a partition."""
    tables = (FEATURES, *(table_of(product, name) for name in product.spec.sources))
    looks = [look_at(product, table, partition) for table in tables]
    page = Page(f"Profile of {product.name}", f"partition {partition}", wide=True)
    page.facts(_facts(partition, looks))
    _add_changes(page, looks)
    room = _MOST_PICTURED
    for look in looks:
        most = max(_FEWEST_PICTURED, min(MOST_COLUMNS, room))
        room -= min(most, len(look.columns))
        _add_table(page, product, partition, look, most)
    _add_how_to_read(page)
    return page


def look_at(product: Product, table: str, partition: Partition) -> Look:
    """Return what the summaries of a table say of a partition and of those before it."""
    own = read_profiles(product, table, [partition.key]).get(partition.key)
    if own is None:
        return Look(table, None, (), ())
    columns = len(own.summary.columns) + 1
    most = int(np.clip(_CELLS // columns, LEAST_BEFORE, MOST_BEFORE))
    keys = [key for key in profiled_keys(product, table) if key < partition.key][-most:]
    before = [each for each in read_profiles(product, table, keys).values() if each.summary.rows]
    return Look(table, own, before, compared([*before, own]))


def compared(profiled: Sequence[Profiled]) -> list[Looked]:
    """Return the columns of the last summary beside those of the others, most changed first."""
    *before, own = (each.summary for each in profiled)
    names = list(own.columns)
    if before:
        # one that was gone the time before already is no news
        names += [name for name in before[-1].columns if name not in own.columns]
    found = [looked_at(name, [each.columns.get(name) for each in (*before, own)]) for name in names]
    found = sorted(found, key=lambda each: each.order)
    if own.label is not None:
        found.insert(0, looked_at("the label", [each.label for each in (*before, own)]))
    return found


def _facts(partition: Partition, looks: Sequence[Look]) -> dict[str, object]:
    facts: dict[str, object] = {}
    before = [each.key for look in looks for each in look.before]
    if before:
        count = max(len(look.before) for look in looks)
        facts["compared with"] = f"the {count} partitions before it, {min(before)} to {max(before)}"
    else:
        facts["compared with"] = "nothing: no partition before it was profiled"
    judged = [look for look in looks if len(look.before) >= FEWEST]
    by_chance = sum(
        sum(one.change.state in ("changed", "usual") for one in look.columns)
        / (len(look.before) + 1)
        for look in judged
    )
    if judged:
        facts["by chance"] = (
            f"had nothing changed at all, up to {by_chance:.1f} columns of this page would be "
            "called changed"
        )
    features = next((look.own for look in looks if look.table == FEATURES), None)
    if features is not None and features.summary.label is not None:
        label = features.summary.label
        known = f"known of {label.present:,} of {label.rows:,} rows"
        moment = features.labels_as_of[:16].replace("T", " ")
        facts["label"] = f"{known}, as of {moment} UTC" if moment else known
    facts["bad rows"] = Link("validation", f"../{validation_page(partition.key)}")
    return facts


def _add_changes(page: Page, looks: Sequence[Look]) -> None:
    page.section("What changed")
    found = [
        (look, one)
        for look in looks
        for one in look.columns
        if one.change.state in ("changed", "new", "gone", "retyped")
    ]
    if not found:
        few = all(len(look.before) < FEWEST for look in looks)
        page.paragraph(
            f"Nothing can be said yet: that takes {FEWEST} partitions before this one."
            if few
            else "No column is further from what it was than it has been before."
        )
        return
    if len(found) > _MOST_CHANGED:
        page.paragraph(f"The first {_MOST_CHANGED} of {len(found):,}; the tables below have more.")
    page.table(
        ["table", "column", "state", "how"],
        [
            (look.title, shown_name(one.name), one.change.state, Lines(difference(one)))
            for look, one in found[:_MOST_CHANGED]
        ],
        state_column="state",
    )


def _add_table(page: Page, product: Product, partition: Partition, look: Look, most: int) -> None:
    page.section(look.title)
    if look.own is None:
        page.paragraph(_why_not(product, partition, look.table))
        return
    rows = look.own.summary.rows
    usual = [each.summary.rows for each in look.before]
    told = f"{rows:,} rows"
    if usual:
        told += f" (before: {min(usual):,} to {max(usual):,}, median {np.median(usual):,.0f})"
    page.paragraph(f"{told}, {len(look.own.summary.columns):,} columns.")
    has_label = any(one.now is not None and one.now.label is not None for one in look.columns)
    page.table(
        [
            "column",
            "values now, line: before",
            f"over {len(look.before) + 1} partitions",
            "figures",
            "change",
            *(["with the label"] if has_label else []),
        ],
        [_row(one, has_label=has_label) for one in look.columns[:most]],
    )
    _add_left_out(page, look.columns[most:])


def _row(one: Looked, *, has_label: bool) -> tuple[object, ...]:
    kind = one.now.kind if one.now is not None else ""
    state = [] if one.change.state in ("few", "silent") else [State(one.change.state)]
    return (
        Lines((shown_name(one.name), kind)),
        histogram(one),
        history(one),
        Lines(figures(one)),
        Lines((*state, *difference(one))),
        *([Lines(with_label(one.now))] if has_label else []),
    )


def _add_left_out(page: Page, columns: Sequence[Looked]) -> None:
    if not columns:
        return
    named = ", ".join(shown_name(one.name) for one in columns[:MOST_NAMED])
    more = len(columns) - MOST_NAMED
    rest = f", and {more:,} more" if more > 0 else ""
    changed = sum(one.change.state == "changed" for one in columns)
    page.paragraph(
        f"Not shown are {len(columns):,} columns that are further down in this order, "
        f"{changed:,} of them changed: {named}{rest}."
    )


def _source(table: str) -> str:
    """Return the source whose rows a table holds, as they landed or as they were cleaned."""
    return source_of(table, cleaned=True) or table


def _why_not(product: Product, partition: Partition, table: str) -> str:
    """Return why there is no profile of a table in a partition."""
    stage = "prepare" if table == FEATURES else "validate"
    manifest: Mapping[str, object] = read_manifest(product.name, stage, partition.key)
    if not manifest:
        done = "prepared" if table == FEATURES else "validated"
        return f"The partition was not {done}, or not to the end, so there is nothing to look at."
    counts = manifest.get("counts")
    name = "rows" if table == FEATURES else f"rows.{_source(table)}"
    if isinstance(counts, Mapping) and not counts.get(name):
        return "There are no rows in this partition."
    return (
        "There is no profile of these rows: an earlier revision made them, or it failed and the "
        "log says why, or they are being replaced. It is made when the partition is run again: "
        f"mlfactory run {product.name} {partition} --stage {stage}"
    )


def _add_how_to_read(page: Page) -> None:
    page.section("How to read it")
    page.paragraph(
        "Change is a share of rows: for numbers the largest gap between this partition's "
        "cumulated shares and the median of those before, for categories the share of rows that "
        "would have to be others. A column is called changed when that is larger than the same "
        "distance of every partition before it, and at least 5 %; where this one has fewer rows, "
        "theirs is made what it would be with as few. Season and trend are changes."
    )
    page.paragraph(
        "Bars are shares of rows, the line is the median of those before; apart and cut off at "
        "the top are all other values and what is missing. Over time the line is the median with "
        "the quartiles, the mean where the median never moves, or the shares of the three most "
        "frequent values; red is what is missing."
    )
    page.paragraph(
        "With the label: the correlation of numbers; of categories, and of a label with classes, "
        "the root of the share that is explained beyond chance. Sources are shown as they were "
        "checked, with the rows that went into quarantine. Quantiles lie within a bin of the "
        "summary; about means estimated, and ≥ at least."
    )
