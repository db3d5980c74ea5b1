"""Erasing: one subject is removed from all that the lake keeps of a product, and stays out."""

from mlfactory.erase.asking import asked_for, cut_off, is_sealed, named, sealed
from mlfactory.erase.search import Found, look_for
from mlfactory.erase.stage import Erased, erase

__all__ = [
    "Erased",
    "Found",
    "asked_for",
    "cut_off",
    "erase",
    "is_sealed",
    "look_for",
    "named",
    "sealed",
]
