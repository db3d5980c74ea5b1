"""Prepare: features and labels of a partition, made by the product's own function."""

from mlfactory.prepare.stage import PrepareResult, run

__all__ = ["PrepareResult", "run"]
