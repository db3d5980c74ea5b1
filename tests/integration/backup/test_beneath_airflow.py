"""A restore beneath an Airflow that another machine or container started."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from tests.http_server import Quiet, address_of, answering
from tests.integration.backup.small import mark, saved

from mlfactory.cli.backup import put_back
from mlfactory.product.errors import UsageError
from mlfactory.settings import settings


class _Healthy(Quiet):
    def do_GET(self) -> None:
        self.send({})


class _Busy(Quiet):
    def do_GET(self) -> None:
        self.close_connection = True  # nothing is answered


@pytest.mark.usefixtures("factory")
@pytest.mark.parametrize("kind", [_Healthy, _Busy])
def test_a_restore_is_refused_while_the_airflow_that_is_named_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Quiet]
) -> None:
    saved(tmp_path / "backup")
    before = mark()
    with answering(kind) as server:
        url = address_of(server)
        monkeypatch.setenv("MLFACTORY_AIRFLOW_ADDRESS", url)
        settings.cache_clear()
        with pytest.raises(UsageError, match=f"Airflow is up at {url}"):
            put_back(str(tmp_path / "backup"), Console(), replace=True)
    put_back(str(tmp_path / "backup"), Console(), replace=True)
    assert mark() == before
