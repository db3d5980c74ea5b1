"""What each task does: one function a step, calling its stage and saying what to tell Airflow.

The stages are imported inside the functions, so that parsing a DAG file loads none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlfactory.pipeline.links import (
    DataDocsLink,
    MlflowRunLink,
    ModelVersionLink,
    ReportLink,
    ValidationLink,
    page_url,
)
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


@dataclass(frozen=True)
class Job:
    """What a step is given."""

    product: Product
    partition: Partition
    dag_id: str
    base_url: str
    training_id: str = ""
    candidate: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    def page(self, path: str) -> str:
        """Return the address of a page of the product in the lake."""
        return page_url(self.base_url, self.dag_id, path)


@dataclass(frozen=True)
class Done:
    """What a step has done.

    Attributes:
        result: its stage's result.
        links: the address behind each button of the task's page.
        stop_here: why nothing follows, where that is so.
        expands_to: the arguments of each of the tasks that the next step is mapped to.
    """

    result: dict[str, Any]
    links: dict[str, str] = field(default_factory=dict)
    stop_here: str = ""
    expands_to: tuple[dict[str, str], ...] = ()


def ingest(job: Job) -> Done:
    """Land the partition's rows of every source."""
    from mlfactory import ingest as stage

    return Done(asdict(stage.run(job.product, job.partition)))


def validate(job: Job) -> Done:
    """Judge the landed rows; the page is linked also where the verdict is stop."""
    from mlfactory import validate as stage

    return Done(asdict(stage.run(job.product, job.partition)), validation_links(job))


def validation_links(job: Job) -> dict[str, str]:
    """Return the pages a validation leaves, whatever its verdict."""
    return {
        ValidationLink.name: job.page(f"validation/{job.partition.key}.html"),
        DataDocsLink.name: job.page("data_docs/index.html"),
    }


def prepare(job: Job) -> Done:
    """Build features and labels."""
    from mlfactory import prepare as stage

    return Done(asdict(stage.run(job.product, job.partition)))


def score(job: Job) -> Done:
    """Predict with the champion, and with the challenger in its shadow."""
    from mlfactory import score as stage

    return Done(asdict(stage.run(job.product, job.partition)))


def monitor(job: Job) -> Done:
    """Compare with training, join labels, report, alert."""
    from mlfactory import monitor as stage
    from mlfactory.registry.runs import run_url

    result = stage.run(job.product, job.partition)
    links = {
        ReportLink.name: job.page(f"reports/{job.partition.key}.html"),
        MlflowRunLink.name: run_url(result.run_id),
    }
    return Done(asdict(result), links)


def retrain(job: Job) -> Done:
    """Decide whether to train again; the ledger says why either way."""
    from mlfactory import retrain as stage

    result = stage.run(job.product, job.partition)
    links = {ReportLink.name: job.page(f"reports/{job.partition.key}.html")}
    return Done(asdict(result), links, stop_here="" if result.requested else result.reason)


def snapshot(job: Job) -> Done:
    """Pin the data versions and the held-out partitions of this training."""
    from mlfactory import train as stage

    result = stage.snapshot(
        job.product,
        job.partition,
        job.training_id,
        trials=job.params.get("trials"),
        seconds=job.params.get("seconds"),
        candidates=job.params.get("candidates"),
        reason=job.params.get("reason") or "",
    )
    searches = tuple({"candidate": name} for name in result.candidates)
    return Done(asdict(result), expands_to=searches)


def search(job: Job) -> Done:
    """Search one candidate family within its share of the budget."""
    from mlfactory import train as stage
    from mlfactory.registry.runs import run_url

    result = stage.search(job.product, job.training_id, job.candidate)
    return Done(asdict(result), {MlflowRunLink.name: run_url(result.run_id)})


def fit(job: Job) -> Done:
    """Fit the best candidate and evaluate it on the held-out rows."""
    from mlfactory import train as stage
    from mlfactory.registry.runs import run_url

    result = stage.fit(job.product, job.training_id)
    return Done(asdict(result), {MlflowRunLink.name: run_url(result.run_id)})


def judge(job: Job) -> Done:
    """Register the candidate and put it through the gates."""
    from mlfactory import promote as stage
    from mlfactory.registry.versions import version_url

    result = stage.judge(job.product, job.training_id)
    return Done(
        asdict(result), {ModelVersionLink.name: version_url(job.product.name, result.version)}
    )


def promote(job: Job) -> Done:
    """Write the decision into the ledger and carry it out."""
    from mlfactory import promote as stage
    from mlfactory.registry.versions import version_url

    result = stage.settle(job.product, job.training_id)
    links = {ModelVersionLink.name: version_url(job.product.name, result.version)}
    return Done(asdict(result), links, stop_here="" if result.promoted else result.reason)


STEPS: dict[str, Callable[[Job], Done]] = {
    step.__name__: step
    for step in (
        ingest,
        validate,
        prepare,
        score,
        monitor,
        retrain,
        snapshot,
        search,
        fit,
        judge,
        promote,
    )
}
