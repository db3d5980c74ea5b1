"""What one machine leaves, another goes on with: all that it needs lies in the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlfactory import promote, score
from mlfactory.lake.catalog import gates_page
from mlfactory.lake.store import product_store, store_at
from mlfactory.registry import models
from mlfactory.registry.connection import client
from mlfactory.settings import settings
from tests.integration.promote.looking import aliases
from tests.integration.shops import Shop


@pytest.fixture
def go_to(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Give a function that goes on in a home without a file, with the same store and MLflow."""
    first = settings()
    monkeypatch.setenv("MLFACTORY_LAKE", first.lake_uri)
    monkeypatch.setenv("MLFACTORY_ARTIFACTS", first.artifacts_uri)
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", first.tracking_uri)

    def go(name: str) -> Path:
        monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path / name))
        settings.cache_clear()
        models._load.cache_clear()
        return tmp_path / name

    return go


def test_a_model_that_one_machine_trained_is_judged_by_a_second_and_asked_by_a_third(
    shop: Shop, go_to: Callable[[str], Path]
) -> None:
    homes = [go_to("first")]
    training = shop.train(3, fit=[1, 2])
    homes.append(go_to("second"))
    assert promote.run(shop.product, training).promoted
    homes.append(go_to("third"))
    assert aliases()["champion"] == "1"
    assert score.run(shop.product, shop.day(4)).state == "ok"
    assert b"roc_auc" in product_store("shop").read(gates_page(training))
    # no machine keeps a file that another one would have to see
    assert [file for home in homes for file in home.rglob("*") if file.suffix != ".lock"] == []
    # nor does what they tell each other lead into the home of one
    for store in (product_store("shop"), store_at(settings().artifacts_uri)):
        for name in store.list():
            for home in homes:
                assert str(home).encode() not in store.read(name), name
    version = client().get_model_version("shop", "1")
    assert not any(str(home) in version.source for home in homes)
