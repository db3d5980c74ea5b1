from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from mlfactory.lake.ledger import Entry
from mlfactory.product.loader import Product
from mlfactory.promote.evidence import GateResult, State
from mlfactory.promote.terms import HOLDOUT, tries_before
from mlfactory.registry.answers import Answers
from mlfactory.trainings.heldout import HeldOut, answers_frame, save_held_out
from mlfactory.trainings.records import Training

SPEC = """
apiVersion: mlfactory/v1
name: wine
partition: {every: EVERY}
sources: {bottles: {kind: csv, path: bottles.csv, key: [bottle]TIME}}
features: {key: [bottle], EVENT_TIME numeric: [acid]}
label: {column: good, kind: binary}
"""


def a_training(name: str, *partitions: str) -> Training:
    return Training(
        product="wine",
        partition="2026-01-04",
        training_id=name,
        reason="a test",
        pinned_at="2026-01-05T00:00:00+00:00",
        features_version=1,
        labels_version=1,
        fit_partitions=("2026-01-01",),
        holdout_partitions=partitions,
        fit_rows=10,
        holdout_rows=10,
        seed=7,
        trials=1,
        seconds=1,
        candidates=("extra_trees",),
        spec_hash="0",
        code_hash="1",
        code_revision="2",
        lock_hash="3",
    )


def leave(name: str, *bottles: int) -> None:
    """Leave the record of a training that held out these rows."""
    count = len(bottles)
    said = Answers(np.zeros(count), np.zeros(count))
    rows = pd.DataFrame({"bottle": bottles, "acid": 1.0})
    save_held_out("wine", name, HeldOut(rows, answers_frame(np.zeros(count), None, None, said)))


def judged(name: str, *partitions: str, gates: tuple[GateResult, ...] = ()) -> Entry:
    details = {HOLDOUT: list(partitions), "gates": [asdict(gate) for gate in gates]}
    return Entry("rejected", "snapshot", "why", name, details=details)


def compared(state: State, low: float | None) -> GateResult:
    return GateResult("cost.beats_champion", state, 0.1, 0.0, low, None, "why", compared=True)


@pytest.fixture
def snapshot(home, make_product) -> Product:
    text = SPEC.replace("EVERY", "snapshot").replace("TIME", "").replace("EVENT_", "")
    return make_product(text)


@pytest.fixture
def daily(home, make_product) -> Product:
    text = SPEC.replace("EVENT_TIME", "event_time: at,").replace("TIME", ", event_time: at")
    return make_product(text.replace("EVERY", "day, start: 2026-01-01"))


def test_of_partitions_the_part_that_is_shared_counts(daily):
    ours = a_training("ours", "2026-01-03", "2026-01-04")
    before = [judged("one", "2026-01-02", "2026-01-03"), judged("two", "2026-01-01")]
    assert tries_before(daily, ours, before) == 0.5
    assert tries_before(daily, ours, [*before, judged("ours", "2026-01-04")]) == 0.5
    assert tries_before(daily, ours, [*before, judged("one", "2026-01-03")]) == 0.5


def test_a_judgement_that_could_have_found_nobody_better_was_no_try(daily):
    ours = a_training("ours", "2026-01-03", "2026-01-04")

    def tries(*gates: GateResult) -> float:
        return tries_before(daily, ours, [judged("one", *ours.holdout_partitions, gates=gates)])

    blind = compared("cannot_tell", None)
    servable = GateResult("servable", "passed", None, None, None, None, "why")
    assert tries(servable, blind) == 0
    # of few days the overwhelming would have passed: the chance of a mistake was taken
    assert tries(compared("cannot_tell", -0.2)) == 1
    assert tries(compared("failed", -0.2), blind) == 1
    assert tries(servable) == 1


def test_of_a_snapshot_only_judgements_on_the_same_rows_count(snapshot):
    leave("ours", 1, 2, 3, 4)
    leave("same", 1, 2, 3, 4)
    leave("half", 3, 4, 5)
    leave("new rows since", 7, 8)
    ours = a_training("ours", "snapshot")
    for other, share in {"same": 1.0, "half": 0.5, "new rows since": 0.0}.items():
        assert tries_before(snapshot, ours, [judged(other, "snapshot")]) == share
    assert (
        tries_before(snapshot, ours, [judged(name, "snapshot") for name in ("same", "half")]) == 1.5
    )


def test_who_left_no_record_of_its_rows_counts_whole(snapshot):
    leave("ours", 1, 2, 3, 4)
    assert tries_before(snapshot, a_training("ours", "snapshot"), [judged("gone", "snapshot")]) == 1


def test_rows_are_the_same_whatever_the_type_of_their_key(snapshot):
    """A key of whole numbers that a file gave as floats: the judgements before counted as none."""
    leave("ours", 1, 2, 3, 4)
    leave("as floats", *(float(bottle) for bottle in (1, 2, 3, 4)))
    assert tries_before(snapshot, a_training("ours"), [judged("as floats", "snapshot")]) == 1.0
