from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.unit.promote.evidences import answers, made

from mlfactory.promote.evidence import Evidence
from mlfactory.promote.latency import Latency


@pytest.fixture
def evidence() -> Evidence:
    regions = np.tile(np.repeat(["north", "south", "east"], [10, 9, 1]), 20)
    return replace(
        made(answers(0.3), answers(0.1)),
        slices={"region": pd.Series(regions)},
        latency=Latency(2.0, 9.0, 200),
    )
