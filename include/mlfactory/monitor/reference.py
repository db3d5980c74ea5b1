"""What a partition is compared with: what the champion learned from and what it said of held-out
rows, both as its training kept them. The tables of the lake are not asked: they may be vacuumed."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mlfactory.lake import ledger
from mlfactory.lake.store import Absent
from mlfactory.monitor.answers import ANSWER, AT, SCORE, from_held_out
from mlfactory.monitor.findings import NO_MODEL, SEEN
from mlfactory.monitor.judgement import Known, known_of
from mlfactory.product.errors import FactoryError, IntegrityError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.models import load_version
from mlfactory.statistics.histograms import FeatureKind
from mlfactory.statistics.profile import Profile, profile_of
from mlfactory.trainings.files import find_fitted, find_training, load_profile
from mlfactory.trainings.heldout import load_held_out
from mlfactory.trainings.records import Fitted, Training


@dataclass(frozen=True, eq=False)
class Reference:
    """The champion of a partition and what its training kept of the past.

    Attributes:
        reign: which version, and up to where it has seen the data.
        reason: why it was promoted.
        training: what was pinned; None if that record is lost. Likewise `fitted`.
        features: the profile of the rows that were fitted on; None if it is lost.
        answers: what it said of the rows it was judged by, none of which it had seen; None if
            they are lost.
        said: these answers row by row, for plots.
        problems: what is lost and where it should be, in words.
    """

    reign: ledger.Reign
    reason: str
    training: Training | None
    fitted: Fitted | None
    features: Profile | None
    answers: Profile | None
    said: pd.DataFrame | None
    problems: tuple[str, ...] = ()

    @property
    def threshold(self) -> float | None:
        """Return the threshold of a binary model's decisions."""
        threshold = self.fitted.threshold if self.fitted else None
        return threshold.value if threshold else None


def reference_for(product: Product, partition: Partition) -> Reference | None:
    """Return what the champion of `partition` learned from, None if there is no champion.

    Whatever is lost or damaged is left out and named: it must not keep the rest from being seen.
    """
    reign = ledger.champion_for(product, partition)
    if reign is None:
        return None
    problems: list[str] = []
    try:
        training = find_training(product.name, reign.training_id)
        fitted = find_fitted(product.name, reign.training_id)
    except FactoryError as error:
        training = fitted = None
        problems.append(error.problem)
    features = said = answers = None
    try:
        features = load_profile(product.name, reign.training_id)
    except (Absent, IntegrityError) as error:
        problems.append(error.problem)
    try:
        said = from_held_out(product.spec, load_held_out(product.name, reign.training_id))
        answers = profile_of(said, answer_kinds(said), said.get(AT), product.calendar.every)
    except (Absent, IntegrityError) as error:
        problems.append(error.problem)
    return Reference(
        reign=reign,
        reason=reign.why,
        training=training,
        fitted=fitted,
        features=features,
        answers=answers,
        said=said,
        problems=tuple(problems),
    )


def answer_kinds(answers: pd.DataFrame) -> dict[str, FeatureKind]:
    """Return the columns of a model's answers that are compared, and how."""
    kinds: dict[str, FeatureKind] = {SCORE: "numeric"}
    if ANSWER in answers:
        kinds[ANSWER] = "categorical"
    return kinds


def without_reference(product: Product) -> str:
    """Return the state of a partition that no champion judges: there is none, or all have seen it.

    The latter is a snapshot's, whose only partition every model was trained with.
    """
    if product.calendar.is_snapshot and ledger.entries(product.name, "promoted"):
        return SEEN
    return NO_MODEL


class Versions(dict[str, Known]):
    """What is known of versions from their trainings, read when a version is first asked for."""

    def __init__(self, product: Product) -> None:
        super().__init__()
        self._product = product

    def __missing__(self, version: str) -> Known:
        self[version] = _known(self._product, version)
        return self[version]


def _known(product: Product, version: str) -> Known:
    training = _training_of(product, version)
    try:
        fitted = find_fitted(product.name, training) if training else None
    except FactoryError:
        fitted = None
    several = product.spec.label.kind == "multiclass"
    classes = fitted.classes if fitted else None
    if several and not classes:
        classes = load_version(product.name, version).classes
    return known_of(product.spec, fitted, tuple(classes or ()))


def _training_of(product: Product, version: str) -> str:
    """Return the id of the training that a version came from; empty if the ledger has none."""
    judged = reversed(ledger.entries(product.name, *ledger.DECISIONS))
    ids = (one.subject for one in judged if str(one.details.get("version")) == version)
    return next(ids, "")
