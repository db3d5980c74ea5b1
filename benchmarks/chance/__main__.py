"""Simulate what the gates and the monitor do by chance alone, and write docs/chance.md.

    make chance

Every figure is of made-up data whose truth is known: what is equal is equal, what drifts drifts.
The seeds are fixed, so the page is the same each time.
"""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

# before numpy is imported, here and in the processes that are started from here
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import days
import drift
import gates
from frame import rendered

PAGE = Path(__file__).resolve().parents[2] / "docs" / "chance.md"

HEAD = """\
# What chance does
Figures of few rows are chance in part, and who decides by them is wrong now and then. How often,
is measured here, on data made up so that the truth is known. `make chance` makes this page again.
How the gates reckon is told in [decision 0040](decisions/0040-chance-of-days-with-memory.md), how
the monitor does in [decision 0033](decisions/0033-drift-windows-and-profiles.md).

"""


def main() -> None:
    """Write the page."""
    start = time.monotonic()
    page = rendered([*days.sections(), *gates.sections(), *drift.sections()])
    PAGE.write_text(HEAD + page, encoding="utf-8")
    taken = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    print(f"{PAGE} in {time.monotonic() - start:.0f} s, {taken:.0f} s of processors")


if __name__ == "__main__":
    main()
