"""Erasing: one subject is removed from all that the lake keeps of a product, and stays out."""

from mlfactory.erase.asking import asked_for, cut_off, sealed
from mlfactory.erase.search import Found, look_for
from mlfactory.erase.stage import Erased, erase

__all__ = ["Erased", "Found", "asked_for", "cut_off", "erase", "look_for", "sealed"]
