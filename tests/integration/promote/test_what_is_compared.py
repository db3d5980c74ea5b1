from __future__ import annotations

import numpy as np
import pytest
from tests.integration.promote.looking import aliases, gates_of
from tests.integration.shops import Shop, spec_of

from mlfactory import promote
from mlfactory.lake import ledger
from mlfactory.lake.store import Store
from mlfactory.product.errors import IntegrityError
from mlfactory.registry import models, versions
from mlfactory.registry.artifacts import digest_of, own_store
from mlfactory.registry.connection import client
from mlfactory.trainings.heldout import HeldOut, load_held_out, save_held_out

pytestmark = pytest.mark.one_lake


def model_files(version: str) -> Store:
    store = own_store(client().get_model_version("shop", version).source)
    assert store is not None
    return store


def break_model(version: str) -> None:
    model_files(version).write("model.skops", b"broken")
    models._load.cache_clear()


def test_a_champion_whose_files_were_changed_makes_way_for_the_baseline(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    break_model("1")
    poor = promote.judge(shop.product, shop.train(4, fit=[2, 3], by="noise"))
    assert "roc_auc.at_least" in poor.failed
    sound = shop.train(4, fit=[2, 3], name="sound")
    result = promote.run(shop.product, sound)
    assert result.promoted
    told = (
        "best constant answer (champion 1 cannot be asked: version 1 of shop is refused: the digest"
    )
    assert told in str(gates_of(sound)["roc_auc.beats_champion"]["why"])
    assert told in ledger.entries("shop", "promoted")[-1].why
    assert aliases() == {"champion": "3", "previous": "1", "challenger": None}


def test_a_champion_that_needs_columns_that_are_gone_makes_way_for_the_baseline(
    shop: Shop, make_product
):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    fewer = spec_of().replace("numeric: [amount, noise]", "numeric: [amount]")
    shop.product = make_product(fewer)
    for frame in shop._days.values():
        frame.drop(columns="noise", inplace=True)
    result = promote.run(shop.product, shop.train(4, fit=[2, 3]))
    assert result.promoted
    assert "champion 1 needs columns that are gone: noise" in result.reason


def test_a_champion_that_knows_a_column_of_another_kind_makes_way_for_the_baseline(
    shop: Shop, make_product
):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    as_text = spec_of().replace("numeric: [amount, noise]", "numeric: [amount]")
    shop.product = make_product(
        as_text.replace("categorical: [colour]", "categorical: [colour, noise]")
    )
    for frame in shop._days.values():
        frame["noise"] = np.where(frame["noise"] > 0, "loud", "low")
    result = promote.run(shop.product, shop.train(4, fit=[2, 3]))
    assert result.promoted
    assert "champion 1 needs columns of another kind: " in result.reason
    assert aliases() == {"champion": "2", "previous": "1", "challenger": None}


def test_a_candidate_whose_files_were_changed_does_not_pass(shop: Shop):
    training = shop.train(3, fit=[1, 2])
    promote.judge(shop.product, training)
    store = model_files("1")
    store.write("answers.npy", store.read("answers.npy")[:-1] + b"\x00")
    models._load.cache_clear()
    versions.set_version_tags("shop", "1", {"digest": digest_of(store.read_many(store.list()))})
    with pytest.raises(IntegrityError, match="its files were changed since"):
        promote.judge(shop.product, training)


def test_a_version_that_answers_otherwise_than_it_was_fitted_does_not_pass(shop: Shop, monkeypatch):
    training = shop.train(3, fit=[1, 2])
    held_out = load_held_out("shop", training)
    others = held_out.answers.assign(score=held_out.answers["score"] * 0.99)
    save_held_out("shop", training, HeldOut(held_out.rows, others))
    assert "servable" in promote.judge(shop.product, training).failed
    assert "held-out rows otherwise" in str(gates_of(training)["servable"]["why"])


def test_a_champion_that_knew_a_column_of_another_kind_makes_way(shop: Shop, make_product):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    changed = (
        spec_of().replace("[amount, noise]", "[amount]").replace("[colour]", "[colour, noise]")
    )
    shop.product = make_product(changed)
    for frame in shop._days.values():
        frame["noise"] = frame["noise"].map(lambda value: "high" if value > 0 else "low")
    result = promote.run(shop.product, shop.train(4, fit=[2, 3]))
    assert "champion 1 needs columns of another kind" in result.reason
