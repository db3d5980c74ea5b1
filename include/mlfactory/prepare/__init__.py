"""Prepare: features and labels of a partition, made by the product's own function."""

from mlfactory.prepare.ahead import look_ahead, refuse_peeks
from mlfactory.prepare.shards import ShardResult, build_shard
from mlfactory.prepare.stage import PrepareResult, gather, run

__all__ = [
    "PrepareResult",
    "ShardResult",
    "build_shard",
    "gather",
    "look_ahead",
    "refuse_peeks",
    "run",
]
