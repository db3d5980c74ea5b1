"""The trials of a search as a series in MLflow: each of them once, whatever was cut short."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from mlfactory.product.errors import ServiceError
from mlfactory.registry import runs
from mlfactory.trainings.records import Trial

_log = logging.getLogger(__name__)


class Series:
    """The steps of a candidate's run, its own trials and those of a search that was cut short.

    Args:
        metric: by which trials are compared.
    """

    def __init__(self, run_id: str, metric: str) -> None:
        self._run_id = run_id
        self._metric = metric
        self._shown = runs.logged_steps(run_id, "trial_seconds")

    def show(self, trial: Trial) -> None:
        """Log a trial; one that MLflow does not take now is logged by `complete`."""
        if trial.number in self._shown:
            return
        try:
            self._log(trial)
        except ServiceError as error:
            _log.warning("trial %d is not in MLflow yet: %s", trial.number, error.problem)

    def complete(self, trials: Sequence[Trial]) -> None:
        """Log the trials that are not there yet.

        Raises:
            ServiceError: MLflow still does not answer; the trials are kept with the training.
        """
        for trial in trials:
            if trial.number not in self._shown:
                self._log(trial)

    def _log(self, trial: Trial) -> None:
        figures = {self._metric: trial.score, "trial_seconds": trial.seconds}
        now = int(time.time() * 1000)
        runs.log_metrics(self._run_id, figures, step=trial.number, timestamp_ms=now)
        self._shown.add(trial.number)
