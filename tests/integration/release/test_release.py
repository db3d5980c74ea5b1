"""A version goes from one environment to another with all that it needs, once, and as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from mlflow import MlflowClient
from tests.integration.promote.looking import aliases, gates_of
from tests.integration.release.champions import champion
from tests.integration.shops import Shop
from tests.s3.server import S3Server
from typer.testing import CliRunner

from mlfactory import promote
from mlfactory.cli.main import app
from mlfactory.lake import ledger
from mlfactory.lake.catalog import MODELS
from mlfactory.lake.store import Store, product_store, store_at
from mlfactory.product.errors import FactoryError, IntegrityError, UsageError
from mlfactory.registry import models, versions
from mlfactory.registry.artifacts import kept
from mlfactory.registry.connection import client
from mlfactory.release import release
from mlfactory.score import model_for
from mlfactory.settings import Settings, settings, settings_of
from mlfactory.trainings.files import files_of, load_fitted, load_judgement, load_training
from mlfactory.upkeep.tables import pinned_versions


@pytest.fixture(params=["folder", "s3"])
def staging(
    request: pytest.FixtureRequest, mlflow_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let this environment be staging, with its lake in a folder, and on S3."""
    if request.param == "folder":
        yield
        return
    server: S3Server = request.getfixturevalue("s3_server")
    prefix = uuid4().hex
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFACTORY_LAKE", f"s3://{server.bucket}/{prefix}")
    settings.cache_clear()
    yield
    server.clear(prefix)


def put_decision(at: str) -> None:
    """Leave a version of its own there, promoted at a moment."""
    server = client()
    if not server.search_registered_models("name = 'shop'"):
        server.create_registered_model("shop")
    version = str(server.create_model_version("shop", "elsewhere").version)
    entry = ledger.Entry(
        "promoted",
        "2024-01-04",
        "its own",
        f"its own at {at}",
        follows=ledger.newest_decision("shop"),
        details={"version": version, "digest": "its own", "seen_through": "2024-01-04"},
    )
    made = ledger.record("shop", entry)
    store, file = product_store("shop"), f"ledger/{made.number:06d}.json"
    store.write(file, store.read(file).replace(made.at.encode(), at.encode()))
    ledger._cache.clear()


@pytest.mark.usefixtures("staging")
def test_a_champion_serves_elsewhere_with_its_digest_gates_and_lineage_and_answers_the_same(
    production: Settings, shop: Shop
) -> None:
    training = champion(shop)
    rows = shop._days["2024-01-05"]
    said = model_for(shop.product).answer(rows).scores
    here = ledger.entries("shop", "promoted")[-1]
    pinned, fitted = load_training("shop", training), load_fitted("shop", training)
    gates, pages = gates_of(training), product_store("shop").list(f"{MODELS}/{training}")
    tags = versions.tags_of("shop", "1")
    done = release(shop.product, None, production)
    assert (done.source, done.came_as, done.version, done.again) == ("staging", "1", "1", False)
    assert ledger.entries("shop", "promoted") == [here]
    with settings_of(production):
        assert aliases() == {"champion": "1", "previous": None, "challenger": None}
        assert (model_for(shop.product).answer(rows).scores == said).all()
        (entry,) = ledger.entries("shop")
        assert entry.who and entry.at and entry.follows == 0
        assert entry.why.startswith("released from staging, version 1 there: ")
        assert entry.details["released"] == {
            "from": "staging",
            "version": "1",
            "entry": here.number,
            "decided_at": here.at,
            "decided_by": here.who,
        }
        for name in ("digest", "gates", "seen_through", "holdout", "held_out_rows"):
            assert entry.details[name] == here.details[name]
        assert load_training("shop", training) == replace(pinned, request=0)
        there = load_fitted("shop", training)
        assert there.digest == fitted.digest and there.run_id != fitted.run_id
        assert asdict(there)["params"] == asdict(fitted)["params"]
        assert gates_of(training) == gates and load_judgement("shop", training).version == "1"
        assert product_store("shop").list(f"{MODELS}/{training}") == pages
        assert versions.tags_of("shop", "1") == {**tags, "released_from": "staging"}
        assert "Released from staging" in client().get_model_version("shop", "1").description
        run = client().get_run(there.run_id)
        assert run.info.status == "FINISHED" and entry.details["run_id"] == there.run_id
        assert b"roc_auc" in kept(there.run_id, "gates.html")


def test_what_was_released_is_settled_there_without_another_decision(
    production: Settings, mlflow_file: Path, shop: Shop
) -> None:
    training = champion(shop)
    release(shop.product, None, production)
    with settings_of(production):
        assert promote.settle(shop.product, training).promoted
        assert len(ledger.entries("shop")) == 1


class _Killed(BaseException):
    pass


def test_killed_before_any_write_and_run_again_it_ends_as_if_it_had_not_been(
    production: Settings, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = champion(shop)
    kinds = type(store_at(production.lake_uri))
    left = {"writes": 0}

    def mortal(name: str) -> Callable[..., object]:
        whole = getattr(kinds, name)

        def method(self: Store, file: str, content: bytes) -> object:
            if left["writes"] == 0:
                raise _Killed
            left["writes"] -= 1
            return whole(self, file, content)

        return method

    kills = 0
    with monkeypatch.context() as patch:
        for name in ("write", "create"):
            patch.setattr(kinds, name, mortal(name))
        for survived in range(1, 80, 3):
            left["writes"] = survived
            try:
                release(shop.product, None, production)
            except _Killed:
                kills += 1
            else:
                break
    assert kills > 5
    again = release(shop.product, None, production)
    assert again.again and again.version == "1"
    with settings_of(production):
        models._load.cache_clear()
        assert model_for(shop.product).version == "1"
        assert len(ledger.entries("shop")) == 1
        assert len(client().search_model_versions("name = 'shop'")) == 1
        found = client().get_experiment_by_name("shop")
        assert len(client().search_runs([found.experiment_id])) == 1
        assert load_fitted("shop", training).digest == again.digest


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_between_two_calls_to_mlflow_and_run_again_it_ends_as_if_it_had_not_been(
    production: Settings, shop: Shop, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    training = champion(shop)
    left = {"calls": 0, "deep": 0}

    def mortal(name: str) -> Callable[..., object]:
        whole = getattr(MlflowClient, name)

        def method(*given: object, **named: object) -> object:
            if left["deep"]:
                return whole(*given, **named)
            left["calls"] -= 1
            if left["calls"] == 0 and moment == "before":
                raise _Killed
            left["deep"] += 1
            try:
                found = whole(*given, **named)
            finally:
                left["deep"] -= 1
            if left["calls"] == 0:
                raise _Killed
            return found

        return method

    changing = ("create_", "log_", "set_", "update_", "finalize_", "delete_")
    kills = 0
    with monkeypatch.context() as patch:
        for name in (each for each in dir(MlflowClient) if each.startswith(changing)):
            patch.setattr(MlflowClient, name, mortal(name))
        for survived in range(1, 60):
            left["calls"] = survived
            try:
                release(shop.product, None, production)
            except _Killed:
                kills += 1
            else:
                break
    assert kills > 5
    again = release(shop.product, None, production)
    with settings_of(production):
        models._load.cache_clear()
        assert model_for(shop.product).version == again.version
        assert len(ledger.entries("shop")) == 1
        assert len(client().search_model_versions("name = 'shop'")) == 1
        found = client().get_experiment_by_name("shop")
        assert len(client().search_runs([found.experiment_id])) == 1
        assert len(client().search_logged_models([found.experiment_id])) == 1
        assert load_fitted("shop", training).digest == again.digest


def test_what_came_by_a_release_pins_no_versions_there_and_those_here_as_before(
    production: Settings, shop: Shop
) -> None:
    training, now = champion(shop), datetime.now(UTC)
    here = pinned_versions("shop", now)
    assert here["features"] == {load_training("shop", training).features_version}
    release(shop.product, None, production)
    assert pinned_versions("shop", now) == here
    with settings_of(production):
        assert pinned_versions("shop", now) == {"features": set(), "labels": set()}


def test_nothing_newer_is_undone_unless_told(production: Settings, shop: Shop) -> None:
    champion(shop)
    with settings_of(production):
        put_decision("2100-01-01T00:00:00+00:00")
    with pytest.raises(UsageError, match=r"production has promoted version 1 by a newer decision"):
        release(shop.product, None, production)
    with settings_of(production):
        assert files_of("shop", "2024-01-03.test").list() == []
    assert release(shop.product, None, production, force=True).version == "2"
    with settings_of(production):
        newest = ledger.entries("shop")[-1]
        assert (newest.follows, newest.details["champion"]) == (1, "1")


def test_what_was_decided_there_before_ours_is_succeeded(production: Settings, shop: Shop) -> None:
    champion(shop)
    with settings_of(production):
        put_decision("2020-01-01T00:00:00+00:00")
    assert not release(shop.product, None, production).again


def test_a_decision_that_is_made_there_meanwhile_is_not_undone(
    production: Settings, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion(shop)
    from mlfactory.release import stage

    whole = stage._try

    def meanwhile(*asked: object) -> None:
        put_decision("2020-01-01T00:00:00+00:00")
        whole(*asked)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(stage, "_try", meanwhile)
        with pytest.raises(ledger.Overtaken):
            release(shop.product, None, production)
    assert not release(shop.product, None, production).again


def test_a_training_of_the_same_id_with_another_model_is_refused(
    production: Settings, shop: Shop
) -> None:
    training = champion(shop)
    with settings_of(production):
        shop.sell(1, 2, 3)
        assert shop.train(3, fit=[2]) == training
        theirs = load_fitted("shop", training)
    with pytest.raises(IntegrityError, match="of its own, whose model has the digest"):
        release(shop.product, None, production)
    with settings_of(production):
        assert load_fitted("shop", training) == theirs
        assert ledger.entries("shop") == []


def test_a_model_whose_files_were_changed_here_goes_nowhere(
    production: Settings, shop: Shop
) -> None:
    training = champion(shop)
    place = load_fitted("shop", training).model.removeprefix("mlflow-artifacts:/")
    store = store_at(settings().artifacts_uri).below(place)
    store.write("MLmodel", store.read("MLmodel") + b"\n")
    with pytest.raises(IntegrityError, match="are others than were recorded"):
        release(shop.product, None, production)
    assert not Path(production.lake_uri).exists()


def test_only_what_was_promoted_is_released(production: Settings, shop: Shop) -> None:
    with pytest.raises(UsageError, match="has no champion here"):
        release(shop.product, None, production)
    champion(shop)
    worse = shop.train(4, fit=[1, 2, 3], by="noise", name="worse")
    assert not promote.run(shop.product, worse).promoted
    for version in ("2", "9"):
        with pytest.raises(UsageError, match=r"cannot be released.*\n.*that did: 1"):
            release(shop.product, version, production)


def test_an_environment_with_the_same_lake_is_none_to_release_to(
    production: Settings, shop: Shop
) -> None:
    with pytest.raises(FactoryError, match="production has the same lake as"):
        release(shop.product, None, production.model_copy(update={"lake": settings().lake_uri}))


def test_the_command_tells_what_serves_where(production: Settings, shop: Shop) -> None:
    champion(shop)
    first = CliRunner().invoke(app, ["release", "shop", "--to", "production"])
    assert first.exit_code == 0, first.output
    assert "version 1 of staging now serves in production as version 1" in first.output
    second = CliRunner().invoke(app, ["release", "shop", "--to", "production", "--version", "1"])
    assert "serves already" in second.output
    wrong = CliRunner().invoke(app, ["release", "shop", "--to", "prod"])
    assert wrong.exit_code == 1 and "there are production, staging" in wrong.output
