"""The command `predict`: a file of rows in, a file or a table of predictions out."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from mlfactory.cli.output import say
from mlfactory.lake.store import write_whole
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product

_SHOWN = 10


def predict_file(
    product: Product,
    file: Path,
    out: Path | None,
    version: str | None,
    source: str | None,
    console: Console,
) -> None:
    """Predict the rows of `file`, and write them to `out`, or show the first of them.

    Raises:
        FactoryError: whatever stands in the way; `out` is then as it was.
    """
    from mlfactory import predict
    from mlfactory.predict.answers import as_bytes, check_suffix

    if out is not None:
        check_suffix(out.name)
        if not out.parent.is_dir():
            raise UsageError(f"there is no folder {out.parent}", remedy="make it, or name another")
    done = predict.run(product, file, source=source, version=version)
    if out is None:
        first = done.table.head(_SHOWN)
        say(console, first.to_string(index=False, na_rep="", float_format="{:.4g}".format))
    else:
        write_whole(out, as_bytes(done.table, out.name))
    counted = f"{done.scored:,} of {done.rows:,} rows scored by version {done.version}"
    say(console, f"{counted}; written to {out}" if out else counted)
    for note in done.notes:
        say(console, f"note: {note}")
    for reason, count in done.table["reason"].value_counts().head(_SHOWN).items():
        say(console, f"{count:,} without a score: {reason}", "yellow")
    if out is None and done.rows > _SHOWN:
        say(console, "--out FILE writes all of them, as .csv or .parquet")
