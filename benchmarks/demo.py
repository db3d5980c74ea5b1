"""How long `make demo EXIT=1` takes from an installed environment: lake in a folder, and on S3.

"Nothing computes" is the share of samples in which all processes of the machine together use less
than a fifth of one core; so run it on a machine that does nothing else. The S3 server is the one of
the tests, over HTTP with authorisation on; what it computes itself is part of the seconds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from support import MLFACTORY, REPOSITORY, fresh_environment, show

sys.path.insert(0, str(REPOSITORY))
from tests.s3.server import serving

SAMPLE_SECONDS = 0.25
IDLE_CORES = 0.2


@dataclass(frozen=True)
class Demo:
    """What one demo took.

    Args:
        seconds: of wall time.
        idle: the share in which nothing computed.
        code: with which it ended.
    """

    seconds: float
    idle: float
    code: int


def demo(environment: dict[str, str]) -> Demo:
    """Run the demo on a factory without state."""
    start = time.perf_counter()
    running = subprocess.Popen([MLFACTORY, "demo", "--exit"], env=environment, stdout=sys.stderr)
    samples = []
    psutil.cpu_percent()
    while running.poll() is None:
        time.sleep(SAMPLE_SECONDS)
        samples.append(psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1))
    seconds = time.perf_counter() - start
    return Demo(seconds, sum(s < IDLE_CORES for s in samples) / len(samples), running.returncode)


def main() -> None:
    """Measure and print; ends non-zero where a demo does."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as name:
        folder = Path(name)
        local = demo(fresh_environment(folder / "local"))
        (folder / "server").mkdir()
        with serving("moto", folder / "server") as server:
            environment = fresh_environment(folder / "s3") | server.environment
            remote = demo({**environment, "MLFACTORY_LAKE": f"s3://{server.bucket}/demo"})
    show(
        "make demo EXIT=1, installed environment, no state",
        ("", "folder", "S3", "S3 / folder"),
        [
            ("seconds", local.seconds, remote.seconds, f"{remote.seconds / local.seconds:.2f}"),
            ("share in which nothing computes", f"{local.idle:.0%}", f"{remote.idle:.0%}", ""),
            ("exit code", local.code, remote.code, ""),
        ],
    )
    sys.exit(local.code or remote.code)


if __name__ == "__main__":
    main()
