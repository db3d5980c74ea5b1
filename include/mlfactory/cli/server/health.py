"""Whether a part is well, asked by the engine that runs it every few seconds.

Run by its path and made of the standard library alone: it is asked often and must cost nothing.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import urllib.request
from pathlib import Path

PART_FILE = Path(tempfile.gettempdir()) / "mlfactory-part.json"
"""What a container is: the image's own health check is the same for all parts."""

_LOGS_OF_A_WORKER = 8793
_SECONDS = 5
_SAY_IT_BY_THEIR_CODE = {
    "scheduler": "http://127.0.0.1:8974/health",
    "mlflow": "http://127.0.0.1:5000/health",
}


def _answer(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=_SECONDS) as reply:  # noqa: S310 addresses of ours
        found = reply.read()
    return dict(json.loads(found)) if found.startswith(b"{") else {}


def is_well(part: str, api: str) -> bool:
    """Tell whether a part is well.

    The DAG processor and the triggerer answer nobody; the API knows when each was last alive.

    Args:
        part: its name among the parts.
        api: the address of the API server.
    """
    if part == "worker":
        socket.create_connection(("127.0.0.1", _LOGS_OF_A_WORKER), _SECONDS).close()
        return _lives(int(json.loads(PART_FILE.read_text(encoding="utf-8"))["process"]))
    if part in _SAY_IT_BY_THEIR_CODE:
        _answer(_SAY_IT_BY_THEIR_CODE[part])
        return True
    if part == "api":
        health = _answer("http://127.0.0.1:8080/api/v2/monitor/health")["metadatabase"]
    else:
        health = _answer(f"{api}/api/v2/monitor/health")[part.replace("-", "_")]
    return isinstance(health, dict) and health.get("status") == "healthy"


def _lives(process: int) -> bool:
    """Tell whether Celery runs: the log server beside it outlives it."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def _this_one() -> tuple[str, str]:
    """Return part and API of this container, empty where it is none, such as a command."""
    if not PART_FILE.exists():
        return "", ""
    told = json.loads(PART_FILE.read_text(encoding="utf-8"))
    return str(told["part"]), str(told["api"])


if __name__ == "__main__":
    try:
        part, api = sys.argv[1:] or _this_one()
        well = not part or is_well(part, api)
    except (OSError, ValueError, KeyError):
        well = False
    sys.exit(not well)
