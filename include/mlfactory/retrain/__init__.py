"""Retrain: the policy decides whether to train again, and the ledger says why."""

from mlfactory.retrain.stage import RetrainResult, run

__all__ = ["RetrainResult", "run"]
