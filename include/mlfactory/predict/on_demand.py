"""Predictions that somebody asked for in Airflow: read from the lake, left in the lake."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from mlfactory.lake.catalog import INBOX, ON_DEMAND
from mlfactory.lake.store import Store, product_store, write_text
from mlfactory.predict.answers import as_bytes, check_suffix
from mlfactory.predict.stage import Predicted, run
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.report.page import Link, Page

_SHOWN = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Kept:
    """What was answered, and where it lies in the product's part of the lake."""

    rows: int
    scored: int
    version: str
    file: str
    page: str


def predict_on_demand(
    product: Product,
    file: str,
    output: str,
    *,
    source: str | None = None,
    version: str | None = None,
) -> Kept:
    """Predict the rows of a file and keep the answers, with a page about them.

    Args:
        file: of the folder `inbox/` in the product's part of the lake, like `inbox/new.csv` or by
            its whole address: an Airflow shows no other files of the machine that it runs on.
        output: name of the answers, ending in .csv or .parquet; where there are others of that
            name they stay, and these are numbered (`answers-2.csv`).

    Raises:
        UsageError: if there is no such file, or a name cannot be one; and see `predict.run`.
        FactoryError: see `predict.run`.
    """
    check_suffix(output)
    if not _NAME.fullmatch(output):
        raise UsageError(
            f"'{output}' is no name for the answers",
            remedy="use letters, digits, dots, hyphens and underscores, like answers.csv",
        )
    with tempfile.TemporaryDirectory(prefix="mlfactory-") as folder:
        done = run(product, _local(product, file, Path(folder)), source=source, version=version)
    store = product_store(product.name)
    kept = _keep(store, output, as_bytes(done.table, output))
    name = f"{ON_DEMAND}/{kept}"
    page = f"{name}.html"
    write_text(store, page, _page(product, file, kept, done))
    return Kept(done.rows, done.scored, done.version, store.address(name), page)


def _keep(store: Store, output: str, content: bytes) -> str:
    """Write answers under a name that no others have, and return it.

    The very same answers may lie there: a run that is tried again, after it was killed before its
    page was written, ends with one file.
    """
    path = Path(output)
    for number in count(1):
        kept = output if number == 1 else f"{path.stem}-{number}{path.suffix}"
        name = f"{ON_DEMAND}/{kept}"
        if store.create(name, content) or store.find(name) == content:
            return kept
    raise AssertionError("numbers do not end")


def _local(product: Product, file: str, folder: Path) -> Path:
    """Return a local copy of a file of the product's inbox in the lake; nothing else is read.

    Who may trigger a DAG may not read whatever the worker may: logins lie below its home, and
    other teams' data in its buckets.
    """
    store = product_store(product.name)
    inbox = f"{store.address(INBOX)}/"
    name = f"{INBOX}/{file.removeprefix(inbox)}" if file.startswith(inbox) else file
    if not name.startswith(f"{INBOX}/"):
        raise UsageError(
            f"{file} is not below {inbox}, and no other file is read here",
            remedy=f"put it there and name it like {INBOX}/new.csv; or use mlfactory predict, "
            "which reads any file that you can read",
        )
    content = store.find(name)
    if content is None:
        raise UsageError(
            f"there is no file {store.address(name)}",
            remedy=f"give the name of a file in the product's inbox, like {INBOX}/new.csv",
        )
    path = folder / Path(name).name
    path.write_bytes(content)
    return path


def _page(product: Product, file: str, output: str, done: Predicted) -> str:
    page = Page(f"{product.name}: predictions", f"of {file}")
    page.facts(
        {
            "rows": done.rows,
            "scored": done.scored,
            "version": done.version,
            "source": done.source,
            "all answers": Link(output, output),
        }
    )
    for note in done.notes:
        page.paragraph(note)
    reasons = done.table["reason"].value_counts()
    if len(reasons):
        page.section("Rows without a score")
        page.table(["reason", "rows"], [[why, int(count)] for why, count in reasons.items()])
    page.section(f"The first {min(_SHOWN, len(done.table))} answers")
    shown = done.table.head(_SHOWN)
    cells = shown.astype("object").where(shown.notna(), None)
    page.table([str(name) for name in shown.columns], cells.to_numpy().tolist())
    return page.render()
