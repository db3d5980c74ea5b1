"""Upkeep: what is old and nobody needs goes, and nothing that anything points to."""

from mlfactory.upkeep.stage import keep_factory, keep_product

__all__ = ["keep_factory", "keep_product"]
