"""A file that Airflow cannot import, as dags/broken_products.py is when a spec is wrong."""

from __future__ import annotations

from airflow.sdk import DAG  # noqa: F401 - Airflow passes over files that do not name it

raise ImportError("\nproduct snow: 1 mistake\n  product.yaml:2: nmae: is not a key here")
