"""Imports the libraries that tasks use, for the process that forks them.

Imports only: code that starts threads before a fork would hang the tasks.
"""

from __future__ import annotations

import great_expectations  # noqa: F401
import matplotlib.backends.backend_agg
import matplotlib.figure  # noqa: F401
import mlflow.data
import mlflow.sklearn
import mlflow.tracking  # noqa: F401
import pandas  # noqa: F401
import scipy.stats  # noqa: F401
import sklearn.calibration
import sklearn.compose
import sklearn.dummy
import sklearn.ensemble
import sklearn.inspection
import sklearn.linear_model
import sklearn.metrics
import sklearn.model_selection
import sklearn.pipeline
import sklearn.preprocessing  # noqa: F401
import skops.io  # noqa: F401
