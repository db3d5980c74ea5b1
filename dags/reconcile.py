"""The DAG mlfactory.reconcile: finds what is missing or stale in every product, and mends it."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from mlfactory.pipeline.reconciling import RECONCILE, reconcile_dag

# a task of another DAG parses this file too when it starts, and needs nothing of it
if get_parsing_context().dag_id in (None, RECONCILE):
    dag = reconcile_dag()
