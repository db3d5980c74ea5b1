"""The airport's databases, made once of the whole year."""

from __future__ import annotations

from pathlib import Path

import pytest
from examples.airport.tables import make


@pytest.fixture(scope="session")
def airport(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the databases."""
    folder = tmp_path_factory.mktemp("airport")
    make(folder)
    return folder
