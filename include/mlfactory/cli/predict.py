"""The command `predict`: a file of rows in, a file or a table of predictions out."""

from __future__ import annotations

import tempfile
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
    from mlfactory.predict.answers import as_bytes

    if out is not None:
        _check_place(out, file)
    done = predict.run(product, file, source=source, version=version)
    if out is None:
        first = done.table.head(_SHOWN)
        say(console, first.to_string(index=False, na_rep="", float_format="{:.4g}".format))
    else:
        content = as_bytes(done.table, out.name)
        try:
            write_whole(out, content)
        except OSError as error:
            raise _not_written(out, error) from error
    counted = f"{done.scored:,} of {done.rows:,} rows scored by version {done.version}"
    say(console, f"{counted}; written to {out}" if out else counted)
    for note in done.notes:
        say(console, f"note: {note}")
    for reason, count in done.table["reason"].value_counts().head(_SHOWN).items():
        say(console, f"{count:,} without a score: {reason}", "yellow")
    if out is None and done.rows > _SHOWN:
        say(console, "--out FILE writes all of them, as .csv or .parquet")


def _check_place(out: Path, file: Path) -> None:
    """Refuse a place that the answers cannot be written to, before the work of making them.

    Raises:
        UsageError: it is not .csv or .parquet, is the file to predict itself, or cannot be written.
    """
    from mlfactory.predict.answers import check_suffix

    check_suffix(out.name)
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", remedy="make it, or name another")
    try:
        if out.is_dir():
            raise UsageError(f"{out} is a folder", remedy="name a file in it, like answers.csv")
        # links are the same file under another name
        if out.exists() and file.exists() and out.samefile(file):
            raise UsageError(
                f"{out} is the file to predict, which the answers would replace",
                remedy="name another file for them",
            )
        # whether a file can be made there tells only the making of one, under a name as long
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=".", suffix=out.name):
            pass
    except OSError as error:
        raise _not_written(out, error) from error


def _not_written(out: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{out} cannot be written: {error.strerror or error}",
        remedy="name a file in a folder that you can write to",
    )
