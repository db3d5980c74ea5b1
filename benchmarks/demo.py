"""How long `make demo EXIT=1` takes from an installed environment, and how long nothing computes.

"Nothing computes" is the share of samples in which all processes of the machine together use less
than a fifth of one core; so run it on a machine that does nothing else.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from support import MLFACTORY, fresh_environment, show

SAMPLE_SECONDS = 0.25
IDLE_CORES = 0.2


def main() -> None:
    """Measure and print; ends non-zero where the demo does."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as folder:
        environment = fresh_environment(Path(folder))
        start = time.perf_counter()
        demo = subprocess.Popen([MLFACTORY, "demo", "--exit"], env=environment, stdout=sys.stderr)
        samples = []
        psutil.cpu_percent()
        while demo.poll() is None:
            time.sleep(SAMPLE_SECONDS)
            samples.append(psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1))
        seconds = time.perf_counter() - start
    idle = sum(sample < IDLE_CORES for sample in samples) / len(samples)
    show(
        "make demo EXIT=1, installed environment, no state",
        ("", "figure"),
        [
            ("seconds in all", seconds),
            ("seconds in which nothing computes", idle * seconds),
            ("share in which nothing computes", f"{idle:.0%}"),
            ("exit code", demo.returncode),
        ],
    )
    sys.exit(demo.returncode)


if __name__ == "__main__":
    main()
