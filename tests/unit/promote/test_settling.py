from __future__ import annotations

from types import SimpleNamespace

import pytest

from mlfactory.lake.ledger import Entry, Event
from mlfactory.lake.removal import end_removal, remove_everything
from mlfactory.lake.removal_note import begin_removal
from mlfactory.lake.store import product_store
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import load_product
from mlfactory.promote import stage
from mlfactory.promote.settling import Aliases, aliases_of
from mlfactory.settings import REPOSITORY
from mlfactory.trainings.files import save_judgement
from mlfactory.trainings.records import Judgement


def decided(event: Event, version: str, challenger: bool = False) -> Entry:
    return Entry(event, "2024-01-03", "why", details={"version": version, "challenger": challenger})


def test_nothing_decided_means_no_aliases():
    assert aliases_of([]) == Aliases(None, None, None)


def test_the_newest_promotion_serves_and_the_one_before_is_kept():
    decisions = [decided("promoted", version) for version in ("1", "3", "4")]
    assert aliases_of(decisions) == Aliases("4", "3", None)


def test_a_version_promoted_twice_is_not_its_own_predecessor():
    decisions = [decided("promoted", version) for version in ("1", "2", "2")]
    assert aliases_of(decisions) == Aliases("2", "1", None)


def test_a_challenger_is_tried_until_another_takes_its_place():
    decisions = [decided("promoted", "1"), decided("rejected", "2", challenger=True)]
    assert aliases_of(decisions) == Aliases("1", None, "2")
    # a worse one, or a bad one, does not displace it
    assert aliases_of([*decisions, decided("rejected", "3")]) == Aliases("1", None, "2")
    taken = [*decisions, decided("rejected", "3", challenger=True)]
    assert aliases_of(taken) == Aliases("1", None, "3")
    assert aliases_of([*decisions, decided("rejected", "2")]) == Aliases("1", None, None)
    assert aliases_of([*decisions, decided("promoted", "3")]) == Aliases("3", "1", None)


def test_a_champion_is_not_its_own_challenger():
    decisions = [decided("promoted", "1"), decided("rejected", "1", challenger=True)]
    assert aliases_of(decisions) == Aliases("1", None, None)


@pytest.mark.usefixtures("home")
def test_nothing_is_decided_in_a_product_that_was_reset_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product = load_product("flight_delay", REPOSITORY / "include" / "products")
    training = "2013-01-01.cli-1"
    judgement = Judgement(training, "1", True, False, None, "naive", "better", ())
    save_judgement(product.name, judgement)
    pinned = SimpleNamespace(
        partition="2013-01-01",
        training_id=training,
        request=0,
        seen_through="2013-01-01",
        holdout_partitions=(),
    )
    trained = SimpleNamespace(pinned=pinned, fitted=SimpleNamespace(digest="d", run_id="r"))

    def reset(*_: str) -> None:
        begin_removal(product.name, force=True)
        list(remove_everything(product.name))
        end_removal(product.name)

    monkeypatch.setattr(stage, "read_trained", lambda *_: trained)
    monkeypatch.setattr(stage, "standing_decision", reset)
    with pytest.raises(
        UsageError, match="was removed by a reset or a restore while it was at work"
    ):
        stage.settle(product, training)
    assert product_store(product.name).list() == []
