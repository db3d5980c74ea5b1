"""The files of a training in the lake: written whole, read back into their types."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

import pandas as pd

from mlfactory.lake.catalog import TRAININGS, training_file
from mlfactory.lake.store import Store, as_json, find_json, product_store, write_json
from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.product.loader import SPEC_FILE, Product
from mlfactory.statistics.naive import Naive
from mlfactory.statistics.profile import Profile
from mlfactory.trainings.records import Fitted, Judgement, Search, Threshold, Training, Trial

TRAINING, FITTED, JUDGEMENT = "training.json", "fit.json", "gates.json"
PROFILE, FIT_KEYS = "profile.npz", "fit_keys.parquet"

_Record = TypeVar("_Record")


def files_of(product: str, training_id: str) -> Store:
    """Return the store of a training's files.

    Raises:
        UsageError: if the id leads out of the product's folder.
    """
    return product_store(product).below(training_file(training_id, "x").removesuffix("/x"))


def pin(training: Training, product: Product) -> Training:
    """Write what was pinned, the spec and the code it was pinned with; return what stands.

    Of two that pin the same id at once, the first one's is what both of them get.
    """
    files = files_of(training.product, training.training_id)
    for name, content in spec_files(product).items():
        files.write(name, content)
    if files.create(TRAINING, as_json(asdict(training))):
        return training
    return load_training(training.product, training.training_id)


def spec_files(product: Product) -> dict[str, bytes]:
    """Return the product's spec and Python files, by the names they are kept under."""
    code = {f"spec/{name}": content for name, content in product.code.items()}
    return {f"spec/{product.name}/{SPEC_FILE}": product.spec_text.encode(), **code}


def find_training(product: str, training_id: str) -> Training | None:
    """Return a training that was pinned, None if there is none of this id."""
    return _found(product, training_id, TRAINING, _training)


def trainings_of(product: str) -> list[Training]:
    """Return all trainings of a product that were pinned, by their ids."""
    names = product_store(product).list(TRAININGS)
    ids = [name.split("/")[1] for name in names if name.endswith(f"/{TRAINING}")]
    found = [find_training(product, training_id) for training_id in ids]
    return [training for training in found if training is not None]


def load_training(product: str, training_id: str) -> Training:
    """Return a training that was pinned.

    Raises:
        UsageError: if there is none of this id.
    """
    training = find_training(product, training_id)
    if training is None:
        raise UsageError(
            f"product {product} has no training '{training_id}'",
            remedy="its first stage is snapshot; run that one before the others",
        )
    return training


def save_trial(training: Training, candidate: str, trial: Trial) -> None:
    """Write a trial as soon as it is done, so that a search cut short goes on after it."""
    name = f"trials/{candidate}/{trial.number:05d}.json"
    write_json(files_of(training.product, training.training_id), name, _trial_json(trial))


def trials_done(training: Training, candidate: str) -> tuple[Trial, ...]:
    """Return the trials of a candidate that were done, without a gap, in their order."""
    files = files_of(training.product, training.training_id)
    names = files.list(f"trials/{candidate}")
    done = [_trial(find_json(files, name) or {}) for name in names]
    return tuple(trial for place, trial in enumerate(done, start=1) if trial.number == place)


def save_search(training: Training, found: Search) -> None:
    """Write what a search found; a search with this file is done."""
    content = {
        **asdict(found),
        "trials": [_trial_json(trial) for trial in found.trials],
        "best": _trial_json(found.best),
    }
    files = files_of(training.product, training.training_id)
    write_json(files, _search_file(found.candidate), content)


def search_of(training: Training, candidate: str) -> Search | None:
    """Return the search of a candidate, None if it was not done yet."""
    return _found(training.product, training.training_id, _search_file(candidate), _search)


def all_searches(training: Training) -> tuple[Search, ...]:
    """Return the search of every candidate, in the order of the training's candidates.

    Raises:
        UsageError: if one was not searched yet.
    """
    searches = []
    for candidate in training.candidates:
        found = search_of(training, candidate)
        if found is None:
            raise UsageError(
                f"training {training.training_id}: candidate {candidate} was not searched yet",
                remedy="run search for it before fit",
            )
        searches.append(found)
    return tuple(searches)


def save_fitted(product: str, fitted: Fitted) -> None:
    """Write what was fitted; a training with this file is done."""
    content = _without_nan(asdict(fitted))
    write_json(files_of(product, fitted.training_id), FITTED, content)


def find_fitted(product: str, training_id: str) -> Fitted | None:
    """Return what a training fitted, None if it has not come to its end."""
    return _found(product, training_id, FITTED, _fitted)


def load_fitted(product: str, training_id: str) -> Fitted:
    """Return what a training fitted.

    Raises:
        UsageError: if it was not fitted to its end.
    """
    fitted = find_fitted(product, training_id)
    if fitted is None:
        raise UsageError(
            f"product {product}: training '{training_id}' was not fitted to its end",
            remedy="run stage fit of this training first",
        )
    return fitted


def save_judgement(product: str, judgement: Judgement) -> None:
    """Write how a training's model was judged."""
    content = _without_nan(asdict(judgement))
    write_json(files_of(product, judgement.training_id), JUDGEMENT, content)


def load_judgement(product: str, training_id: str) -> Judgement:
    """Return how a training's model was judged.

    Raises:
        UsageError: if it was not judged.
    """
    found = _found(product, training_id, JUDGEMENT, _judgement)
    if found is None:
        raise UsageError(
            f"product {product}: training '{training_id}' was not judged",
            remedy="run stage judge of this training first",
        )
    return found


def save_frame(product: str, training_id: str, name: str, frame: pd.DataFrame) -> None:
    """Write a table of a training, as Parquet without its index."""
    content = io.BytesIO()
    frame.to_parquet(content, index=False)
    files_of(product, training_id).write(name, content.getvalue())


def load_frame(product: str, training_id: str, name: str) -> pd.DataFrame:
    """Return a table of a training.

    Raises:
        Absent: there is no such table.
        IntegrityError: it was damaged.
    """
    files = files_of(product, training_id)
    content = files.read(name)
    try:
        return pd.read_parquet(io.BytesIO(content))
    except (OSError, ValueError) as error:
        raise IntegrityError(
            f"{files.address(name)} was damaged: {error}",
            remedy="put it back from a copy, or train again",
        ) from error


def save_profile(product: str, training_id: str, profile: Profile) -> None:
    """Write the profile of the rows that were fitted on."""
    files_of(product, training_id).write(PROFILE, profile.to_bytes())


def load_profile(product: str, training_id: str) -> Profile:
    """Return the profile of the rows that a training was fitted on.

    Raises:
        Absent: the training has none.
        IntegrityError: it was damaged.
    """
    files = files_of(product, training_id)
    content = files.read(PROFILE)
    try:
        return Profile.from_bytes(content)
    except ValueError as error:
        raise IntegrityError(
            f"{files.address(PROFILE)} was damaged: {error}",
            remedy="put it back from a copy, or train again",
        ) from error


def _found(
    product: str, training_id: str, name: str, read: Callable[[Mapping[str, Any]], _Record]
) -> _Record | None:
    files = files_of(product, training_id)
    content = find_json(files, name)
    if content is None:
        return None
    try:
        return read(content)
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"{files.address(name)} was damaged, or written by another revision of the factory: "
            f"{type(error).__name__}: {error}",
            remedy="train again, under an id of its own",
        ) from error


def _training(content: Mapping[str, Any]) -> Training:
    return Training(
        **_tuples(content, "fit_partitions", "holdout_partitions", "candidates", "left_out")
    )


def _trial(content: Mapping[str, Any]) -> Trial:
    score = content["score"]
    made = {
        **content,
        "score": math.nan if score is None else float(score),
        "threshold": _threshold(content),
    }
    return Trial(**made)


def _threshold(content: Mapping[str, Any]) -> Threshold | None:
    found = content["threshold"]
    return None if found is None else Threshold(**found)


def _trial_json(trial: Trial) -> dict[str, Any]:
    content: dict[str, Any] = _without_nan(asdict(trial))
    return content


def _search(content: Mapping[str, Any]) -> Search:
    trials = tuple(_trial(trial) for trial in content["trials"])
    plain = {one.name: content[one.name] for one in fields(Search)}
    return Search(**{**plain, "trials": trials})


def _fitted(content: Mapping[str, Any]) -> Fitted:
    made = _tuples(content, "slices", "importance", "classes")
    naive, threshold = Naive(**content["naive"]), _threshold(content)
    return Fitted(**{**made, "naive": naive, "threshold": threshold})


def _judgement(content: Mapping[str, Any]) -> Judgement:
    return Judgement(**_tuples(content, "gates"))


def _tuples(content: Mapping[str, Any], *names: str) -> dict[str, Any]:
    lists = {name: tuple(content[name]) for name in names if content[name] is not None}
    return {**content, **lists}


def _search_file(candidate: str) -> str:
    return f"search-{candidate}.json"


def _without_nan(content: Any) -> Any:
    """Return the content with None for what is undefined, which JSON has no word for."""
    if isinstance(content, Mapping):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
