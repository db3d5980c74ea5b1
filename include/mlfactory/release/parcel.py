"""What is taken along: the training's folder, its run, its model's files, and who decided what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlfactory.lake import ledger
from mlfactory.lake.catalog import MODELS
from mlfactory.lake.ledger import Entry
from mlfactory.lake.store import product_store
from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.product.loader import Product
from mlfactory.registry.copies import RunCopy, model_files, run_copy
from mlfactory.registry.versions import tags_of
from mlfactory.settings import settings, without_login
from mlfactory.trainings.files import (
    files_of,
    load_fitted,
    load_judgement,
    load_training,
)
from mlfactory.trainings.records import Fitted, Judgement, Training


@dataclass(frozen=True, eq=False)
class Parcel:
    """A version that was promoted, with all that it needs elsewhere.

    Attributes:
        source: the environment it comes from, or the address of its lake where that has no name.
        decision: the promotion there.
        files: of the training's folder, by their names.
        pages: for people, by their names in the product's store.
        tags: of the version.
    """

    source: str
    decision: Entry
    training: Training
    fitted: Fitted
    judgement: Judgement
    files: Mapping[str, bytes]
    pages: Mapping[str, bytes]
    run: RunCopy
    model: Mapping[str, bytes]
    tags: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Return the digest of the model's files, which the ledger names."""
        return str(self.decision.details["digest"])

    @property
    def version(self) -> str:
        """Return the number that the version has where it comes from."""
        return str(self.decision.details["version"])


def pack(product: Product, version: str | None) -> Parcel:
    """Read a version of this process's environment: the champion, or the one that is named.

    Raises:
        UsageError: it was never promoted, or was rejected since.
        IntegrityError: its files are not those that were decided about.
    """
    decision = _promotion(product.name, version)
    training_id = decision.subject
    fitted = load_fitted(product.name, training_id)
    digest = str(decision.details["digest"])
    if fitted.digest != digest:
        raise IntegrityError(
            f"{product.name}: the ledger promoted a model of training {training_id} with the "
            f"digest {digest[:16]}…, and the training's own record says {fitted.digest[:16]}…",
            remedy="put the lake's files back from a copy, or release another version",
        )
    store, files = product_store(product.name), files_of(product.name, training_id)
    return Parcel(
        source=settings().env or without_login(settings().lake_uri),
        decision=decision,
        training=load_training(product.name, training_id),
        fitted=fitted,
        judgement=load_judgement(product.name, training_id),
        files=files.read_many(files.list()),
        pages=store.read_many(store.list(f"{MODELS}/{training_id}")),
        run=run_copy(fitted.run_id),
        model=model_files(fitted.model, digest),
        tags=tags_of(product.name, str(decision.details["version"])),
    )


def _promotion(product: str, version: str | None) -> Entry:
    """Return the newest decision about a version, or about the champion: that it was promoted."""
    decisions = ledger.entries(product, *ledger.DECISIONS)
    if version is None:
        champion = ledger.standing(decisions).champion
        if champion is None:
            raise UsageError(
                f"product {product} has no champion here, so there is nothing to release",
                remedy=f"mlfactory status {product} says what stands in the way",
            )
        version = champion.version
    about = [one for one in decisions if str(one.details["version"]) == version]
    if about and about[-1].event == "promoted":
        return about[-1]
    what = f"was rejected: {about[-1].why}" if about else "was never decided about"
    promoted = sorted({str(one.details["version"]) for one in decisions if one.event == "promoted"})
    raise UsageError(
        f"version {version} of {product} cannot be released: here it {what}",
        remedy=f"only what passed its gates is released; that did: {', '.join(promoted) or 'none'}",
    )
