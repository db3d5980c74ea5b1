"""Score: predictions of a partition, by models that have not seen it."""

from mlfactory.score.stage import ScoreResult, run

__all__ = ["ScoreResult", "run"]
