"""Whether a backup has all that its ledgers name."""

from __future__ import annotations

from collections.abc import Mapping

from mlfactory.backup.contents import ARTIFACTS, Index
from mlfactory.lake import ledger
from mlfactory.lake.ledger import Reign
from mlfactory.product.errors import IntegrityError
from mlfactory.registry.artifacts import path_of, shown
from mlfactory.settings import settings
from mlfactory.trainings.files import find_fitted


def champions(decided: Mapping[str, int]) -> dict[str, Reign]:
    """Return who serves, by product, after so many entries of each one's ledger."""
    found = {}
    for product, count in decided.items():
        entries = ledger.entries(product)[:count]
        decisions = [entry for entry in entries if entry.event in ledger.DECISIONS]
        champion = ledger.standing(decisions).champion
        if champion is not None:
            found[product] = champion
    return found


def refuse_without_model(serving: Mapping[str, Reign], index: Index) -> None:
    """Make sure that the files of who serves were copied.

    Raises:
        IntegrityError: they were not, so nobody would serve after a restore.
    """
    for product, champion in serving.items():
        fitted = find_fitted(product, champion.training_id)
        path = None if fitted is None else path_of(fitted.model)
        start = f"{ARTIFACTS}/{path}/"
        if path is None or not any(name.startswith(start) for name in index.files):
            where = "" if fitted is None else f" ({shown(fitted.model)})"
            raise IntegrityError(
                f"{product}: the files of its champion, version {champion.version}{where}, are not "
                f"in {settings().artifacts_uri}, which is copied",
                remedy="let MLFACTORY_ARTIFACTS name where the artifacts of MLflow are kept",
            )
