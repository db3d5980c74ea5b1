"""Ingest: the partition's rows of every source, landed as they were received."""

from mlfactory.ingest.stage import IngestResult, run

__all__ = ["IngestResult", "run"]
