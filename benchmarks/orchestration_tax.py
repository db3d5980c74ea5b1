"""What Airflow costs: a partition's whole cycle with a training, beside one plain process.

Both sides start from the same state (January is done) and do the same for February: ingest,
validate, prepare, score, monitor, decide, train, judge, promote. The plain side is a fresh Python
process that pays its imports, as a script in cron would.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from support import fresh_environment, mlfactory, show, stack

PRODUCT, FIRST, SECOND = "flight_delay", "2013-01-01", "2013-02-01"


def plain() -> float:
    """Return the seconds of February in one plain process."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as folder:
        environment = fresh_environment(Path(folder))
        mlfactory(["run", PRODUCT, FIRST], environment)
        return mlfactory(["run", PRODUCT, SECOND], environment)


def through_airflow() -> float:
    """Return the seconds from triggering February to its coming to rest in a running Airflow."""
    with stack() as (environment, _):
        mlfactory(["replay", PRODUCT, FIRST, FIRST], environment)
        return mlfactory(["replay", PRODUCT, SECOND, SECOND], environment)


def main() -> None:
    """Measure and print."""
    alone, orchestrated = plain(), through_airflow()
    show(
        f"{PRODUCT} {SECOND}: a full cycle with a training",
        ("", "seconds", "times"),
        [
            ("one plain process (mlfactory run)", alone, 1.0),
            ("through Airflow (mlfactory replay)", orchestrated, orchestrated / alone),
        ],
    )


if __name__ == "__main__":
    main()
