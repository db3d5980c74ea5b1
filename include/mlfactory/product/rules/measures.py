"""Figures: metrics that suit the kind of label, and bounds that can be met and can be missed."""

from __future__ import annotations

from collections.abc import Iterator

from mlfactory.product.gates import BeatsGate, BoundGate, Gate, SliceGate
from mlfactory.product.metrics import LATENCY, METRICS, merit, metrics_for
from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.spec import ProductSpec

Place = tuple[str | int, ...]


def measure_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield every metric that does not suit the label, and every bound that makes no sense."""
    if spec.business is not None and spec.label.kind != "binary":
        yield (
            ("business",),
            f"costs of errors need a binary label, and this one is {spec.label.kind}",
        )
        return
    for place, metric in _named(spec):
        yield from _unknown(spec, place, metric)
    yield from _gates(spec)
    yield from _watched(spec)


def _named(spec: ProductSpec) -> Iterator[tuple[Place, str]]:
    places: list[tuple[Place, str | None]] = [
        (("train", "search", "metric"), spec.train.search.metric),
        (("monitor", "performance", "metric"), spec.monitor.performance.metric),
    ]
    for position, gate in enumerate(spec.promote.gates or ()):
        if not (isinstance(gate, BoundGate) and gate.metric == LATENCY):
            places.append((("promote", "gates", position, "metric"), gate.metric))
    yield from ((place, metric) for place, metric in places if metric is not None)


def _unknown(spec: ProductSpec, place: Place, metric: str) -> Iterator[Found]:
    kind = spec.label.kind
    known = metrics_for(kind, costs=spec.business is not None)
    if metric in known:
        return
    if metric in METRICS and METRICS[metric].needs_costs and kind == "binary":
        yield place, "cost needs the section business, with what an error costs"
    else:
        yield (
            place,
            f"'{metric}' is not a metric for a {kind} label{nearest(metric, known)}; "
            f"there are {list(known)}",
        )


def _gates(spec: ProductSpec) -> Iterator[Found]:
    slices = (*spec.features.categorical, *spec.features.sensitive)
    seen: set[tuple[str, ...]] = set()
    for position, gate in enumerate(spec.promote.gates or ()):
        place: Place = ("promote", "gates", position)
        if (identity := _identity(gate)) in seen:
            yield place, "asks the same as a gate above it"
        seen.add(identity)
        if isinstance(gate, SliceGate) and gate.slice not in slices:
            yield (
                (*place, "slice"),
                f"'{gate.slice}' is not a categorical or sensitive feature"
                f"{nearest(gate.slice, slices)}",
            )
        if isinstance(gate, BoundGate):
            yield from _bound(place, gate)


def _identity(gate: Gate) -> tuple[str, ...]:
    if isinstance(gate, SliceGate):
        return "slice", gate.metric, gate.slice
    if isinstance(gate, BeatsGate):
        return "beats", gate.metric
    return "at_least" if gate.at_least is not None else "at_most", gate.metric


def _bound(place: Place, gate: BoundGate) -> Iterator[Found]:
    if gate.metric == LATENCY:
        if gate.at_most is None or gate.at_most <= 0:
            yield place, f"{LATENCY} is better when lower: give it at_most, above 0"
        return
    if gate.metric not in METRICS:
        return
    wrong, right = ("at_most", "at_least")
    if not METRICS[gate.metric].higher_is_better:
        wrong, right = right, wrong
    if getattr(gate, wrong) is not None:
        better = "higher" if right == "at_least" else "lower"
        of_size = ", in size" if gate.metric == "bias" else ""
        yield (*place, wrong), f"{gate.metric} is better when {better}{of_size}: give {right}"
    else:
        yield from _possible((*place, right), gate.metric, getattr(gate, right))


def _watched(spec: ProductSpec) -> Iterator[Found]:
    bounds, metric = spec.monitor.performance, spec.performance_metric
    if metric not in METRICS:
        return
    place: Place = ("monitor", "performance")
    for part in ("warn", "alert"):
        if getattr(bounds, part) is not None:
            yield from _possible((*place, part), metric, getattr(bounds, part))
    if (
        bounds.warn is not None
        and bounds.alert is not None
        and merit(metric, bounds.alert) > merit(metric, bounds.warn)
    ):
        side = "below" if METRICS[metric].higher_is_better else "above"
        yield (
            (*place, "alert"),
            f"an alert is worse than a warning: {metric} alerts {side} {bounds.alert:g} and warns "
            f"{side} {bounds.warn:g}; exchange them",
        )


def _possible(place: Place, metric: str, bound: float) -> Iterator[Found]:
    low, high = METRICS[metric].low, METRICS[metric].high
    if not low <= bound <= high:
        yield place, f"{metric} lies between {low:g} and {high:g}, got '{bound:g}'"
