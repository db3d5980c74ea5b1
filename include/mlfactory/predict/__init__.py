"""Predict: rows of a file, answered by the champion through the product's own build function."""

from mlfactory.predict.stage import Predicted, run

__all__ = ["Predicted", "run"]
