"""Whether to train again: a pure decision from what was observed, what was trained and the spec."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mlfactory.product.partitions import Calendar, Partition
from mlfactory.product.policy import DriftTrigger, EveryTrigger, PerformanceTrigger
from mlfactory.product.quantities import KOfN
from mlfactory.product.spec import ProductSpec
from mlfactory.trainings.split import Plan

_REACHED = {"warn": ("warn", "alert"), "alert": ("alert",)}
_MEASURED = ("ok", "warn", "alert")


@dataclass(frozen=True)
class Observation:
    """What the monitor found about one partition, as far as it is known now.

    Attributes:
        drift_figures: the features that drifted most, such as `temp 0.61 > 0.12`.
        figures: what made the state of the performance, such as `roc_auc 0.57 below 0.58`.
        naive: state of the comparison with the best answer that looks at no feature.
        naive_figures: such as `cost 12.7 against 8.3 of the naive answer`.
        drift_since: the first partition of the window in which drift was looked for; by default
            the partition itself.
        performance_since: the same of the performance.
        naive_since: the same of the comparison with the naive answer.
    """

    partition: str
    drift: str
    performance: str
    drift_figures: str = ""
    figures: str = ""
    naive: str = ""
    naive_figures: str = ""
    drift_since: str = ""
    performance_since: str = ""
    naive_since: str = ""


@dataclass(frozen=True)
class Past:
    """What was trained and asked for before the partition that is decided about.

    Attributes:
        champion: cut-off of the model that judges the partition, None if there is none.
        trainings: cut-offs of the trainings that came to a judgement, oldest first.
        requests: the partitions at which the policy asked for a training, oldest first.
        under_way: those of the requests whose training may be running, for it was asked for a short
            while ago and was not judged yet.
        trained_here: whether a training with this very cut-off was judged already.
        judged_at: when the newest of those was, as the ledger tells it.
        newest_decision: number of the newest promotion or rejection that was known, 0 if none.
    """

    champion: str | None = None
    trainings: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    under_way: tuple[str, ...] = ()
    trained_here: bool = False
    judged_at: str = ""
    newest_decision: int = 0


@dataclass(frozen=True)
class Decision:
    """Whether a training is requested, why, what stood against it, and what it would read."""

    requested: bool
    reason: str
    refusals: tuple[str, ...] = ()
    plan: Plan | None = None


def decide(
    spec: ProductSpec,
    partition: Partition,
    past: Past,
    observations: Sequence[Observation],
    planned: Callable[[], Plan],
) -> Decision:
    """Decide whether to train with the cut-off `partition`.

    Args:
        observations: of the partitions the champion judged, oldest first, up to this one.
        planned: gives what a training would read; asked only if one is wanted.
    """
    calendar = spec.partition.calendar
    asks = list(_asks(spec, partition, past, observations))
    asks += _asked_by_naive(observations, asks)
    if past.champion is not None and not asks:
        standing = "; ".join(_standing(spec, partition, past, observations))
        return Decision(False, f"nothing asks for it: {standing}")
    plan = planned()
    if past.champion is None:
        rows, partitions = sum(plan.labelled.values()), len(plan.labelled)
        asks = [
            f"no champion yet and {count(rows, 'labelled row')} in {count(partitions, 'partition')}"
        ]
    refusals = tuple(_refusals(spec, partition, past, plan, _since(calendar, partition, past)))
    reason = "; ".join(asks)
    if refusals:
        return Decision(False, f"{reason}; refused: {'; '.join(refusals)}", refusals, plan)
    return Decision(True, reason, (), plan)


def count(number: int, thing: str) -> str:
    """Return `1 partition`, `2,000 partitions`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def apart(
    observations: Sequence[Observation], window: Callable[[Observation], tuple[str, str]]
) -> list[Observation]:
    """Return the observations whose windows do not overlap, oldest first, chosen from the newest.

    A day that lies in three windows is seen once.

    Args:
        observations: oldest first.
        window: gives the state and the first partition of an observation's window; one that was
            not measured, or could not tell, is no evidence of anything and left out.
    """
    kept: list[Observation] = []
    begin = ""
    for seen in reversed(observations):
        state, since = window(seen)
        if state not in _MEASURED or (kept and seen.partition >= begin):
            continue
        kept.append(seen)
        begin = since or seen.partition
    return kept[::-1]


def _of_drift(seen: Observation) -> tuple[str, str]:
    return seen.drift, seen.drift_since


def _of_performance(seen: Observation) -> tuple[str, str]:
    return seen.performance, seen.performance_since


def _of_naive(seen: Observation) -> tuple[str, str]:
    return seen.naive, seen.naive_since


def _since(calendar: Calendar, partition: Partition, past: Past) -> int | None:
    """Return how many partitions ago the last training was, None if there was none."""
    if not past.trainings:
        return None
    return calendar.ordinal(partition) - calendar.ordinal(calendar.parse(past.trainings[-1]))


def _age(calendar: Calendar, partition: Partition, past: Past) -> int | None:
    """Return how many partitions ago the champion was trained, None if there is none."""
    if past.champion is None or calendar.is_snapshot:
        return None
    return calendar.ordinal(partition) - calendar.ordinal(calendar.parse(past.champion))


def _asks(
    spec: ProductSpec, partition: Partition, past: Past, observations: Sequence[Observation]
) -> Iterator[str]:
    age = _age(spec.partition.calendar, partition, past)
    for trigger in spec.triggers:
        if isinstance(trigger, EveryTrigger):
            if age is not None and age >= trigger.every:
                yield f"{count(age, 'partition')} since the champion was trained at {past.champion}"
        elif isinstance(trigger, DriftTrigger):
            measured = apart(observations, _of_drift)
            reached = [
                seen for seen in measured[-trigger.in_.n :] if seen.drift in _REACHED[trigger.drift]
            ]
            if len(reached) >= trigger.in_.k:
                yield _asked(
                    "drift", trigger.drift, trigger.in_, reached, reached[-1].drift_figures
                )
        else:
            yield from _asked_by_performance(trigger, observations)


def _asked_by_naive(observations: Sequence[Observation], asks: Sequence[str]) -> Iterator[str]:
    """Ask, whatever the spec names, where a model does worse than none; once for one reason."""
    for newest in apart(observations, _of_naive)[-1:]:
        if newest.naive == "alert" and not any(newest.naive_figures in ask for ask in asks):
            yield f"the champion did worse than no model at {newest.partition} " + (
                f"({newest.naive_figures})"
            )


def _asked_by_performance(
    trigger: PerformanceTrigger, observations: Sequence[Observation]
) -> Iterator[str]:
    # the newest partitions have no labels yet where these come late, so the newest measured count
    measured = apart(observations, _of_performance)
    reached = [
        seen
        for seen in measured[-trigger.in_.n :]
        if seen.performance in _REACHED[trigger.performance]
    ]
    if len(reached) >= trigger.in_.k:
        figures = reached[-1].figures
        yield _asked("performance", trigger.performance, trigger.in_, reached, figures)


def _asked(what: str, state: str, times: KOfN, reached: Sequence[Observation], figures: str) -> str:
    in_brackets = f" ({figures})" if figures else ""
    if times.n == 1:
        return f"{what} of {reached[-1].partition} was {state}{in_brackets}"
    return f"{what} was {state} in {len(reached)} of the newest {times.n} partitions{in_brackets}"


def _standing(
    spec: ProductSpec, partition: Partition, past: Past, observations: Sequence[Observation]
) -> Iterator[str]:
    """Say how far each thing that could ask is from asking."""
    if spec.partition.calendar.is_snapshot:
        yield (
            f"the only partition was trained on at {past.judged_at}; "
            "train again by hand when the data has changed"
        )
        return
    drift, performance = apart(observations, _of_drift), apart(observations, _of_performance)
    if drift:
        newest = drift[-1]
        yield f"drift {newest.drift} in {newest.partition}{_short_of(spec, drift)}"
    elif any(seen.drift == "insufficient" for seen in observations):
        yield "drift cannot be told yet"
    else:
        yield "no drift measured yet"
    if performance:
        newest = performance[-1]
        yield f"performance {newest.performance} ({newest.figures} in {newest.partition})"
    elif any(seen.performance == "insufficient" for seen in observations):
        yield "performance cannot be told yet"
    else:
        yield "no performance measured yet"
    every = [trigger.every for trigger in spec.triggers if isinstance(trigger, EveryTrigger)]
    age = _age(spec.partition.calendar, partition, past)
    if every and age is not None:
        yield f"{age} of {count(min(every), 'partition')} since the champion was trained"


def _short_of(spec: ProductSpec, drift: Sequence[Observation]) -> str:
    """Say how often drift was seen where it must be seen more often to ask for a training."""
    for trigger in spec.triggers:
        if isinstance(trigger, DriftTrigger):
            newest = drift[-trigger.in_.n :]
            reached = sum(seen.drift in _REACHED[trigger.drift] for seen in newest)
            if reached:
                within = f"{reached} of the newest {trigger.in_.n} {_windows(newest)}"
                return f" ({trigger.drift} in {within}, {trigger.in_.k} would ask)"
    return ""


def _windows(newest: Sequence[Observation]) -> str:
    """Return what was measured one after the other: partitions, or windows of several."""
    longer = any(seen.drift_since not in ("", seen.partition) for seen in newest)
    return "windows" if longer else "partitions"


def _refusals(
    spec: ProductSpec, partition: Partition, past: Past, plan: Plan, since: int | None
) -> Iterator[str]:
    if past.trained_here:
        yield f"a training with the cut-off {partition} was judged already"
    if past.under_way:
        yield f"the training asked for at {past.under_way[-1]} is not judged yet"
    if since is not None and since <= spec.cooldown:
        yield (
            f"the last training was at {past.trainings[-1]} and "
            f"{count(spec.cooldown, 'partition')} must pass after one"
        )
    yield from _overspent(spec, partition, past)
    if plan.problem:
        yield plan.problem


def _overspent(spec: ProductSpec, partition: Partition, past: Past) -> Iterator[str]:
    budget = spec.budget
    window = {slot.key for slot in spec.partition.calendar.back(partition, budget.partitions)}
    spent = [key for key in past.requests if key in window]
    if len(spent) >= budget.count:
        yield f"the budget of {budget} is spent ({', '.join(spent)})"
