"""The DAG mlfactory.upkeep: what is old and nobody points to goes."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from mlfactory.pipeline.upkeeping import UPKEEP, upkeep_dag

# a task of another DAG parses this file too when it starts, and needs nothing of it
if get_parsing_context().dag_id in (None, UPKEEP):
    dag = upkeep_dag()
