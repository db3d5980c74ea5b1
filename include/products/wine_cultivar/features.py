"""Features of a wine: the analyses as they were measured."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd


def build(sources: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return key, analyses and cultivar of every wine."""
    return sources["wines"]
