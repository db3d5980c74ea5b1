"""Reconcile: compares what a product should have by now with what it has, tells it and mends it.

It hangs on nothing that it watches: not on the chain of a partition, and not on its events.
"""

from mlfactory.reconcile.stage import reconcile

__all__ = ["reconcile"]
