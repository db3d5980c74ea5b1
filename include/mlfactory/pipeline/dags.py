"""The DAGs of a product, as one reads them in the Airflow UI."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    AssetAny,
    Param,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    XComArg,
)

from mlfactory.arrivals.looking import watched
from mlfactory.cycle.pace import RETRIES
from mlfactory.pipeline.arriving import ArrivalsOperator, watched_assets
from mlfactory.pipeline.assets import ProductAssets, product_assets
from mlfactory.pipeline.docs import (
    arrivals_doc,
    data_doc,
    labels_doc,
    monitor_doc,
    predict_doc,
    quarantine_doc,
    score_doc,
    train_doc,
)
from mlfactory.pipeline.labelling import LabelsOperator, labels_params
from mlfactory.pipeline.links import (
    AnswersLink,
    DataDocsLink,
    MlflowRunLink,
    ModelVersionLink,
    ProfileLink,
    ReportLink,
    RowsToLabelLink,
    ValidationLink,
)
from mlfactory.pipeline.operator import SearchOperator, StageOperator
from mlfactory.pipeline.pools import PRIORITY, TRAININGS
from mlfactory.pipeline.predicting import PredictOperator, predict_params
from mlfactory.pipeline.quarantining import QuarantineOperator, quarantine_params
from mlfactory.pipeline.retries import PaceOfTheError
from mlfactory.pipeline.timetable import LiveTimetable
from mlfactory.product.loader import Product
from mlfactory.product.partitions import as_utc

_CRON = {"hour": "0 * * * *", "day": "0 0 * * *", "week": "0 0 * * 1", "month": "0 0 1 * *"}

_TASK_DEFAULTS: dict[str, Any] = {
    # only what retrying can cure is retried at all: see StageOperator
    "retries": RETRIES,
    "retry_policy": PaceOfTheError(),
    "retry_delay": timedelta(seconds=15),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=6),
    "email_on_failure": False,
    "email_on_retry": False,
}


_LONGEST_SEARCH = timedelta(hours=24)
"""What the form allows. Airflow's timeouts are set before a run has its form filled in, so they are
those of the longest search; a search ends itself at its own budget."""


def build_dags(product: Product) -> list[DAG]:
    """Return a product's DAGs.

    These are `<p>.data`, `.score`, `.monitor`, `.train`, `.predict` and `.quarantine`; where a
    source is watched, `.arrivals`; and where people are asked to label rows, `.labels`.
    """
    assets = product_assets(product.name)
    arrivals = [_arrivals_dag(product)] if watched(product) else []
    return [
        _data_dag(product, assets),
        _score_dag(product, assets),
        _monitor_dag(product, assets),
        _train_dag(product, assets),
        _predict_dag(product),
        _quarantine_dag(product),
        *arrivals,
        *([_labels_dag(product)] if product.spec.labelling is not None else []),
    ]


def _data_dag(product: Product, assets: ProductAssets) -> DAG:
    schedule = _data_schedule(product)
    with _dag(product, "data", schedule, data_doc(product), _data_params()) as dag:
        labels = _task(product, "labels")
        ingest = _task(product, "ingest")
        validate = _task(product, "validate", links=(ValidationLink, ProfileLink, DataDocsLink))
        labels >> ingest >> validate >> _prepare(product, assets)
    return dag


def _prepare(product: Product, assets: ProductAssets) -> Any:
    """Return the task that prepares a partition, or one for each shard and one that gathers."""
    shards = product.spec.partition.shards
    if shards == 1:
        return _task(product, "prepare", links=(ProfileLink,), outlets=[assets.features])
    prepare = StageOperator.partial(
        task_id="prepare",
        product=product.name,
        step="shard",
        map_index_template=f"{{{{ task.shard + 1 }}}} of {shards}",
    ).expand(shard=list(range(shards)))
    prepare >> _task(product, "gather", links=(ProfileLink,), outlets=[assets.features])
    return prepare


def _score_dag(product: Product, assets: ProductAssets) -> DAG:
    schedule = PartitionedAssetTimetable(assets=assets.features)
    with _dag(product, "score", schedule, score_doc(product)) as dag:
        _task(product, "score", outlets=[assets.predictions])
    return dag


def _monitor_dag(product: Product, assets: ProductAssets) -> DAG:
    schedule = PartitionedAssetTimetable(assets=assets.predictions)
    with _dag(product, "monitor", schedule, monitor_doc(product)) as dag:
        monitor = _task(product, "monitor", links=(ReportLink, MlflowRunLink))
        retrain = _task(product, "retrain", links=(ReportLink,), outlets=[assets.retrain_request])
        monitor >> retrain
    return dag


def _train_dag(product: Product, assets: ProductAssets) -> DAG:
    schedule = PartitionedAssetTimetable(assets=assets.retrain_request)
    with _dag(product, "train", schedule, train_doc(product), _train_params(product)) as dag:
        snapshot = _task(product, "snapshot")
        search = SearchOperator.partial(
            task_id="search",
            product=product.name,
            step="search",
            map_index_template="{{ task.candidate }}",
            execution_timeout=_LONGEST_SEARCH + timedelta(hours=2),
            **_computing(product),
        ).expand_kwargs(XComArg(snapshot))
        fit = _task(product, "fit", links=(MlflowRunLink,), **_computing(product))
        judge = _task(product, "judge", links=(ModelVersionLink,))
        promote = _task(product, "promote", links=(ModelVersionLink,), outlets=[assets.champion])
        search >> fit >> judge >> promote
    return dag


def _predict_dag(product: Product) -> DAG:
    doc, params = predict_doc(product), predict_params(product)
    with _dag(product, "predict", None, doc, params) as dag:
        PredictOperator(
            task_id="predict", product=product.name, step="predict", links=(AnswersLink,)
        )
    return dag


def _quarantine_dag(product: Product) -> DAG:
    doc, params = quarantine_doc(product), quarantine_params(product)
    with _dag(product, "quarantine", None, doc, params) as dag:
        decide = QuarantineOperator(
            task_id="decide", product=product.name, step="decide", links=(ValidationLink,)
        )
        run = QuarantineOperator(
            task_id="run", product=product.name, step="run", links=(ValidationLink,)
        )
        decide >> run
    return dag


def _arrivals_dag(product: Product) -> DAG:
    schedule = AssetAny(*watched_assets(product))
    with _dag(product, "arrivals", schedule, arrivals_doc(product)) as dag:
        ArrivalsOperator(task_id="arrivals", product=product.name, step="arrivals")
    return dag


def _labels_dag(product: Product) -> DAG:
    with _dag(product, "labels", None, labels_doc(product), labels_params()) as dag:
        draw = LabelsOperator(
            task_id="draw", product=product.name, step="draw", links=(RowsToLabelLink,)
        )
        draw >> LabelsOperator(task_id="take", product=product.name, step="take")
    return dag


def _task(product: Product, step: str, **kwargs: Any) -> StageOperator:
    return StageOperator(task_id=step, product=product.name, step=step, **kwargs)


def _computing(product: Product) -> dict[str, Any]:
    """Return where what a training computes may run: few at once, on the workers it names."""
    queue = product.spec.train.queue
    return {"pool": TRAININGS} | ({"queue": queue} if queue else {})


def _dag(
    product: Product, part: str, schedule: Any, doc: str, params: dict[str, Param] | None = None
) -> DAG:
    spec = product.spec
    return DAG(
        dag_id=f"{product.name}.{part}",
        dag_display_name=f"{product.name}.{part}",
        description=f"{spec.title or spec.name}: {part}",
        schedule=schedule,
        # no start_date: with one in the past, unpausing would at once run the newest partition
        end_date=_end(product) if part == "data" else None,
        catchup=False,
        # one at a time: the partitions of a product stand on each other
        max_active_runs=1,
        dagrun_timeout=_run_timeout(product, part),
        is_paused_upon_creation=part == "data",
        default_args={
            **_TASK_DEFAULTS,
            "owner": spec.owner.team,
            # its own, not summed over what follows: a long chain is no more urgent
            "weight_rule": "absolute",
            "priority_weight": PRIORITY[part],
        },
        params=params or {},
        tags=sorted({"mlfactory", product.name, part, spec.label.kind}),
        doc_md=doc,
    )


def _data_schedule(product: Product) -> Any:
    every = product.spec.partition.every
    if every == "snapshot":
        return PartitionedAtRuntime()
    return LiveTimetable(
        _CRON[every],
        runs_after=product.spec.runs_after,
        longest_run=_run_timeout(product, "data"),
        timezone="UTC",
        run_offset=-1,
        key_format="%Y-%m-%dT%H:00" if every == "hour" else "%Y-%m-%d",
    )


def _run_timeout(product: Product, part: str) -> timedelta:
    """Return what a run may take: more than its longest wait or search, so that it is never cut."""
    if part == "train":
        return _LONGEST_SEARCH + timedelta(hours=12)
    late = max(source.arrives_within for source in product.spec.sources.values())
    return timedelta(hours=12) + (late if part == "data" else timedelta())


def _end(product: Product) -> Any:
    end = product.spec.partition.end
    # the run of the last partition begins later than that ends
    return as_utc(end) + product.spec.runs_after if end else None


def _data_params() -> dict[str, Param]:
    return {
        "land": Param(
            True,
            type="boolean",
            title="Read the sources",
            description="Off: the rows that were landed before stand, and are checked and prepared "
            "anew, as after a change of the rules or of the features.",
        ),
        "arrived": Param(
            None,
            type=["null", "string"],
            maxLength=2000,
            title="What has come",
            description="Files or rows that came late or were corrected, for which the partition "
            "is landed again; told on. With it the run stops where the partition would lose rows "
            "whose files are gone.",
        ),
    }


def _train_params(product: Product) -> dict[str, Param]:
    spec = product.spec
    families = list(spec.candidates)
    return {
        "trials": Param(
            spec.train.search.trials,
            type="integer",
            minimum=1,
            maximum=1000,
            title="Trials",
            description="How many settings the search tries in all, shared by the candidates.",
            section="Search budget",
        ),
        "seconds": Param(
            spec.train.search.seconds,
            type="integer",
            minimum=1,
            maximum=int(_LONGEST_SEARCH.total_seconds()),
            title="Seconds",
            description="How long the search may take in all; a trial under way is finished.",
            section="Search budget",
        ),
        "candidates": Param(
            families,
            type="array",
            items={"type": "string", "enum": families},
            examples=families,
            minItems=1,
            title="Candidates",
            description="Model families to search.",
            section="Search budget",
        ),
        "reason": Param(
            None,
            type=["null", "string"],
            maxLength=500,
            title="Reason",
            description="Why you ask for this training; goes into the ledger. "
            "Empty: the policy's own reason, or 'asked for by hand'.",
            section="Record",
        ),
    }
