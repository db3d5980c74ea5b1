"""The index of features: what each is made of, by whom, and which versions of the model use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from mlfactory.lake import ledger
from mlfactory.product.errors import UsageError
from mlfactory.product.history import Figure, Joined, Windows, named, short
from mlfactory.product.loader import SPEC_FILE, Product
from mlfactory.product.spec import ProductSpec
from mlfactory.product.yaml12 import Loader
from mlfactory.trainings.files import files_of

Kind = Literal["numeric", "categorical", "sensitive"]
KINDS: tuple[Kind, ...] = ("numeric", "categorical", "sensitive")

GONE = "not in product.yaml any more"
_USING = ("promoted", "rejected")


@dataclass(frozen=True)
class Feature:
    """A line of the index.

    Attributes:
        made: of what: what the spec declares of which source, in words; of all else the function
            that makes it, whose sources nobody knows.
        versions: of the model that are given it, oldest first, with what they are: `3 (champion)`.
    """

    product: str
    name: str
    kind: Kind
    made: str
    owner: str
    description: str
    versions: tuple[str, ...]


def features_of(product: Product) -> list[Feature]:
    """Return the features of a product, in the order of its spec, and then those of old versions.

    A sensitive one is given to no version.
    """
    spec = product.spec
    made = dict(_declared(spec))
    using = _using(product)
    found = []
    for kind in KINDS:
        for name in getattr(spec.features, kind):
            found.append(_feature(product, name, kind, made.get(name, spec.features.build), using))
    known = {feature.name for feature in found}
    for kind in KINDS[:2]:
        old = dict.fromkeys(name for inputs in using.values() for name in inputs.get(kind, ()))
        found += [_feature(product, name, kind, GONE, using) for name in old if name not in known]
        known.update(old)
    return found


def _feature(
    product: Product,
    name: str,
    kind: Kind,
    made: str,
    using: Mapping[str, Mapping[Kind, Sequence[str]]],
) -> Feature:
    versions = tuple(
        version
        for version, inputs in using.items()
        if any(name in inputs.get(each, ()) for each in KINDS[:2])
    )
    spec = product.spec
    description = spec.features.describe.get(name, "")
    return Feature(product.name, name, kind, made, spec.owner.team, description, versions)


def _declared(spec: ProductSpec) -> Iterator[tuple[str, str]]:
    """Yield what the features that the spec declares are made of, by their names."""
    for joined in spec.features.joined:
        for name, column in joined.make.items():
            yield name, _joined_in_words(joined, column)
    for windows in spec.features.windows:
        for name, figure in windows.make.items():
            for over in windows.over:
                words = f"{_figure_in_words(windows, figure)}, {short(over)}{_late(windows)}"
                yield named(name, over), words


def _joined_in_words(joined: Joined, column: str) -> str:
    return f"newest {joined.source}.{column}{_key(joined)}{_late(joined)}"


def _figure_in_words(windows: Windows, figure: Figure) -> str:
    of = f"{windows.source}.{figure.of}" if figure.of else windows.source
    met = " and ".join(
        f"{name.replace('_', ' ')} {_plain(value)}" for name, value in figure.conditions.items()
    )
    drawn = f", prior {figure.prior:g}" if figure.prior else ""
    return f"{figure.how} of {of}{' ' + met if met else ''}{_key(windows)}{drawn}"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _key(declared: Joined | Windows) -> str:
    columns = [
        of_event if of_event == of_rows else f"{of_event}={of_rows}"
        for of_event, of_rows in declared.by.items()
    ]
    return f" by {', '.join(columns)}" if columns else ""


def _late(declared: Joined | Windows) -> str:
    return f", known after {short(declared.known_after)}" if declared.known_after else ""


def _using(product: Product) -> dict[str, dict[Kind, Sequence[str]]]:
    """Return which features each judged version was trained with, by the version and its role."""
    decided = ledger.entries(product.name, *ledger.DECISIONS)
    stands = ledger.standing(decided)
    roles = {
        reign.version: role
        for role in ("previous", "challenger", "champion")
        if (reign := getattr(stands, role)) is not None
    }
    found: dict[str, dict[Kind, Sequence[str]]] = {}
    for entry in decided:
        version = str(entry.details.get("version", ""))
        if entry.event not in _USING or not version:
            continue
        said = f"{version} ({roles[version]})" if version in roles else version
        # one that is promoted again, by a rollback, was trained once
        if inputs := _inputs(product.name, entry.subject):
            found[said] = inputs
    return found


def _inputs(product: str, training_id: str) -> dict[Kind, Sequence[str]]:
    """Return the features that stand in the spec that a training was pinned with.

    That may be one that this revision would no longer take: only the names are looked at.
    """
    try:
        content = files_of(product, training_id).find(f"spec/{product}/{SPEC_FILE}")
        spec: Any = yaml.load(content or b"", Loader)  # noqa: S506 a safe one, see yaml12
        features = spec["features"]
        return {kind: [str(each) for each in features.get(kind, ())] for kind in KINDS}
    except (UsageError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}
