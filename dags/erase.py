"""The DAG mlfactory.erase: one subject is erased everywhere, by a form."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from mlfactory.pipeline.erasing import ERASE, erase_dag

# a task of another DAG parses this file too when it starts, and needs nothing of it
if get_parsing_context().dag_id in (None, ERASE):
    dag = erase_dag()
