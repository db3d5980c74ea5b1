"""Files of this machine alone: which processes run here, the local Airflow's password."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlfactory.lake.store import as_json, write_whole


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    write_whole(path, text.encode())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` to `path` as JSON, whole or not at all."""
    write_whole(path, as_json(content))


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file, an empty dict if there is no such file."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content
