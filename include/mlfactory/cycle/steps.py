"""What each step does: one function a step, calling its stage and saying what came of it.

The stages are imported inside the functions, so that parsing a DAG file loads none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from mlfactory.cycle.job import Done, Job
from mlfactory.cycle.landed import landed_before
from mlfactory.lake.catalog import DATA_DOCS as DATA_DOCS_FOLDER
from mlfactory.lake.catalog import profile_page, report_page, validation_page
from mlfactory.product.errors import ContractError

REPORT = "Report"
VALIDATION = "Validation"
PROFILE = "Profile"
DATA_DOCS = "Data Docs"
MLFLOW_RUN = "MLflow run"
MODEL_VERSION = "Model version"


def labels(job: Job) -> Done:
    """Read the partitions again whose labels have come since."""
    from mlfactory.cycle.labels import read_due_again

    return Done(read_due_again(job.product, job.partition))


def ingest(job: Job) -> Done:
    """Land the partition's rows of every source, or leave those that were landed before."""
    from mlfactory import ingest as stage

    if not job.land:
        return Done(landed_before(job.product, job.partition))
    left_out: dict[str, frozenset[str]] = {}
    if job.arrived:
        from mlfactory.arrivals.unreadable import unreadable

        # what came with a broken file is landed; a landing for anything else tells of the file
        left_out = unreadable(job.product)
    done = stage.run(
        job.product, job.partition, renew=job.renew, arrived=job.arrived, left_out=left_out
    )
    return Done(asdict(done) | _because(job, "ingest"))


def validate(job: Job) -> Done:
    """Judge the landed rows."""
    from mlfactory import validate as stage
    from mlfactory.cycle.profiles import leave_profile

    try:
        found = stage.run(job.product, job.partition)
    except ContractError:
        # nothing follows that would leave it, and it is what there is to look at
        leave_profile(job.product, job.partition)
        raise
    return Done(asdict(found), validation_pages(job))


def validation_pages(job: Job) -> dict[str, str]:
    """Return the pages that a validation leaves, whatever its verdict."""
    return {
        VALIDATION: validation_page(job.partition.key),
        PROFILE: profile_page(job.partition.key),
        DATA_DOCS: f"{DATA_DOCS_FOLDER}/index.html",
    }


def prepare(job: Job) -> Done:
    """Build features and labels."""
    from mlfactory import prepare as stage

    return _prepared(job, asdict(stage.run(job.product, job.partition)))


def shard(job: Job) -> Done:
    """Build features and labels of one shard of the partition."""
    from mlfactory import prepare as stage

    return Done(asdict(stage.build_shard(job.product, job.partition, job.shard, job.training_id)))


def gather(job: Job) -> Done:
    """Make the shards of the partition one."""
    from mlfactory import prepare as stage

    return _prepared(job, asdict(stage.gather(job.product, job.partition, job.training_id)))


def score(job: Job) -> Done:
    """Predict with the champion, and with the challenger in its shadow."""
    from mlfactory import score as stage

    return Done(asdict(stage.run(job.product, job.partition)))


def monitor(job: Job) -> Done:
    """Compare with training, join labels, report, alert."""
    from mlfactory import monitor as stage
    from mlfactory.registry.runs import run_url

    result = stage.run(job.product, job.partition)
    return Done(asdict(result), _report(job), {MLFLOW_RUN: run_url(result.run_id)})


def retrain(job: Job) -> Done:
    """Decide whether to train again; the ledger says why either way."""
    from mlfactory import retrain as stage

    result = stage.run(job.product, job.partition)
    stop = "" if result.requested else result.reason
    return Done(asdict(result), _report(job), stop_here=stop)


def snapshot(job: Job) -> Done:
    """Pin the data versions and the held-out partitions of this training."""
    from mlfactory import train as stage
    from mlfactory.cycle.ahead import refuse_peeks_once

    refuse_peeks_once(job.product, job.partition)
    result = stage.snapshot(
        job.product,
        job.partition,
        job.training_id,
        trials=job.budget.trials,
        seconds=job.budget.seconds,
        candidates=job.budget.candidates,
        reason=job.budget.reason,
    )
    return Done(asdict(result), expands_to=tuple(result.candidates))


def search(job: Job) -> Done:
    """Search one candidate family within its share of the budget."""
    from mlfactory import train as stage
    from mlfactory.registry.runs import run_url

    result = stage.search(job.product, job.training_id, job.candidate)
    return Done(asdict(result), addresses={MLFLOW_RUN: run_url(result.run_id)})


def fit(job: Job) -> Done:
    """Fit the best candidate and evaluate it on the held-out rows."""
    from mlfactory import train as stage
    from mlfactory.registry.runs import run_url

    result = stage.fit(job.product, job.training_id)
    return Done(asdict(result), addresses={MLFLOW_RUN: run_url(result.run_id)})


def judge(job: Job) -> Done:
    """Register the candidate and put it through the gates."""
    from mlfactory import promote as stage
    from mlfactory.registry.versions import version_url

    result = stage.judge(job.product, job.training_id)
    address = version_url(job.product.name, result.version)
    return Done(asdict(result), addresses={MODEL_VERSION: address})


def promote(job: Job) -> Done:
    """Write the decision into the ledger and carry it out."""
    from mlfactory import promote as stage
    from mlfactory.registry.versions import version_url

    result = stage.settle_anew(job.product, job.training_id)
    address = version_url(job.product.name, result.version)
    stop = "" if result.promoted else result.reason
    return Done(asdict(result), addresses={MODEL_VERSION: address}, stop_here=stop)


def _prepared(job: Job, result: dict[str, Any]) -> Done:
    """Leave the profile of the partition, and say what was done and because of what."""
    from mlfactory.cycle.profiles import leave_profile

    leave_profile(job.product, job.partition)
    return Done(result | _because(job), {PROFILE: profile_page(job.partition.key)})


def _because(job: Job, stage: str = "validate") -> dict[str, list[str]]:
    """Return why the partition is another one than when it was prepared last, if it is.

    That is what came late or was corrected, and what people decided about its rows.
    """
    from mlfactory.lake.manifests import read_manifest

    told = read_manifest(job.product.name, stage, job.partition.key)
    because = told.get("facts", {}).get("because", [])
    return {"because": list(because)} if because else {}


def _report(job: Job) -> dict[str, str]:
    return {REPORT: report_page(job.partition.key)}


STEPS: dict[str, Callable[[Job], Done]] = {
    step.__name__: step
    for step in (
        labels,
        ingest,
        validate,
        prepare,
        shard,
        gather,
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
"""Every step, in the order of a model's life. `prepare` builds shards and gathers them in one
process; `shard` and `gather` are its parts, for tasks of their own."""

STAGES: dict[str, tuple[str, ...]] = {
    "labels": ("labels",),
    "ingest": ("ingest",),
    "validate": ("validate",),
    "prepare": ("prepare",),
    "score": ("score",),
    "monitor": ("monitor",),
    "retrain": ("retrain",),
    "train": ("snapshot", "search", "fit"),
    "promote": ("judge", "promote"),
}
"""The stages of a partition's cycle in their order, and the steps of each."""
