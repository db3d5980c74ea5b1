"""The DAG mlfactory.replay: a span of partitions, each brought to rest before the next."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from mlfactory.pipeline.replaying import REPLAY, replay_dag

# a task of another DAG parses this file too when it starts, and needs nothing of it
if get_parsing_context().dag_id in (None, REPLAY):
    dag = replay_dag()
