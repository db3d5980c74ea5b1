"""Which rows of a file may be used: what would keep a landed row out keeps these out as well."""

from __future__ import annotations

from dataclasses import dataclass

from mlfactory.ingest.given import Given
from mlfactory.product.loader import Product


@dataclass(frozen=True)
class Usable:
    """The rows of a file that a partition would let through, and why the others are not.

    Attributes:
        rows: their numbers.
        reasons: why a row cannot be used, by its number, for those that cannot.
        not_asked: rules that these rows could not be asked, in words.
    """

    rows: tuple[int, ...]
    reasons: dict[int, str]
    not_asked: tuple[str, ...] = ()


def usable(product: Product, name: str, given: Given) -> Usable:
    """Return the rows of a file of the source `name` that may be used.

    A row is refused for a cell that cannot be read, no time or key, a critical rule that it breaks,
    or the key of an earlier row that may be used.

    Raises:
        SpecError: if the arguments of a rule do not suit it.
    """
    reasons, not_asked = dict(given.reasons), tuple[str, ...]()
    if product.spec.expect.sources.get(name):
        # Great Expectations takes seconds to import
        from mlfactory.validate.given import rule_given

        readable = [row for row in given.rows.index if row not in reasons]
        ruled = rule_given(
            product, name, given.rows.loc[readable].reset_index(drop=True), given.absent
        )
        reasons |= {readable[place]: why for place, why in ruled.reasons.items()}
        not_asked = ruled.not_asked
    key = list(product.spec.sources[name].key)
    if key:
        good = given.rows.loc[[row for row in given.rows.index if row not in reasons]]
        for row in good.index[good.duplicated(key)]:
            reasons[int(row)] = f"an earlier row has the same key {key}"
    rows = tuple(int(row) for row in given.rows.index if row not in reasons)
    return Usable(rows, reasons, not_asked)
