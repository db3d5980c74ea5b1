"""The airport is a service of the stack: started with it, answering, and stopped with it."""

from __future__ import annotations

from pathlib import Path

import httpx
import psutil
import pytest

from mlfactory.cli import airport, record, stack
from mlfactory.settings import settings

pytestmark = pytest.mark.one_lake


def test_it_is_started_answers_who_has_its_token_and_ends_with_the_stack(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRFLOW_CONN_AIRPORT_API", "AIRFLOW_CONN_AIRPORT_TIMETABLE"):
        monkeypatch.setenv(name, "")
    # the others take a minute to start, and are tested by themselves
    monkeypatch.setattr(stack, "services", lambda _: [])
    service = airport.airport(settings())
    told: list[str] = []
    running, is_ours = stack.up(settings(), told.append, [service])
    try:
        assert is_ours and running.addresses == {"airport": service.address}
        token = {"Authorization": f"Bearer {service.environment['AIRPORT_TOKEN']}"}
        found = httpx.get(f"{service.address}/v1/airports", headers=token)
        assert len(found.json()) == 1458
        assert httpx.get(f"{service.address}/v1/airports").status_code == 401
        assert (home / "demo" / "timetable.db").is_file()
        leader = psutil.Process(running.leaders["airport"].pid)
        log = stack.log_file(settings(), "airport").read_text()
        assert "/v1/airports" in log and service.environment["AIRPORT_TOKEN"] not in log
    finally:
        stack.down(settings(), told.append)
    assert not leader.is_running() or leader.status() == psutil.STATUS_ZOMBIE
    assert record.running(settings()) is None
