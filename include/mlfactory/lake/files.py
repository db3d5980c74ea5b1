"""Files of a product in the lake: written whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlfactory.product.errors import UsageError
from mlfactory.settings import settings


def product_root(product: str) -> Path:
    """Return the folder of everything the lake keeps of `product`."""
    return settings().lake_root / product


def inside(root: Path, relative: str) -> Path:
    """Return the path `relative` below `root`.

    Raises:
        UsageError: if it would lead out of `root`.
    """
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        raise UsageError(f"'{relative}' leads out of {root}")
    return path


def write_text(path: Path, text: str) -> Path:
    """Write `text` to `path` so that a reader sees the old content or the new, never a part."""
    return write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> Path:
    """Write `content` to `path` so that a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def create_text(path: Path, text: str) -> bool:
    """Write `text` to `path` whole, unless it exists; tell whether it was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        write_bytes(temporary, text.encode())
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """Write `content` as JSON, its keys sorted, so that equal content gives equal files."""
    return write_text(path, json.dumps(content, indent=2, sort_keys=True, default=str) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file, an empty dict if there is no such file."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content
