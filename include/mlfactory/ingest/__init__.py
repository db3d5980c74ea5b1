"""Ingest: the partition's rows of every source, landed as they were received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlfactory.ingest.stage import IngestResult, run

__all__ = ["IngestResult", "run"]


def __getattr__(name: str) -> Any:
    # loaded when it is asked for: who only looks where files lie needs no Arrow
    if name in __all__:
        from mlfactory.ingest import stage

        return getattr(stage, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
