"""The demonstration stops the stack that it started, and no other."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from mlfactory.cli import demo, record, stack
from mlfactory.product.loader import Product


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_stack_that_was_up_before_stays_up(
    rain: Product, monkeypatch: pytest.MonkeyPatch, is_ours: bool
) -> None:
    stopped: list[bool] = []
    urls = {"airflow": "http://a", "mlflow": "http://m"}
    running = record.Running("id", {}, urls, urls)

    def down(*_: Any) -> None:
        stopped.append(True)

    monkeypatch.setattr(stack, "up", lambda *_: (running, is_ours))
    monkeypatch.setattr(stack, "down", down)
    monkeypatch.setattr(demo, "replay_here", lambda *_, **__: True)
    monkeypatch.setattr(demo, "airflow_login", lambda _: ("admin", "secret"))
    output = io.StringIO()
    key = rain.calendar.parse("2013-01-01")
    assert demo.run_demo(rain, key, key, Console(file=output), leave=True)
    assert stopped == ([True] if is_ours else [])
    assert ("stays up" in output.getvalue()) == (not is_ours)
