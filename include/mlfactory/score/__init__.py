"""Score: predictions of a partition, by models that have not seen it; answers to who asks."""

from mlfactory.score.asked import answers, model_for
from mlfactory.score.code import other_code
from mlfactory.score.stage import ScoreResult, run

__all__ = ["ScoreResult", "answers", "model_for", "other_code", "run"]
