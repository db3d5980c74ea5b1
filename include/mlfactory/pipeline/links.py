"""The buttons on a task's page: to the MLflow run, the report, the validation page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from mlfactory.cycle import steps

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

PAGES_PREFIX = "/mlfactory"
"""Where the plugin serves a product's pages, below Airflow's own address."""


class StageLink(BaseOperatorLink):
    """A button whose address the stage found out while it ran."""

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the address; asked for in the worker, right after the task."""
        links: dict[str, str] = getattr(operator, "links_found", {})
        return links.get(self.name, "")


class MlflowRunLink(StageLink):
    """To the run in the MLflow UI."""

    name = steps.MLFLOW_RUN


class ModelVersionLink(StageLink):
    """To the version in the MLflow registry."""

    name = steps.MODEL_VERSION


class ReportLink(StageLink):
    """To the partition's monitoring report."""

    name = steps.REPORT


class ValidationLink(StageLink):
    """To the partition's validation page."""

    name = steps.VALIDATION


class ProfileLink(StageLink):
    """To the partition's profile page."""

    name = steps.PROFILE


class DataDocsLink(StageLink):
    """To Great Expectations' own Data Docs."""

    name = steps.DATA_DOCS


class AnswersLink(StageLink):
    """To the answers that somebody asked for."""

    name = "Answers"


class RowsToLabelLink(StageLink):
    """To the rows that people are asked to label."""

    name = "Rows to label"


ALL_LINKS = (
    MlflowRunLink,
    ModelVersionLink,
    ReportLink,
    ValidationLink,
    ProfileLink,
    DataDocsLink,
    AnswersLink,
    RowsToLabelLink,
)


def page_url(base_url: str, dag_id: str, path: str) -> str:
    """Return the address at which the plugin shows the lake file `path` to who may see the DAG."""
    return f"{base_url.rstrip('/')}{PAGES_PREFIX}/{dag_id}/files/{path}"
