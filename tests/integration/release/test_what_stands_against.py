"""What stands against a release: one place under two names, and resets and restores there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.release.champions import champion
from tests.integration.shops import Shop

from mlfactory.lake.catalog import RESTORE
from mlfactory.lake.holding import take
from mlfactory.lake.removal import end_removal, remove_everything
from mlfactory.lake.removal_note import begin_removal
from mlfactory.lake.store import product_store, store_at
from mlfactory.product.errors import FactoryError, UsageError
from mlfactory.release import release
from mlfactory.settings import Settings, settings, settings_of


def test_an_environment_with_the_same_lake_or_mlflow_by_another_spelling_is_none_either(
    production: Settings, tmp_path: Path, home: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(home)
    there = settings().lake
    same = {"home": tmp_path / "link", "lake": f"{there}/" if there else None}
    with pytest.raises(FactoryError, match="production has the same lake and the same MLflow"):
        release(shop.product, None, production.model_copy(update=same))
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", "http://mlflow:5000")
    settings.cache_clear()
    same = {"mlflow_uri": "http://MLflow:5000/"}
    with pytest.raises(FactoryError, match="production has the same MLflow as"):
        release(shop.product, None, production.model_copy(update=same))


def test_nothing_is_released_beneath_a_reset_or_into_a_restore_that_was_cut_off(
    production: Settings, shop: Shop
) -> None:
    champion(shop)
    with settings_of(production):
        begin_removal("shop")
    with pytest.raises(FactoryError, match="product shop is being reset"):
        release(shop.product, None, production)
    with settings_of(production):
        end_removal("shop")
        lake = store_at(settings().lake_uri)
        take(lake, RESTORE, "a restore", {"backup": "/srv/backup"}).let_go()
    with pytest.raises(UsageError, match="a restore of it was cut off"):
        release(shop.product, None, production)
    with settings_of(production):
        assert lake.list() == [RESTORE]


def test_what_a_reset_by_force_takes_away_beneath_a_release_is_not_promoted(
    production: Settings, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion(shop)
    from mlfactory.release import stage

    whole = stage._try

    def meanwhile(*asked: object) -> None:
        whole(*asked)  # type: ignore[arg-type]
        begin_removal("shop", force=True)
        list(remove_everything("shop"))
        end_removal("shop")

    monkeypatch.setattr(stage, "_try", meanwhile)
    with pytest.raises(
        UsageError, match="was removed by a reset or a restore while it was at work"
    ):
        release(shop.product, None, production)
    with settings_of(production):
        assert product_store("shop").list() == []
