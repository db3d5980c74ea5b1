"""What a spec may say and will be surprised by: told by `check`, and no mistake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mlfactory.product.defaults import DEFAULTS
from mlfactory.product.gates import BeatsGate, SliceGate
from mlfactory.product.mistakes import Found
from mlfactory.product.policy import EveryTrigger
from mlfactory.product.spec import ProductSpec


def advice(spec: ProductSpec) -> Iterator[Found]:
    """Yield what is allowed and cannot act, or acts otherwise than one would think."""
    if not any(spec.expect.sources.values()):
        yield (
            ("expect",),
            "no source has an expectation: only keys, event times and types are checked",
        )
    if spec.features.group is not None and spec.features.key == (spec.features.group,):
        yield ("features", "group"), "is the whole key: every row is a group of its own"
    if spec.partition.calendar.is_snapshot:
        yield from _of_snapshots(spec)
    else:
        yield from _of_time(spec)
        yield from _of_retraining(spec)


def _of_snapshots(spec: ProductSpec) -> Iterator[Found]:
    said: dict[tuple[str | int, ...], bool] = {
        ("train", "window"): spec.train.window is not None,
        ("features", "history"): spec.features.history > timedelta(0),
        ("features", "history_required"): spec.features.history_required,
        ("label", "arrives_after"): spec.label.arrives_after > timedelta(0),
        ("label", "registers"): bool(spec.label.registers),
        ("monitor", "slo", "freshness"): spec.monitor.slo.freshness is not None,
        ("monitor", "slo", "labels"): spec.monitor.slo.labels is not None,
    }
    for place, is_said in said.items():
        if is_said:
            yield place, "says nothing for a snapshot, which has no time"


def _of_time(spec: ProductSpec) -> Iterator[Found]:
    every, usual = spec.partition.every, DEFAULTS[spec.partition.every]
    learned = spec.window - spec.holdout_partitions
    if learned < usual.season:
        yield (
            ("train", "window"),
            f"{learned} {every}s to learn from do not hold a week once: how the week goes cannot "
            f"be learned. The default is {usual.window} partitions",
        )
    compared = any(isinstance(gate, BeatsGate | SliceGate) for gate in spec.gates)
    if compared and spec.holdout_partitions < usual.holdout:
        yield (
            ("train", "holdout") if spec.train.holdout else ("train", "window"),
            f"{spec.holdout_partitions} {every}s held out are few to tell a better model from a "
            "lucky one: gates that compare find only what is much better, or answer 'cannot "
            f"tell'. The default is {usual.holdout}",
        )
    if spec.label.registers and not spec.label.arrives_after:
        yield (
            ("label", "registers"),
            "says nothing without label.arrives_after: labels are read with their events, once",
        )
    first = spec.partition.calendar.first
    if first is None:
        return
    newest = spec.partition.calendar.shift(spec.partition.calendar.containing(first), spec.window)
    if spec.label.arrives_after > newest.start - first:
        yield (
            ("label", "arrives_after"),
            f"labels come later than a window of {spec.window} {every}s is long: a model is that "
            "old before it can be judged once",
        )
    if spec.features.history_required and not spec.features.history:
        yield ("features", "history_required"), "there is no history: features.history is 0"


def _of_retraining(spec: ProductSpec) -> Iterator[Found]:
    if not spec.triggers:
        yield ("retrain", "when"), "nothing ever asks for a training after the first"
        return
    for position, trigger in enumerate(spec.retrain.when or ()):
        if isinstance(trigger, EveryTrigger) and trigger.every <= spec.cooldown:
            yield (
                ("retrain", "when", position),
                f"asks within the cooldown of {spec.cooldown} partitions, and is refused until "
                "that has passed",
            )
    if spec.cooldown >= spec.budget.partitions and spec.budget.count > 1:
        yield (
            ("retrain", "budget"),
            f"{spec.budget} can never be spent with a cooldown of {spec.cooldown} partitions",
        )
