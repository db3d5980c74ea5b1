"""A worker asks the database how the scheduler runs: one that never answers."""

from __future__ import annotations

import socket

import pytest

from mlfactory.cli.server import beside
from mlfactory.cli.server.beside import (
    refuse_another_time,
)
from mlfactory.product.errors import ServiceError
from mlfactory.settings import Settings


def test_a_database_that_swallows_what_is_sent_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(beside, "_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql+psycopg2://a:b@127.0.0.1:{silent.getsockname()[1]}/airflow"
        with pytest.raises(ServiceError, match="does not answer"):
            refuse_another_time(Settings(_env_file=None, airflow_database=address))
