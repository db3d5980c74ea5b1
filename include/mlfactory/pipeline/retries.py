"""How Airflow tries a task again: at the pace of its error, which the step knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException

from mlfactory.cycle.pace import wait_before

if TYPE_CHECKING:
    from airflow.sdk import Context


class TryAgain(AirflowException):
    """What went wrong heals in seconds; its text is the message for who reads the log."""


class PaceOfTheError(RetryPolicy):
    """Retries what heals in seconds after seconds; all else as the task is configured.

    What cannot heal never gets here: it is raised as `AirflowFailException`.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Return when to try again."""
        if not isinstance(exception, TryAgain):
            return RetryDecision.default()
        wait = wait_before(try_number)
        return RetryDecision.retry(wait, f"tried again in {wait.total_seconds():.0f} s")

    def serialize(self) -> dict[str, Any]:
        """Return what stands for it in a serialised DAG: it has nothing to set."""
        return {}
