"""DAGs with the shape of a product's, whose tasks do nothing: what a replay sees of a product.

The key decides what happens: a training is asked for in February, data is bad in March. In the
product `hail` nothing follows the data.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    CronPartitionTimetable,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    task,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException


def chain(product: str, *, is_joined: bool) -> list[DAG]:
    features, predictions, request = (
        Asset(name=f"{product}/{name}", uri=f"test://{product}/{name}")
        for name in ("features", "predictions", "retrain_request")
    )
    options: dict[str, Any] = {"catchup": False, "max_active_runs": 1}
    monthly = CronPartitionTimetable(
        "0 0 1 * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"
    )

    with DAG(f"{product}.data", schedule=monthly, **options) as data:

        @task
        def ingest() -> int:
            return 1

        @task(retries=1, retry_delay=timedelta(seconds=1))
        def validate(partition_key: str | None = None) -> None:
            if partition_key == "2013-03-01":
                raise AirflowFailException("gauge: 7 of 9 rows are bad\n  → mend them")

        @task(outlets=[features])
        def prepare() -> None: ...

        ingest() >> validate() >> prepare()

    follows = PartitionedAssetTimetable(assets=features) if is_joined else PartitionedAtRuntime()
    with DAG(f"{product}.score", schedule=follows, **options) as score:

        @task(task_id="score", outlets=[predictions])
        def predict() -> None: ...

        predict()

    with DAG(
        f"{product}.monitor", schedule=PartitionedAssetTimetable(assets=predictions), **options
    ) as monitor:

        @task(task_id="monitor")
        def watch() -> None: ...

        @task(outlets=[request])
        def retrain(partition_key: str | None = None) -> None:
            if partition_key != "2013-02-01":
                raise AirflowSkipException("nothing asks for it")

        watch() >> retrain()

    with DAG(
        f"{product}.train", schedule=PartitionedAssetTimetable(assets=request), **options
    ) as train:

        @task(map_index_template="{{ task.op_kwargs['candidate'] }}")
        def search(candidate: str) -> str:
            return candidate

        @task
        def promote() -> None:
            raise AirflowSkipException("rejected")

        search.expand(candidate=["ridge", "forest"]) >> promote()

    return [data, score, monitor, train]


for _name, _is_joined in (("rain", True), ("hail", False)):
    for _dag in chain(_name, is_joined=_is_joined):
        globals()[_dag.dag_id] = _dag
