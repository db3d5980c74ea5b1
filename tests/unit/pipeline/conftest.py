"""Airflow reads its home when it is imported: give it one of its own before any test does."""

from __future__ import annotations

import os
import tempfile

from mlfactory.settings import REPOSITORY

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="mlfactory-airflow-")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(REPOSITORY / "plugins")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
