"""What to do about a part of the lake that is damaged or gone, as a command."""

from __future__ import annotations

import re

from mlfactory.lake.catalog import AT_WORK, MANIFESTS, REMOVAL, STACK, TAKING, source_of

_MANIFEST = re.compile(rf"/([^/]+)/{MANIFESTS}/([^/]+)/([^/]+)\.json$")
_NOTE = re.compile(rf"/(?:{AT_WORK}/[^/]+|{re.escape(REMOVAL)})$")
_OF_PARTITIONS = ("ingest", "validate", "prepare", "score", "monitor", "retrain")


def instead_of_table(address: str) -> str:
    """Return how a product goes on without a table that cannot be read, given by its address."""
    product, table = address.rstrip("/").split("/")[-2:]
    source = source_of(table, cleaned=True)
    if source is not None:
        return (
            f"read the source again: mlfactory reset {product} --source {source}, then mlfactory "
            f"run {product} for each partition"
        )
    return f"let the product start over: mlfactory reset {product}"


def instead_of_file(address: str) -> str:
    """Return how to have a file written anew that cannot be read, given by its address."""
    found = _MANIFEST.search(address)
    if found is not None and found[2] in _OF_PARTITIONS:
        product, stage, key = found.groups()
        return f"run the stage again: mlfactory run {product} {key} --stage {stage} --downstream"
    if _NOTE.search(address):
        # a reset would stop at it as well
        return "delete it if nobody is at work on the product, and no reset of it under way"
    if address.endswith(f"/{STACK}"):
        return "if no other stack is at work on this lake: mlfactory take-lake"
    if address.endswith(f"/{TAKING}"):
        return "delete it if no mlfactory take-lake is under way"
    return "let the product that it belongs to start over: mlfactory reset <product>"
