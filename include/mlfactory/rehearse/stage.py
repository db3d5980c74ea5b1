"""The one function: train the product as it is here on another environment's rows, and compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlfactory import prepare, promote, train, validate
from mlfactory.cycle.training_ids import new_training_id
from mlfactory.lake import ledger
from mlfactory.lake.at_work import at_work
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product
from mlfactory.promote.evidence import GateResult
from mlfactory.promote.judging import gather, read_trained
from mlfactory.promote.page import gates_markdown
from mlfactory.promote.reference import champion_beside
from mlfactory.rehearse.borrowing import borrow, newest_landed, refuse_other_rows, refuse_own_life
from mlfactory.rehearse.difference import Difference, differences, markdown
from mlfactory.release import Released, release
from mlfactory.settings import Settings, settings, settings_of
from mlfactory.trainings.files import load_judgement

Say = Callable[[str], None]


@dataclass(frozen=True)
class Rehearsal:
    """What came of it.

    Attributes:
        passed: whether the model would be promoted there, judged by the same rows.
        markdown: for a pull request.
    """

    passed: bool
    differences: tuple[Difference, ...]
    markdown: str


def rehearse(
    product: Product,
    other: Settings,
    *,
    last: int,
    trials: int | None = None,
    seconds: int | None = None,
    say: Say = lambda _: None,
) -> Rehearsal:
    """Train on the newest partitions that landed in `other`, and compare with its champion.

    There everything is read and nothing written. Here the rows are validated and prepared by the
    product's rules and code as they are now, the training is judged, and nobody is promoted.

    Args:
        last: how many partitions; a training reads its window and hold-out of them.

    Raises:
        UsageError: nothing landed there, or this lake is one that a product lives in, or has
            rows of other partitions.
        FactoryError: whatever a stage raises, such as too few labelled rows.
    """
    refuse_own_life(product)
    with settings_of(other):
        keys = newest_landed(product, last)
    refuse_other_rows(product, keys)
    champion = _champion(product, other)
    with at_work(product.name, f"rehearsal of {keys[0]} to {keys[-1]}", first=keys[0]):
        say(f"{len(keys)} partitions of {other.env}, {keys[0]} to {keys[-1]}")
        borrow(product, keys, other)
        stopped = _make_tables(product, keys, say)
        cutoff = product.calendar.parse(keys[-1])
        training_id = new_training_id(cutoff)
        reason = f"rehearsed against {other.env}"
        train.run(product, cutoff, training_id, trials=trials, seconds=seconds, reason=reason)
        promote.judge(product, training_id)
    return _compared(product, other, training_id, champion, keys, stopped)


def _champion(product: Product, other: Settings) -> Released | None:
    """Bring the other environment's champion here; None if nobody serves there."""
    here = settings()
    with settings_of(other):
        if ledger.standing(ledger.entries(product.name, *ledger.DECISIONS)).champion is None:
            return None
        return release(product, None, here, force=True)


def _make_tables(product: Product, keys: list[str], say: Say) -> list[str]:
    """Validate and prepare each partition, the oldest first; return those that do not pass."""
    stopped = []
    for key in keys:
        partition = product.calendar.parse(key)
        try:
            validate.run(product, partition)
        except ContractError as error:
            stopped.append(key)
            say(str(error))
            continue
        prepare.run(product, partition)
    return stopped


def _compared(
    product: Product,
    other: Settings,
    training_id: str,
    champion: Released | None,
    keys: list[str],
    stopped: list[str],
) -> Rehearsal:
    table = load_judgement(product.name, training_id)
    trained = read_trained(product, training_id)
    evidence = gather(product, trained, table.version, champion_beside(product, table.version))
    found = differences(evidence, costs=product.spec.business is not None)
    reference = evidence.reference_name
    if champion is not None and evidence.reference is not None:
        reference = f"champion {champion.came_as} of {other.env}"
    facts = [
        f"trained on {trained.pinned.fit_rows:,} rows, judged by {table.held_out_rows:,} held-out "
        f"rows of {keys[0]} to {keys[-1]} as they landed in {other.env}",
        f"{trained.fitted.candidate}; the gates would "
        f"{'promote it' if table.passed else 'not promote it'}: {table.why}",
    ]
    if evidence.champion_cutoff is not None:
        facts.append(
            f"this change learned until {evidence.cutoff}, the champion until "
            f"{evidence.champion_cutoff}: some of a difference may be that of what they have seen"
            if evidence.cutoff != evidence.champion_cutoff
            else f"both learned until {evidence.cutoff}"
        )
    if evidence.reference is not None:
        facts.append("both were asked with the columns that this change builds")
    if evidence.unfair:
        facts.append(evidence.unfair)
    if stopped:
        facts.append(f"{len(stopped)} partitions do not pass validation: {', '.join(stopped)}")
    title = f"{product.spec.title or product.name}: this change against {reference}"
    gates = gates_markdown([GateResult(**gate) for gate in table.gates])
    return Rehearsal(table.passed, tuple(found), markdown(title, facts, found, reference, gates))
