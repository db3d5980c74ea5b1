"""Features counted at the bins of what a champion learned from, which is what monitoring asks for.

They are counted while the rows are at hand, for the champion that judges their partition by then.
Who comes later knows by the digest of its reference whether these are its bins; where they are not,
as after a promotion, rows are read instead.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlfactory.lake import ledger
from mlfactory.lake.catalog import FEATURES
from mlfactory.lake.store import Absent
from mlfactory.product.errors import IntegrityError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.profiles.kept import hidden_columns

if TYPE_CHECKING:
    import pyarrow as pa

    from mlfactory.statistics.profile import Profile
    from mlfactory.statistics.tally import Tally

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Counts:
    """Rows counted at the bins of a reference.

    Attributes:
        reference: the digest of its file.
    """

    reference: str
    tally: Tally


def counts_of(product: Product, partition: Partition, rows: pa.Table) -> Counts | None:
    """Return rows of the table `features` as the champion of their partition asks for them.

    None where it has no champion, or where that one's reference is lost. That counting fails keeps
    nothing from being done: monitoring reads rows then, and the log says why.
    """
    from mlfactory.statistics.tally import tally_of_table

    try:
        profile = _reference(product, partition)
        if profile is None:
            return None
        names = _names(product, profile) & {*rows.column_names}
        tally = tally_of_table(profile, rows, names, product.spec.features.event_time)
        return Counts(profile.digest, tally)
    except Exception:
        where = f"{product.name}.{FEATURES}, partition {partition}"
        _log.warning("%s: it cannot be counted for monitoring", where, exc_info=True)
        return None


def added(parts: Sequence[Counts | None]) -> Counts | None:
    """Return the counts of the rows of all parts, None unless all were counted alike.

    A champion may have been promoted while parts were built one after another.
    """
    from mlfactory.statistics.tally import together

    known = [part for part in parts if part is not None]
    alike = {(part.reference, frozenset(part.tally.counts)) for part in known}
    if len(known) < len(parts) or len(alike) != 1:
        return None
    return Counts(known[0].reference, together([part.tally for part in known]))


def _reference(product: Product, partition: Partition) -> Profile | None:
    from mlfactory.trainings.files import load_profile

    reign = ledger.champion_for(product, partition)
    try:
        return load_profile(product.name, reign.training_id) if reign else None
    except (Absent, IntegrityError):
        # of which monitoring tells
        return None


def _names(product: Product, profile: Profile) -> set[str]:
    """Return the features that are what the champion knew, without those of personal data."""
    features = product.spec.features
    of_kind = {"numeric": features.numeric, "categorical": features.categorical}
    known = {name for name, kind in profile.kinds.items() if name in of_kind[kind]}
    return known - hidden_columns(product, FEATURES)
