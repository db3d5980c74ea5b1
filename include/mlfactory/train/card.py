"""The model card: one content, written as Markdown for MLflow and as a page for people.

Its parts follow Mitchell et al. (2019), "Model cards for model reporting".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlfactory.product.loader import Product
from mlfactory.product.metrics import merit
from mlfactory.product.spec import ProductSpec
from mlfactory.registry.models import StoredModel
from mlfactory.report.drawing import Drawing
from mlfactory.report.numbers import written
from mlfactory.report.page import Page
from mlfactory.statistics.noise import DAYS
from mlfactory.train.evaluate import Evaluation
from mlfactory.trainings.records import Search, Threshold, Training, Trial

_IMPORTANT = 15
_PARTITIONS_NAMED = 6


@dataclass(frozen=True)
class Table:
    """A table; cells of the column `state` are judged."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of the card: first what it says, then facts, then tables."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    code: str = ""


@dataclass(frozen=True)
class Subject:
    """All that a card tells of.

    Attributes:
        days: how many the held-out rows lie in; None of a snapshot.
        constant: inputs that had the same value in all rows that were fitted.
    """

    product: Product
    training: Training
    searches: tuple[Search, ...]
    chosen: Search
    evaluation: Evaluation
    run_id: str
    days: int | None
    constant: tuple[str, ...] = ()

    @property
    def trial(self) -> Trial:
        """Return the trial whose parameters the model has."""
        return self.chosen.best


def title(subject: Subject) -> str:
    """Return the card's title."""
    spec = subject.product.spec
    return f"Model card: {spec.title or spec.name}"


def sections(subject: Subject, stored: StoredModel) -> tuple[Section, ...]:
    """Return what the card says."""
    return (
        _what(subject),
        _data(subject),
        _figures(subject),
        _slices(subject),
        _important(subject),
        _search(subject),
        Section("Limits", tuple(_limits(subject))),
        _loading(subject, stored),
    )


def some_of(partitions: Sequence[str]) -> str:
    """Name partitions, the first and the last of many."""
    if len(partitions) <= _PARTITIONS_NAMED:
        return ", ".join(partitions)
    return f"{partitions[0]} to {partitions[-1]} ({len(partitions)} partitions)"


def as_markdown(heading: str, parts: Sequence[Section]) -> str:
    """Write a card as Markdown."""
    lines = [f"# {heading}"]
    for part in parts:
        lines += ["", f"## {part.heading}"]
        lines += [text for paragraph in part.paragraphs for text in ("", paragraph)]
        if part.facts:
            lines += ["", *(f"- **{name}**: {written(fact)}" for name, fact in part.facts.items())]
        for table in part.tables:
            lines += ["", _row(table.columns), _row(["---"] * len(table.columns))]
            lines += [_row([written(cell) for cell in row]) for row in table.rows]
        if part.code:
            lines += ["", "```python", part.code, "```"]
    return "\n".join(lines) + "\n"


def as_page(
    heading: str, subtitle: str, parts: Sequence[Section], plots: Mapping[str, Drawing]
) -> str:
    """Write a card as a page, with the plots between what was measured and what limits it."""
    page = Page(heading, subtitle)
    for part in parts:
        if part.heading == "Limits":
            page.section("Plots")
            for plot in plots.values():
                page.figure(plot)
        page.section(part.heading)
        for paragraph in part.paragraphs:
            page.paragraph(paragraph)
        if part.facts:
            page.facts(part.facts)
        for table in part.tables:
            page.table(table.columns, table.rows, "state" if "state" in table.columns else None)
        if part.code:
            page.code(part.code)
    return page.render()


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _what(subject: Subject) -> Section:
    spec, training = subject.product.spec, subject.training
    facts: dict[str, Any] = {
        "Predicts": f"{spec.label.column} ({spec.label.kind})",
        "Model": subject.chosen.candidate,
        "Parameters": ", ".join(
            f"{name} {written(value)}" for name, value in subject.trial.params.items()
        ),
        "Trained because": training.reason,
        "Training": training.training_id,
        "MLflow run": subject.run_id,
        "Owner": " ".join(filter(None, (spec.owner.team, spec.owner.email))),
    }
    if subject.trial.threshold is not None:
        facts["Says 1 from"] = _threshold(subject.trial.threshold, spec)
    if spec.business:
        money = spec.business
        facts["Errors cost"] = (
            f"{written(money.false_negative)} {money.currency} a missed 1, "
            f"{written(money.false_positive)} {money.currency} a false 1"
        )
    return Section("What it is", facts=facts)


def _threshold(found: Threshold, spec: ProductSpec) -> str:
    if spec.business is None:
        return f"{written(found.value)}, as both errors count alike"
    among = f"{written(found.rows)} rows it was chosen on"
    halves = (
        f"on all of them errors cost least at {written(found.cheapest)}, on halves of them from "
        f"{written(found.low)} to {written(found.high)} (9 times in 10)"
    )
    if found.value == found.implied:
        return (
            f"{written(found.value)}, as the costs imply: the {among} show no other to be cheaper "
            f"beyond chance ({halves})"
        )
    return (
        f"{written(found.value)}, by the {among}: {halves}. The costs alone imply "
        f"{written(found.implied)}"
    )


def _data(subject: Subject) -> Section:
    spec, training = subject.product.spec, subject.training
    if subject.product.calendar.is_snapshot:
        of = spec.features.group or "their key"
        how = f"The rows held out were chosen by a hash of {of}, the same for every training."
    else:
        how = (
            "The newest partitions were held out. Rows before them whose label was not known when "
            f"the hold-out began were left out; labels take {_delay(spec)}."
        )
    if training.sampled:
        how += (
            f" The training has {training.sampled}; what is fitted on and what is held out are "
            "cut from the rows by the same share, and figures are of them."
        )
    rows = (
        ("fitted on", training.fit_rows, some_of(training.fit_partitions)),
        ("held out", training.holdout_rows, some_of(training.holdout_partitions)),
    )
    facts = {
        "Table features, Delta version": str(training.features_version),
        "Table labels, Delta version": str(training.labels_version),
        "Spec, code, environment": (
            f"{training.spec_hash}, {training.code_hash} at {training.code_revision}, "
            f"{training.lock_hash}; all kept with the MLflow run"
        ),
        "Left out, as they did not stand": some_of(training.left_out) or "no partition",
        "Inputs": spec.features.inputs,
        "Never shown to the model": spec.features.sensitive,
    }
    return Section("Data", (how,), facts, (Table(("part", "rows", "partitions"), rows),))


def _figures(subject: Subject) -> Section:
    rows = tuple(
        (
            name,
            figure.value,
            figure.low,
            figure.high,
            figure.baseline,
            _compared(name, figure.value, figure.baseline),
        )
        for name, figure in subject.evaluation.metrics.items()
    )
    note = (
        "On the held-out rows, with 95 % intervals; beside each the best that a constant answer "
        "can do for it, such as always 1 for f1, or the mean for rmse."
    )
    columns = ("metric", "value", "low", "high", "best constant", "against it")
    return Section("How good it is", (note,), tables=(Table(columns, rows),))


def _compared(metric: str, value: float, baseline: float) -> str | None:
    ours, theirs = merit(metric, value), merit(metric, baseline)
    if not ours - theirs:
        return "equal"
    return "better" if ours > theirs else "worse" if ours < theirs else None


def _slices(subject: Subject) -> Section:
    rows = tuple(
        (one.column, one.value, one.rows, one.metric, one.figure, one.low, one.high)
        for one in subject.evaluation.slices
    )
    if not rows:
        return Section("Slices", ("No sensitive column and no gate on a slice is named.",))
    columns = ("column", "value", "rows", "metric", "figure", "low", "high")
    return Section("Slices", tables=(Table(columns, rows),))


def _important(subject: Subject) -> Section:
    found = subject.evaluation.importance[:_IMPORTANT]
    metric = subject.product.spec.search_metric
    note = f"How much worse {metric} on held-out rows is when a feature is shuffled."
    rows = tuple((one.feature, one.mean, one.spread) for one in found)
    return Section(
        "What it looks at", (note,), tables=(Table(("feature", "importance", "spread"), rows),)
    )


def _search(subject: Subject) -> Section:
    rows = tuple(
        (
            found.candidate,
            f"{len(found.trials)} of {found.planned}",
            found.best.score,
            sum(trial.seconds for trial in found.trials),
            "chosen" if found is subject.chosen else None,
        )
        for found in subject.searches
    )
    columns = ("candidate", "trials", subject.product.spec.search_metric, "seconds", "outcome")
    return Section("How it was found", tables=(Table(columns, rows),))


def _limits(subject: Subject) -> Iterator[str]:
    spec, training = subject.product.spec, subject.training
    if subject.product.calendar.is_snapshot:
        yield "All rows are of one snapshot: nothing here tells how the model does as time goes on."
    else:
        held_out = some_of(training.holdout_partitions)
        yield (
            f"Measured on {held_out} alone. Other times of the year can differ more than the "
            "intervals tell, which cover the chance in these rows only."
        )
    if subject.days is not None and subject.days < DAYS:
        yield (
            f"The held-out rows lie in {subject.days} days, too few to tell what one day has in "
            "common with the next; the intervals assume much, and of one or two days there is none."
        )
    if subject.constant:
        yield (
            f"The build function gave the same value in every fitted row for "
            f"{', '.join(subject.constant)}: nothing could be learned of it."
        )
    worse = _worse_than_baseline(spec, subject.evaluation)
    if worse:
        yield f"Worse than the best constant answer in {', '.join(worse)}."
    yield (
        "Missing inputs and categories never seen in training are answered, but with less to go "
        "by. Importance tells what the model uses, not what causes the label."
    )


def _delay(spec: ProductSpec) -> str:
    return str(spec.label.model_dump()["arrives_after"])


def _worse_than_baseline(spec: ProductSpec, evaluation: Evaluation) -> list[str]:
    return [
        name
        for name, figure in evaluation.metrics.items()
        if merit(name, figure.value) < merit(name, figure.baseline)
    ]


def _loading(subject: Subject, stored: StoredModel) -> Section:
    code = (
        "from mlfactory.registry.models import load_stored\n\n"
        f'model = load_stored("{stored.address}",\n'
        f'                    digest="{stored.digest}")\n'
        "frame = model.input_example  # or whatever the product's build function returns\n"
        "print(model.table(frame))  # score and decision of each row"
    )
    name = subject.product.name
    return Section(
        "How to use it",
        (
            "In Python, where the factory is installed; the digest of the files is checked:",
            "With MLflow alone it is not checked. mlflow.pyfunc.load_model and "
            f"`mlflow models serve -m models:/{name}/VERSION --env-manager local` take the same "
            "frames and answer the same, where the factory is installed as well and "
            "MLFLOW_TRACKING_URI names the factory's MLflow.",
            f"`mlfactory predict {name} FILE` answers the rows of a CSV or Parquet file. What the "
            "batch has predicted while a version served is the Delta table `predictions` of the "
            "lake, a row an event: its key and time, `role` (champion, or challenger in shadow), "
            "`model_version`, `score`, `prediction` (the decision) and `partition`.",
        ),
        code=code,
    )
