from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

import pytest
from tests.integration.promote.looking import aliases, gates_of
from tests.integration.shops import BINARY_GATES, Shop, spec_of

from mlfactory import promote
from mlfactory.lake import ledger
from mlfactory.lake.catalog import FEATURES, LABELS, training_file
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import product_store, read_json
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.promote import settling, stage
from mlfactory.registry import versions
from mlfactory.registry.artifacts import kept
from mlfactory.registry.connection import client
from mlfactory.trainings.files import load_training
from mlfactory.trainings.heldout import load_held_out

_GATE: list[Barrier] = []


def _meet(gate: Barrier) -> None:
    _GATE.append(gate)


def _settled(product: Product, training: str) -> str:
    """Settle in a process of its own, begun when the other one has come as far."""
    _GATE[0].wait(60)
    try:
        return "promoted" if promote.settle(product, training).promoted else "rejected"
    except ledger.Overtaken:
        return "overtaken"


def test_the_first_model_is_promoted_for_beating_the_naive_baseline(shop: Shop, make_product):
    in_time = ", {metric: latency_p99_ms, at_most: 5000}]"
    shop.product = make_product(spec_of(gates=BINARY_GATES.replace("]", in_time)))
    training = shop.train(3, fit=[1, 2])
    result = promote.run(shop.product, training)
    assert (result.promoted, result.version) == (True, "1")
    assert aliases() == {"champion": "1", "previous": None, "challenger": None}
    (entry,) = ledger.entries("shop", "promoted")
    assert (entry.partition, entry.subject) == ("2024-01-03", training)
    assert entry.details["seen_through"] == "2024-01-03"
    assert entry.details["champion"] is None
    assert "against" in entry.why and "best constant answer" in entry.why
    assert set(gates_of(training)) == {
        "servable",
        "fresh",
        "holdout",
        "naive",
        "roc_auc.at_least",
        "roc_auc.beats_champion",
        "roc_auc.slice.region",
        "latency_p99_ms.at_most",
    }
    assert all(gate["state"] == "passed" for gate in gates_of(training).values())


def test_every_gate_is_shown_with_the_version_and_the_run(shop: Shop):
    training = shop.train(3, fit=[1, 2])
    promote.judge(shop.product, training)
    tags = versions.tags_of("shop", "1")
    assert tags["gate.servable"].startswith("passed")
    expected = {
        "partition": "2024-01-03",
        "training_id": training,
        "seen_through": "2024-01-03",
        "features_version": str(Lake("shop").version("features")),
        "labels_version": "0",
        "spec_hash": shop.product.spec_hash,
        "reason": "test",
        "threshold": "0.2",
        "candidate": "logistic_regression",
    }
    assert expected.items() <= tags.items()
    assert len(tags["digest"]) == 64 and tags["code_revision"]
    assert (
        "| roc_auc.beats_champion | passed |" in client().get_model_version("shop", "1").description
    )
    run_id = read_json(product_store("shop"), training_file(training, "fit.json"))["run_id"]
    metrics = client().get_run(run_id).data.metrics
    assert metrics["gate.roc_auc.at_least"] == pytest.approx(0.8, abs=0.1)
    assert b"roc_auc.beats_champion" in kept(run_id, "gates.html")
    assert json.loads(kept(run_id, "gates.json"))["passed"] is True
    assert read_manifest("shop", "judge", training)["facts"]["passed"] is True


def test_a_version_tells_of_the_moment_of_its_training_and_not_of_its_judgement(
    shop: Shop, make_product
):
    pinned = load_training("shop", shop.train(3, fit=[1, 2]))
    text = spec_of().replace("{false_negative: 60", "{false_negative: 61")
    changed = make_product(text, "def build(sources): return sources['sales']\n")
    assert changed.spec_hash != pinned.spec_hash and changed.code_hash != pinned.code_hash
    promote.run(changed, pinned.training_id)
    tags = versions.tags_of("shop", "1")
    for name in ("spec_hash", "code_hash", "code_revision", "lock_hash"):
        assert tags[name] == getattr(pinned, name), name


def test_judging_needs_no_rows_of_the_lake(shop: Shop):
    trainings = [shop.train(3, fit=[1, 2]), shop.train(4, fit=[2, 3])]
    for table in (FEATURES, LABELS):
        product_store("shop").delete_all(table)
    assert promote.run(shop.product, trainings[0]).promoted
    assert "champion 1" in promote.run(shop.product, trainings[1]).reason


def test_a_model_that_is_no_better_is_tried_beside_the_champion(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    same = shop.train(4, fit=[2, 3])
    result = promote.run(shop.product, same)
    assert not result.promoted
    assert result.reason.startswith("roc_auc.beats_champion failed: roc_auc")
    assert aliases() == {"champion": "1", "previous": None, "challenger": "2"}
    assert ledger.entries("shop", "rejected")[0].details["challenger"] is True
    assert ledger.entries("shop", "rejected")[0].details["champion"] == "1"


def test_a_bad_model_is_rejected_and_not_tried(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    judged = promote.judge(shop.product, shop.train(4, fit=[2, 3], by="noise"))
    assert not judged.passed
    assert set(judged.failed) >= {
        "roc_auc.at_least",
        "roc_auc.beats_champion",
        "roc_auc.slice.region",
    }
    promote.settle(shop.product, "2024-01-04.test")
    assert aliases() == {"champion": "1", "previous": None, "challenger": None}


def test_a_better_model_replaces_the_champion_which_becomes_previous(shop: Shop, make_product):
    shop.product = make_product(spec_of(gates="[{metric: roc_auc, beats: champion}]"))
    first = shop.train(3, fit=[1, 2], by="noise")
    lenient = make_product(spec_of(gates="[]"))
    promote.run(lenient, first)
    promote.run(lenient, shop.train(3, fit=[1, 2], by="noise", name="again"))
    strict = make_product(spec_of())
    result = promote.run(strict, shop.train(4, fit=[2, 3]))
    assert result.promoted
    assert aliases() == {"champion": "3", "previous": "2", "challenger": None}


def test_settling_again_decides_nothing_new(shop: Shop):
    training = shop.train(3, fit=[1, 2])
    first = promote.run(shop.product, training)
    assert promote.settle(shop.product, training) == first
    promote.judge(shop.product, training)
    assert promote.settle(shop.product, training) == first
    assert len(ledger.entries("shop")) == 1
    assert [found.version for found in client().search_model_versions("name = 'shop'")] == [1]


def test_an_old_decision_settled_again_does_not_undo_a_newer_one(shop: Shop, make_product):
    lenient = make_product(spec_of(gates="[]"))
    old = shop.train(3, fit=[1, 2])
    promote.run(lenient, old)
    promote.run(lenient, shop.train(4, fit=[2, 3]))
    assert promote.settle(lenient, old).promoted
    assert aliases() == {"champion": "2", "previous": "1", "challenger": None}
    assert len(ledger.entries("shop")) == 2


@pytest.mark.parametrize("calls_before_the_kill", [0, 1, 2])
def test_killed_between_ledger_and_aliases_it_ends_in_the_same_state(
    shop: Shop, make_product, monkeypatch, calls_before_the_kill
):
    lenient = make_product(spec_of(gates="[]"))
    promote.run(lenient, shop.train(3, fit=[1, 2]))
    second = shop.train(4, fit=[2, 3])
    promote.judge(lenient, second)
    real, calls = versions.set_alias, []

    def killed(*arguments: str) -> None:
        if len(calls) == calls_before_the_kill:
            raise KeyboardInterrupt
        calls.append(arguments)
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(settling.versions, "set_alias", killed)
        if calls_before_the_kill < 2:
            with pytest.raises(KeyboardInterrupt):
                promote.settle(lenient, second)
            assert not read_manifest("shop", "settle", second)
        else:
            promote.settle(lenient, second)
    assert len(ledger.entries("shop", "promoted")) == 2
    assert promote.settle(lenient, second).promoted
    assert aliases() == {"champion": "2", "previous": "1", "challenger": None}
    assert len(ledger.entries("shop")) == 2


def test_a_judgement_killed_before_its_end_is_made_again(shop: Shop, monkeypatch):
    training = shop.train(3, fit=[1, 2])

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage.versions, "describe", killed)
        with pytest.raises(KeyboardInterrupt):
            promote.judge(shop.product, training)
    with pytest.raises(UsageError, match="was not judged"):
        promote.settle(shop.product, training)
    assert promote.judge(shop.product, training).version == "1"


def test_a_decision_that_came_between_means_to_judge_again(shop: Shop, make_product):
    lenient = make_product(spec_of(gates="[]"))
    first, second = shop.train(3, fit=[1, 2]), shop.train(4, fit=[2, 3])
    promote.judge(lenient, first)
    promote.judge(lenient, second)
    promote.settle(lenient, first)
    with pytest.raises(
        ledger.Overtaken, match=r"(?s)meanwhile '2024-01-03.test' was promoted.*judge"
    ):
        promote.settle(lenient, second)
    assert aliases()["champion"] == "1"
    assert promote.settle_anew(lenient, second).promoted
    assert gates_of(second)["fresh"]["why"] == "cut-off 2024-01-04, the champion's is 2024-01-03"


def test_of_two_processes_that_promote_at_once_one_wins_and_one_is_told(shop: Shop, make_product):
    lenient = make_product(spec_of(gates="[]"))
    trainings = [shop.train(3, fit=[1, 2]), shop.train(4, fit=[2, 3])]
    for training in trainings:
        promote.judge(lenient, training)
    gate = get_context("fork").Barrier(2)
    with ProcessPoolExecutor(
        2, mp_context=get_context("fork"), initializer=_meet, initargs=(gate,)
    ) as pool:
        said = list(pool.map(_settled, [lenient] * 2, trainings))
    assert sorted(said) == ["overtaken", "promoted"]
    (entry,) = ledger.entries("shop", "promoted")
    assert entry.details["champion"] is None
    assert entry.subject == trainings[said.index("promoted")]
    assert aliases()["champion"] == entry.details["version"]


def test_a_worse_challenger_does_not_displace_a_better_one(shop: Shop, make_product):
    shop.product = make_product(spec_of(gates="[{metric: roc_auc, beats: champion}]"))
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    good = shop.train(4, fit=[2, 3])
    assert not promote.run(shop.product, good).promoted
    assert aliases()["challenger"] == "2"
    lenient = make_product(spec_of(gates="[{metric: roc_auc, beats: champion}]"))
    promote.run(lenient, shop.train(5, fit=[1, 2], by="noise"))
    worse = ledger.entries("shop", "rejected")[-1]
    assert worse.details["challenger"] is False
    assert "of challenger 2" in worse.details["beside"]
    assert aliases() == {"champion": "1", "previous": None, "challenger": "2"}


def test_a_decision_says_what_it_was_made_on(shop: Shop):
    training = shop.train(3, fit=[1, 2])
    promote.run(shop.product, training)
    again = shop.train(3, fit=[1, 2], name="again")
    promote.run(shop.product, again)
    first, second = ledger.entries("shop", "promoted", "rejected")
    assert (first.subject, second.subject) == (training, again)
    assert first.details["holdout"] == ["2024-01-03"] and first.details["held_out_rows"] == 240
    assert (first.follows, second.follows) == (0, first.number)
    assert "these rows have judged 1 candidates before" in second.why


def test_an_older_cut_off_than_the_champions_is_refused(shop: Shop):
    promote.run(shop.product, shop.train(5, fit=[3, 4]))
    judged = promote.judge(shop.product, shop.train(3, fit=[1, 2]))
    assert "fresh" in judged.failed
    # and the champion has learned from the rows it would be judged by
    why = str(gates_of("2024-01-03.test")["roc_auc.beats_champion"]["why"])
    assert "champion 1 has been fitted on the held-out 2024-01-03" in why
    assert not promote.settle(shop.product, "2024-01-03.test").promoted
    assert aliases()["challenger"] is None


def test_a_champion_of_the_same_cut_off_may_be_compared(shop: Shop):
    promote.run(shop.product, shop.train(3, fit=[1, 2]))
    again = shop.train(3, fit=[1, 2], name="again")
    promote.judge(shop.product, again)
    gate = gates_of(again)["roc_auc.beats_champion"]
    assert (gate["figure"], gate["state"]) == (0.0, "failed")
    assert "champion 1" in str(gate["why"])


def test_names_of_our_own_columns_can_be_features_from_training_to_promotion(
    mlflow_file, make_product
):
    ours = ["label", "block", "score", "event_time", "candidate_scores", "available_at", "decision"]
    text = spec_of().replace("[amount, noise]", f"[amount, {', '.join(ours)}]")
    shop = Shop(make_product(text))
    shop.more = ours
    shop.sell(1, 2, 3, 4)
    assert promote.run(shop.product, shop.train(3, fit=[1, 2])).promoted
    held_out = load_held_out("shop", "2024-01-03.test")
    assert set(ours) <= set(held_out.rows.columns)
    assert set(held_out.answers["label"]) == {0.0, 1.0}
    assert "champion 1" in promote.run(shop.product, shop.train(4, fit=[2, 3])).reason


@pytest.mark.parametrize(
    ("kind", "metric"), [("multiclass", "balanced_accuracy"), ("regression", "mae")]
)
def test_other_kinds_of_labels_pass_the_same_gates(
    mlflow_file, make_product, kind: str, metric: str
):
    gates = BINARY_GATES.replace("roc_auc, at_least: 0.6", "latency_p99_ms, at_most: 5000")
    gates = gates.replace("roc_auc", metric).replace("drop_at_most: 0.1", "drop_at_most: 1")
    shop = Shop(make_product(spec_of(kind, gates)))
    shop.sell(1, 2, 3, 4)
    assert promote.run(shop.product, shop.train(3, fit=[1, 2])).promoted
    second = promote.run(shop.product, shop.train(4, fit=[2, 3]))
    assert "champion 1" in second.reason


def test_what_was_not_trained_cannot_be_judged(shop: Shop):
    with pytest.raises(UsageError, match="has no training"):
        promote.judge(shop.product, "2024-01-03.none")
    with pytest.raises(UsageError, match="leads out of"):
        promote.judge(shop.product, "../../../etc")


def test_what_gates_say_is_json_without_nan(shop: Shop):
    training = shop.train(3, fit=[1, 2])
    promote.judge(shop.product, training)
    text = product_store("shop").read(training_file(training, "gates.json")).decode()
    assert json.loads(text, parse_constant=pytest.fail)["passed"] is True
