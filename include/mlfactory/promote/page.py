"""The table of gates, for people: as a page, as Markdown, and in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlfactory.promote.evidence import GateResult
from mlfactory.report.numbers import written
from mlfactory.report.page import Page
from mlfactory.report.plain import plain

_COLUMNS = ("gate", "result", "figure", "bound", "low", "high", "why")


def gates_page(
    title: str, passed: bool, facts: Mapping[str, str], results: Sequence[GateResult]
) -> str:
    """Return a self-contained HTML page of how a candidate was judged."""
    page = Page(title, "Every gate with its figure, its bound and its reason")
    failed = sum(result.state == "failed" for result in results)
    unclear = sum(result.state == "cannot_tell" for result in results)
    note = f"{len(results)} gates" if passed else f"of {len(results)} gates {failed} failed"
    note += f", {unclear} cannot tell" if unclear else ""
    state = "passed" if passed else "failed" if failed else "cannot_tell"
    page.states([("gates", state, note)])
    page.facts(facts)
    page.section("Gates")
    page.table(_COLUMNS, [_row(result) for result in results], state_column="result")
    return page.render()


def gates_markdown(results: Sequence[GateResult]) -> str:
    """Return the table of gates as MLflow shows it beside the version."""
    lines = [
        "| gate | result | figure | bound | interval | why |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        interval = f"{written(result.low)} to {written(result.high)}"
        if result.low is None and result.high is None:
            interval = written(None)
        cells = (
            result.name,
            _outcome(result),
            written(result.figure),
            written(result.bound),
            interval,
            result.why,
        )
        lines.append(f"| {' | '.join(map(plain, cells))} |")
    return "\n".join(lines)


def gates_tags(results: Sequence[GateResult]) -> dict[str, str]:
    """Return one tag a gate, short enough for the table of versions."""
    return {f"gate.{result.name}": f"{_outcome(result)} {_short(result)}" for result in results}


def reason(passed: bool, results: Sequence[GateResult]) -> str:
    """Return why a candidate is promoted or rejected, in one sentence for the ledger."""
    if not passed:
        return "; ".join(
            f"{gate.name} {_outcome(gate)}: {gate.why}" for gate in results if not gate.passed
        )
    compared = [gate.why for gate in results if gate.compared]
    told = f": {compared[0]}" if compared else ""
    return f"passed all {len(results)} gates{told}"


def _row(result: GateResult) -> tuple[object, ...]:
    return (
        result.name,
        result.state,
        result.figure,
        result.bound,
        result.low,
        result.high,
        result.why,
    )


def _outcome(result: GateResult) -> str:
    return result.state.replace("_", " ")


def _short(result: GateResult) -> str:
    return f"{written(result.figure)} (bound {written(result.bound)})"
