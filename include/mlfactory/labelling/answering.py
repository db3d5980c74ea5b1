"""Taking answers: what somebody says of rows of a batch, kept for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mlfactory.labelling.drawing import queue_of
from mlfactory.lake.answers import Answer, Answers, Value, leave_answers, read_answers
from mlfactory.lake.ledger import user
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.working import SHORT, working
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import as_utc

_AHEAD = timedelta(minutes=5)
"""How far the clocks of two machines may differ."""


@dataclass(frozen=True)
class Given:
    """What became of some answers.

    Attributes:
        taken: how many are new.
        unchanged: how many the same person had given already.
        landing: the partition with which they become known.
        command: what brings them in at once, where that partition was prepared already.
    """

    taken: int
    unchanged: int
    who: str
    at: str
    landing: str
    command: str = ""


def take_answers(
    product: Product,
    labels: Mapping[str, Answer],
    *,
    who: str = "",
    why: str = "",
    at: datetime | None = None,
) -> Given:
    """Write answers down, but those that the same person gave last already.

    Args:
        labels: by the row that each is about, as `read_sheet` returns them.
        who: who answers; the user of this process by default.
        at: since when it is known; now by default.

    Raises:
        UsageError: if the product asks nobody, nothing is answered, or `at` cannot be, as where
            the same person answered otherwise since; or a removal of the product was cut off.
        ServiceError: a removal is under way.
    """
    queue_of(product)
    with working(product.name, "answers of people", believed=SHORT):
        return _taken(product, labels, who=who, why=why, at=at)


def _taken(
    product: Product, labels: Mapping[str, Answer], *, who: str, why: str, at: datetime | None
) -> Given:
    now = datetime.now(UTC)
    moment = as_utc(at) if at is not None else now
    who = who.strip() or user()
    _refuse_moment(product, labels, moment, now)
    last = _last_of(product, who)
    new = tuple(
        one for row, one in sorted(labels.items()) if row not in last or last[row][0] != one.label
    )
    _refuse_other_words(new, last, who, moment)
    landing = product.calendar.containing(moment)
    stored = moment.isoformat(timespec="microseconds")
    if new:
        given = Answers(who, why.strip(), stored, now.isoformat(timespec="microseconds"), new)
        leave_answers(product, given)
    was_prepared = bool(read_manifest(product.name, "prepare", landing.key))
    command = f"mlfactory run {product.name} {landing.key} --stage prepare --downstream"
    return Given(
        len(new),
        len(labels) - len(new),
        who,
        stored,
        landing.key,
        command if new and was_prepared else "",
    )


def _refuse_moment(
    product: Product, labels: Mapping[str, Answer], moment: datetime, now: datetime
) -> None:
    if not labels:
        raise UsageError(
            "nothing is answered", remedy="fill the column _label of some rows, and give it again"
        )
    if moment > now + _AHEAD:
        raise UsageError(
            f"{moment.isoformat()} is in the future: nobody can know an answer then",
            remedy="leave it out, if it is known now",
        )
    newest = max(one.partition for one in labels.values())
    landing = product.calendar.containing(moment)
    if landing.key < newest:
        raise UsageError(
            f"{moment.isoformat()} is before the partition {newest}, which has some of the rows",
            remedy="give the time at which the answer was known",
        )
    end = product.spec.partition.end
    if end is not None and landing.start >= as_utc(end):
        raise UsageError(
            f"{product.name} has no partition after {as_utc(end):%Y-%m-%d %H:%M}: what becomes "
            f"known at {moment:%Y-%m-%d %H:%M} is never learned from",
            remedy="say since when it counts: --at, for instance the end of the rows' partition",
        )


def _refuse_other_words(
    new: Sequence[Answer], last: Mapping[str, tuple[Value, str]], who: str, moment: datetime
) -> None:
    """Make sure that what somebody answers anew is newer than what it stands instead of."""
    for one in new:
        known = last.get(one.row)
        if known is not None and datetime.fromisoformat(known[1]) >= moment:
            raise UsageError(
                f"{who} answered {known[0]!r} of the row {one.row}, known since {known[1]}, which "
                f"is not before {moment.isoformat()}: nobody could tell which answer counts",
                remedy="say that the new answers are known since later: --at",
            )


def _last_of(product: Product, who: str) -> dict[str, tuple[Value, str]]:
    """Return what somebody answered last of each row, and since when that is known."""
    mine = (given for given in read_answers(product.name) if given.who == who)
    return {one.row: (one.label, given.at) for given in mine for one in given.answers}
