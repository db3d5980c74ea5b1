"""Which held-out rows a champion was fitted on: of a snapshot, found by what names them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.unit.promote.test_terms import a_training, leave, snapshot

from mlfactory.lake.ledger import Reign
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product
from mlfactory.promote.reference import seen_by
from mlfactory.promote.terms import tries_before
from mlfactory.score.unseen import Unseen
from mlfactory.trainings.files import FIT_KEYS, pin, save_frame
from mlfactory.trainings.heldout import load_held_out

__all__ = ["snapshot"]
NUMBERS = [1, 2, 30]


def fitted_on(product: Product, name: str, keys: pd.Series, column: str = "bottle") -> None:
    """Leave the record of a training that was fitted on these rows."""
    pin(a_training(name), product)
    save_frame("wine", name, FIT_KEYS, keys.to_frame(column))


def reign(training_id: str) -> Reign:
    return Reign("1", "snapshot", "snapshot", "", training_id, "better", 1)


@pytest.mark.parametrize("kind", ["int64", "Int64", "float64", "str", "object"])
def test_a_champion_has_seen_the_rows_it_was_fitted_on_whatever_the_type_of_their_key(
    snapshot: Product, kind: Any
) -> None:
    recorded = pd.Series(NUMBERS).astype(kind)
    fitted_on(snapshot, "champion", recorded)
    leave("ours", 2, 30, 4)
    held_out = load_held_out("wine", "ours")
    told = seen_by(snapshot, "champion", a_training("ours"), held_out)
    assert told == "been fitted on 2 of the held-out rows"
    as_text = held_out.rows.assign(bottle=held_out.rows["bottle"].astype("str"))
    leave("champion", 4, 5)
    unseen = Unseen(snapshot, reign("champion"))
    assert unseen.of(as_text)["bottle"].tolist() == ["4"]
    assert unseen.held_out(as_text).tolist() == [False, False, True]


def test_a_champion_that_was_fitted_on_other_rows_has_seen_none(snapshot: Product) -> None:
    fitted_on(snapshot, "champion", pd.Series(["10", "20", "3"]))
    leave("ours", 1, 2, 30)
    held_out = load_held_out("wine", "ours")
    assert seen_by(snapshot, "champion", a_training("ours"), held_out) == ""


def test_rows_that_were_named_by_another_key_are_told_and_not_compared(snapshot: Product) -> None:
    fitted_on(snapshot, "champion", pd.Series(NUMBERS), column="flask")
    leave("ours", *NUMBERS)
    held_out = load_held_out("wine", "ours")
    told = seen_by(snapshot, "champion", a_training("ours"), held_out)
    assert told == "been fitted on rows named by another key"
    with pytest.raises(ContractError, match=r"named by another key than \(bottle\); it has \['fla"):
        Unseen(snapshot, reign("champion"))


def test_a_champion_without_a_record_may_have_seen_all(snapshot: Product) -> None:
    leave("ours", *NUMBERS)
    held_out = load_held_out("wine", "ours")
    told = seen_by(snapshot, "gone", a_training("ours"), held_out)
    assert told == "left no record of what it was fitted on (training gone)"
    fitted_on(snapshot, "ours", pd.Series([99]))
    assert np.all(Unseen(snapshot, reign("ours")).held_out(held_out.rows))
    assert tries_before(snapshot, a_training("ours"), []) == 0
