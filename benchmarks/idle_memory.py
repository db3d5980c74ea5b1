"""What the stack holds when it is up and nothing runs: proportional set size, summed."""

from __future__ import annotations

import json
import time

from support import members, show, stack

SETTLE_SECONDS = 30


def main() -> None:
    """Measure and print."""
    with stack() as (_, home):
        time.sleep(SETTLE_SECONDS)
        told = json.loads((home / "stack.json").read_text(encoding="utf-8"))
        rows: list[tuple[object, ...]] = []
        for service in ("airflow", "mlflow"):
            processes = members(told["leaders"][service]["pid"])
            megabytes = sum(process.memory_full_info().pss for process in processes) / 2**20
            rows.append((service, len(processes), megabytes))
        total = sum(float(row[2]) for row in rows)  # type: ignore[arg-type]
        rows.append(("together", sum(int(row[1]) for row in rows), total))  # type: ignore[call-overload]
    show("Idle stack", ("service", "processes", "MiB"), rows)


if __name__ == "__main__":
    main()
