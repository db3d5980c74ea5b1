"""Whether to train again: a pure decision from what was observed, what was trained and the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlfactory.product.partitions import Calendar, Partition
from mlfactory.product.policy import DriftTrigger, EveryTrigger, PerformanceTrigger
from mlfactory.product.quantities import KOfN
from mlfactory.product.spec import ProductSpec

_REACHED = {"warn": ("warn", "alert"), "alert": ("alert",)}
_MEASURED = ("ok", "warn", "alert")


@dataclass(frozen=True)
class Observation:
    """What the monitor found about one partition, as far as it is known now.

    Attributes:
        drift_figures: the features that drifted most, such as `temp 0.61 > 0.12`.
        value: of the performance metric, nan or None where it is not known.
    """

    partition: str
    drift: str
    performance: str
    drift_figures: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Past:
    """What was trained and asked for before the partition that is decided about.

    Attributes:
        champion: cut-off of the model that judges the partition, None if there is none.
        trainings: cut-offs of the trainings that came to a judgement, oldest first.
        requests: the partitions at which the policy asked for a training, oldest first.
        trained_here: whether a training with this very cut-off was judged already.
        judged_at: when the newest of those was, as the ledger tells it.
    """

    champion: str | None = None
    trainings: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    trained_here: bool = False
    judged_at: str = ""


@dataclass(frozen=True)
class Decision:
    """Whether a training is requested, why, and what stood against it."""

    requested: bool
    reason: str
    refusals: tuple[str, ...] = ()


def decide(
    spec: ProductSpec,
    partition: Partition,
    past: Past,
    observations: Sequence[Observation],
    labelled: Mapping[str, int],
) -> Decision:
    """Decide whether to train with the cut-off `partition`.

    Args:
        observations: of the partitions the champion judged, oldest first, up to this one.
        labelled: labelled rows available now, by partition of the training window.
    """
    calendar = spec.partition.calendar
    since = _since_last(calendar, partition, past)
    asks = list(_asks(spec, past, observations, labelled, since))
    if not asks:
        standing = "; ".join(_standing(spec, past, observations, since))
        return Decision(False, f"nothing asks for it: {standing}")
    refusals = tuple(_refusals(spec, partition, past, labelled, since))
    reason = "; ".join(asks)
    if refusals:
        return Decision(False, f"{reason}; refused: {'; '.join(refusals)}", refusals)
    return Decision(True, reason)


def count(number: int, thing: str) -> str:
    """Return `1 partition`, `2,000 partitions`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _since_last(calendar: Calendar, partition: Partition, past: Past) -> int | None:
    """Return how many partitions ago the last training was, None if there was none."""
    if not past.trainings:
        return None
    last = calendar.parse(past.trainings[-1])
    return calendar.ordinal(partition) - calendar.ordinal(last)


def _asks(
    spec: ProductSpec,
    past: Past,
    observations: Sequence[Observation],
    labelled: Mapping[str, int],
    since: int | None,
) -> Iterator[str]:
    if past.champion is None:
        rows, partitions = sum(labelled.values()), len(labelled)
        yield (
            f"no champion yet and {count(rows, 'labelled row')} in {count(partitions, 'partition')}"
        )
        return
    for trigger in spec.triggers:
        if isinstance(trigger, EveryTrigger):
            if since is not None and since >= trigger.every:
                yield f"{count(since, 'partition')} since the last training at {past.trainings[-1]}"
        elif isinstance(trigger, DriftTrigger):
            measured = [seen for seen in observations if seen.drift in _MEASURED]
            reached = [
                seen for seen in measured[-trigger.in_.n :] if seen.drift in _REACHED[trigger.drift]
            ]
            if len(reached) >= trigger.in_.k:
                yield _asked(
                    "drift", trigger.drift, trigger.in_, reached, reached[-1].drift_figures
                )
        else:
            yield from _asked_by_performance(spec, trigger, observations)


def _asked_by_performance(
    spec: ProductSpec, trigger: PerformanceTrigger, observations: Sequence[Observation]
) -> Iterator[str]:
    # the newest partitions have no labels yet where these come late, so the newest measured count
    measured = [seen for seen in observations if seen.performance in _MEASURED]
    reached = [
        seen
        for seen in measured[-trigger.in_.n :]
        if seen.performance in _REACHED[trigger.performance]
    ]
    if len(reached) >= trigger.in_.k:
        figures = _performance(spec, reached[-1], trigger.performance)
        yield _asked("performance", trigger.performance, trigger.in_, reached, figures)


def _asked(what: str, state: str, times: KOfN, reached: Sequence[Observation], figures: str) -> str:
    in_brackets = f" ({figures})" if figures else ""
    if times.n == 1:
        return f"{what} of {reached[-1].partition} was {state}{in_brackets}"
    return f"{what} was {state} in {len(reached)} of the newest {times.n} partitions{in_brackets}"


def _performance(spec: ProductSpec, seen: Observation, state: str) -> str:
    """Return such as `roc_auc 0.571 below 0.58`."""
    bounds = spec.monitor.performance
    bound = bounds.alert if state == "alert" and bounds.alert is not None else bounds.warn
    if seen.value is None:
        return ""
    if bound is None:
        return f"{spec.performance_metric} {seen.value:.4g}"
    side = "below" if seen.value < bound else "above"
    return f"{spec.performance_metric} {seen.value:.4g} {side} {bound:g}"


def _standing(
    spec: ProductSpec, past: Past, observations: Sequence[Observation], since: int | None
) -> Iterator[str]:
    """Say how far each thing that could ask is from asking."""
    if spec.partition.calendar.is_snapshot:
        yield (
            f"the only partition was trained on at {past.judged_at}; "
            "train again by hand when the data has changed"
        )
        return
    drift = [seen for seen in observations if seen.drift in _MEASURED]
    performance = [seen for seen in observations if seen.performance in _MEASURED]
    if drift:
        newest = drift[-1]
        yield f"drift {newest.drift} in {newest.partition}{_short_of(spec, drift)}"
    else:
        yield "no drift measured yet"
    if performance:
        newest = performance[-1]
        figures = _performance(spec, newest, "warn")
        yield f"performance {newest.performance} ({figures} in {newest.partition})"
    else:
        yield "no performance measured yet"
    every = [trigger.every for trigger in spec.triggers if isinstance(trigger, EveryTrigger)]
    if every and since is not None:
        yield f"{since} of {count(min(every), 'partition')} since the last training"


def _short_of(spec: ProductSpec, drift: Sequence[Observation]) -> str:
    """Say how often drift was seen where it must be seen more often to ask for a training."""
    for trigger in spec.triggers:
        if isinstance(trigger, DriftTrigger):
            newest = drift[-trigger.in_.n :]
            reached = sum(seen.drift in _REACHED[trigger.drift] for seen in newest)
            if reached:
                within = f"{reached} of the newest {trigger.in_.n} partitions"
                return f" ({trigger.drift} in {within}, {trigger.in_.k} would ask)"
    return ""


def _refusals(
    spec: ProductSpec,
    partition: Partition,
    past: Past,
    labelled: Mapping[str, int],
    since: int | None,
) -> Iterator[str]:
    if past.trained_here:
        yield f"a training with the cut-off {partition} was judged already"
    cooldown = spec.cooldown
    if since is not None and since <= cooldown:
        yield (
            f"the last training was at {past.trainings[-1]} and {count(cooldown, 'partition')} "
            "must pass after one"
        )
    yield from _overspent(spec, partition, past)
    yield from _too_little(spec, labelled)


def _overspent(spec: ProductSpec, partition: Partition, past: Past) -> Iterator[str]:
    budget = spec.budget
    window = {slot.key for slot in spec.partition.calendar.back(partition, budget.partitions)}
    spent = [key for key in past.requests if key in window]
    if len(spent) >= budget.count:
        yield f"the budget of {budget} is spent ({', '.join(spent)})"


def _too_little(spec: ProductSpec, labelled: Mapping[str, int]) -> Iterator[str]:
    needed = spec.holdout_partitions + 1
    have = sum(1 for rows in labelled.values() if rows)
    if have < needed:
        yield (
            f"a training needs labelled rows in {count(needed, 'partition')}, "
            f"there are some in {have}"
        )
    rows = sum(labelled.values())
    if rows < spec.train.min_rows:
        yield f"a training needs {count(spec.train.min_rows, 'labelled row')}, there are {rows:,}"
