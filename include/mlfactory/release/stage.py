"""The one function: take a version along to another environment, and let it serve there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np

from mlfactory.lake import ledger
from mlfactory.lake.addresses import one_spelling
from mlfactory.lake.at_work import at_work
from mlfactory.lake.ledger import RELEASED, Entry
from mlfactory.lake.removal_note import refuse_half_removed
from mlfactory.lake.requests import REQUEST
from mlfactory.lake.restore_note import refuse_half_restored
from mlfactory.lake.store import as_json, product_store
from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.product.loader import Product
from mlfactory.promote.settling import move_aliases
from mlfactory.registry import runs
from mlfactory.registry.copies import write_model, write_run
from mlfactory.registry.models import DIGEST, load_version
from mlfactory.registry.versions import describe, register, set_version_tags
from mlfactory.release.parcel import Parcel, pack
from mlfactory.settings import Settings, settings, settings_of
from mlfactory.trainings import files
from mlfactory.trainings.files import FITTED, JUDGEMENT, TRAINING, files_of

_DIGITS = 1e-9


@dataclass(frozen=True)
class Released:
    """What became of a release.

    Attributes:
        source: the environment that the version comes from; `came_as` is its number there.
        version: its number where it is now.
        digest: of its files, the same in both.
        again: whether it serves there since an earlier release.
    """

    source: str
    came_as: str
    version: str
    training_id: str
    digest: str
    again: bool


def release(
    product: Product, version: str | None, target: Settings, *, force: bool = False
) -> Released:
    """Copy a promoted version with its digest, gates and lineage to `target`, and promote it there.

    Killed anywhere and run again it ends as if it had not been: each step finds what is there, and
    the ledger's entry comes when all that it points to is there.

    Args:
        version: of this environment; its champion by default.
        force: although something newer was decided there.

    Raises:
        UsageError: there is nothing to release, or `target` has decided something newer, or has a
            training of this id of its own, or was reset meanwhile, or a reset or a restore there
            was cut off.
        IntegrityError: files are not those that were decided about.
        Overtaken: another decision was made there meanwhile.
        ServiceError: MLflow does not answer, here or there, or a reset or a restore goes on there.
    """
    _refuse_same(target)
    parcel = pack(product, version)
    what = f"release of {parcel.training.training_id}"
    with settings_of(target), at_work(product.name, what) as go_on:
        refuse_half_removed(product.name)
        refuse_half_restored()
        # read first: what is decided there from now on has not been thought of
        before = ledger.entries(product.name, *ledger.DECISIONS)
        served = _serves(before, parcel)
        if served is None:
            _refuse_newer(product, parcel, before, force=force)
            there, run_id = _unpack(product, parcel)
            go_on()
            ledger.record(product.name, _decision(parcel, there, run_id, before))
        else:
            there = str(served.details["version"])
            load_version(product.name, there, digest=parcel.digest)
        move_aliases(product.name)
    training_id = parcel.training.training_id
    return Released(
        parcel.source, parcel.version, there, training_id, parcel.digest, served is not None
    )


def _refuse_same(target: Settings) -> None:
    same = [
        name
        for name, one, other in (
            ("lake", settings().lake_uri, target.lake_uri),
            ("MLflow", settings().tracking_uri, target.tracking_uri),
        )
        if one_spelling(one) == one_spelling(other)
    ]
    if same:
        raise UsageError(
            f"{target.env} has the same {' and the same '.join(same)} as this environment",
            remedy=f"name one of its own in {target.environments}/{target.env}.env; to go back to "
            "an older version within one environment, promote it there",
        )


def _serves(decisions: list[Entry], parcel: Parcel) -> Entry | None:
    """Return the promotion of this very model there, if it is the champion already."""
    champion = ledger.standing(decisions).champion
    if champion is None or champion.training_id != parcel.training.training_id:
        return None
    entry = next(one for one in decisions if one.number == champion.number)
    return entry if entry.details["digest"] == parcel.digest else None


def _refuse_newer(product: Product, parcel: Parcel, decisions: list[Entry], *, force: bool) -> None:
    """Refuse what would undo a promotion, or a rejection of this model, made later than ours."""
    ours = _decided_at(parcel.decision)
    newer = [
        one
        for one in decisions
        if _decided_at(one) > ours
        and (one.event == "promoted" or one.subject == parcel.training.training_id)
    ]
    if newer and not force:
        last = newer[-1]
        raise UsageError(
            f"{product.name}: version {parcel.version} of {parcel.source} was promoted at {ours}, "
            f"and {settings().env} has {last.event} version {last.details['version']} by a newer "
            f"decision, of {_decided_at(last)} (entry {last.number} of its ledger)",
            remedy="release a newer version, or say that it shall take its place: --force",
        )


def _decided_at(entry: Entry) -> str:
    """Return when the gates decided, in UTC: of a release, where the version came from."""
    return str(entry.details.get(RELEASED, {}).get("decided_at") or entry.at)


def _unpack(product: Product, parcel: Parcel) -> tuple[str, str]:
    """Write all that a version needs, what is pointed to before what points.

    Returns:
        Its number there, and the id of its run.
    """
    training = replace(parcel.training, request=0)  # it carries out no request of this ledger
    training_id = training.training_id
    _refuse_other(product, parcel)
    folder = files_of(product.name, training_id)
    for name, content in parcel.files.items():
        if name not in (TRAINING, FITTED, JUDGEMENT):
            folder.write(name, content)
    # with the spec and the code that it was pinned with, not those of now
    folder.create(TRAINING, as_json(asdict(training)))
    run_id = runs.training_run(product, training.partition, training_id)
    write_run(run_id, parcel.run)
    model = write_model(product.name, training_id, run_id, parcel.model, parcel.digest)
    fitted = replace(parcel.fitted, run_id=run_id, model_uri=model.uri, model=model.address)
    files.save_fitted(product.name, fitted)
    tags = {key: text for key, text in parcel.tags.items() if key != DIGEST}
    there = register(product.name, model, run_id, tags)
    set_version_tags(product.name, there, {"released_from": parcel.source})
    judgement = replace(parcel.judgement, version=there)
    files.save_judgement(product.name, judgement)
    store = product_store(product.name)
    for name, content in parcel.pages.items():
        store.write(name, content)
    describe(product.name, there, _described(parcel))
    _try(product, there, parcel.digest)
    return there, run_id


def _refuse_other(product: Product, parcel: Parcel) -> None:
    """Refuse a training of the same id that was made there, or came with another model."""
    training_id = parcel.training.training_id
    pinned = files.find_training(product.name, training_id)
    fitted = files.find_fitted(product.name, training_id)
    is_ours = pinned is None or asdict(pinned) == asdict(replace(parcel.training, request=0))
    if is_ours and (fitted is None or fitted.digest == parcel.digest):
        return
    told = "" if fitted is None else f", whose model has the digest {fitted.digest[:16]}…"
    raise IntegrityError(
        f"{settings().env} has a training {training_id} of {product.name} of its own{told}; "
        f"that of {parcel.source} has {parcel.digest[:16]}…",
        remedy="a training id is one training for ever: release one that was trained under an id "
        "that is not used there",
    )


def _try(product: Product, version: str, digest: str) -> None:
    """Load the version as it will serve, and refuse it where it answers otherwise than recorded."""
    model = load_version(product.name, version, digest=digest)
    said = model.answer(model.input_example).scores
    if not np.allclose(said, model.expected, rtol=_DIGITS, atol=_DIGITS):
        raise IntegrityError(
            f"version {version} of {product.name} answers its own input example otherwise than "
            "when it was fitted",
            remedy="install the packages of the lock that it was trained with (tag lock_hash)",
        )


def _described(parcel: Parcel) -> str:
    return (
        f"Released from {parcel.source}, where it is version {parcel.version} and was promoted at "
        f"{parcel.decision.at} by {parcel.decision.who}: {parcel.decision.why}"
    )


def _decision(parcel: Parcel, there: str, run_id: str, before: list[Entry]) -> Entry:
    champion = ledger.standing(before).champion
    details = {
        **parcel.decision.details,
        "version": there,
        "run_id": run_id,
        "champion": champion.version if champion else None,
        "challenger": False,
        REQUEST: 0,
        RELEASED: {
            "from": parcel.source,
            "version": parcel.version,
            "entry": parcel.decision.number,
            "decided_at": _decided_at(parcel.decision),
            "decided_by": parcel.decision.who,
        },
    }
    return Entry(
        event="promoted",
        partition=parcel.decision.partition,
        subject=parcel.decision.subject,
        why=f"released from {parcel.source}, version {parcel.version} there: {parcel.decision.why}",
        follows=before[-1].number if before else 0,
        details=details,
    )
