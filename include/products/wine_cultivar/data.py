"""Where the wines come from: the chemical analyses that scikit-learn ships with."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from sklearn.datasets import load_wine


def load(start: datetime | None, end: datetime | None) -> pd.DataFrame:
    """Return one row per wine; a snapshot is loaded whole, so both bounds are None."""
    bunch = load_wine(as_frame=True)
    wines = bunch.data.rename(columns={"od280/od315_of_diluted_wines": "protein_ratio"})
    names = pd.Series(bunch.target_names, dtype="str")
    wines.insert(0, "wine", range(len(wines)))
    return wines.assign(cultivar=bunch.target.map(names))
