"""From a folder with `product.yaml` to a `Product`, or to every mistake in it at once."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mlfactory.product.consistency import inconsistencies
from mlfactory.product.digest import digest_of_code
from mlfactory.product.document import Document, read_document
from mlfactory.product.errors import BuildError, Mistake, SpecError, UsageError
from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.partitions import Calendar, Partition
from mlfactory.product.rules.advice import advice
from mlfactory.product.shared import code_files
from mlfactory.product.spec import ProductSpec
from mlfactory.settings import settings

SPEC_FILE = "product.yaml"

_ROUNDS = 4
"""How often badly typed parts are taken out to find what else is wrong; one uncovers another."""


@dataclass(frozen=True)
class Product:
    """A product whose files have been read and found right."""

    spec: ProductSpec
    folder: Path
    spec_text: str = ""
    """What `product.yaml` said when it was read, comments and all."""
    warnings: tuple[Mistake, ...] = ()
    """What the spec may say and will be surprised by."""

    @property
    def name(self) -> str:
        """Return the product's name, which is its folder's."""
        return self.spec.name

    @cached_property
    def calendar(self) -> Calendar:
        """Return the calendar of the product's partitions."""
        return self.spec.partition.calendar

    def newest_due(self, now: datetime) -> Partition:
        """Return the newest partition whose run on schedule has begun at `now`."""
        return self.calendar.newest_over(now - self.spec.runs_after)

    @cached_property
    def spec_hash(self) -> str:
        """Return a digest of what the spec says, whatever its layout and comments."""
        content = json.dumps(self.spec.model_dump(mode="json", by_alias=True), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @cached_property
    def code(self) -> dict[str, bytes]:
        """Return the product's Python files and those of the shared packages they import.

        By their place below the folder of products: `rain/features.py`, `_shared/columns.py`.
        """
        try:
            return code_files(self.folder)
        except OSError as error:
            raise BuildError(
                f"{error.filename} cannot be read: {error.strerror}",
                remedy="let the user that runs the factory read it",
            ) from error

    @cached_property
    def code_hash(self) -> str:
        """Return a digest of what the product's code runs, shared packages and all.

        Whatever its comments and layout, see `digest_of_code`.
        """
        return digest_of_code(self.code)


def product_folders(root: Path | None = None) -> list[Path]:
    """Return the folders below `root` that hold a spec, sorted by name."""
    return sorted(path.parent for path in (root or settings().products).glob(f"*/{SPEC_FILE}"))


def find_folder(name: str, root: Path | None = None) -> Path | None:
    """Return the folder of the product called `name`, None if there is none; looks at no other."""
    folder = (root or settings().products) / name
    # a name is a word: whatever else is asked for may lead anywhere
    return folder if name.isidentifier() and (folder / SPEC_FILE).is_file() else None


def load_product(name: str, root: Path | None = None) -> Product:
    """Return the product called `name`.

    Raises:
        UsageError: if there is no such product.
        SpecError: if its files are wrong; carries every mistake.
    """
    root = root or settings().products
    folder = find_folder(name, root)
    if folder is None:
        names = [folder.name for folder in product_folders(root)]
        raise UsageError(
            f"there is no product '{name}' in {root}{nearest(name, names)}",
            remedy=f"there are {names}" if names else f"make {root}/{name}/{SPEC_FILE}",
        )
    return load_folder(folder)


def load_products(root: Path | None = None) -> tuple[list[Product], list[SpecError]]:
    """Return the products that can be used, and the errors of those that cannot."""
    products, errors = [], []
    for folder in product_folders(root):
        try:
            products.append(load_folder(folder))
        except SpecError as error:
            errors.append(error)
    return products, errors


def load_folder(folder: Path) -> Product:
    """Return the product in `folder`.

    Raises:
        SpecError: if its files are wrong; carries every mistake.
    """
    try:
        return _load(folder)
    except SpecError:
        raise
    except Exception as error:
        # whatever a product's files make the reading of them raise is about this product alone
        told = f"cannot be read: {type(error).__name__}: {error}"
        raise SpecError(folder.name, [Mistake(folder / SPEC_FILE, 0, "", told)]) from error


def _load(folder: Path) -> Product:
    document = read_document(folder / SPEC_FILE)
    if document.content is None:
        raise SpecError(folder.name, document.mistakes)
    mistakes = list(document.mistakes)
    try:
        spec = ProductSpec.model_validate(document.content)
    except ValidationError as error:
        mistakes += _mistakes(document, error)
        mistakes += _inconsistencies_of_the_rest(document, error, folder)
        raise SpecError(folder.name, mistakes) from None
    mistakes += _located(document, inconsistencies(spec, folder))
    if mistakes:
        raise SpecError(folder.name, mistakes)
    return Product(spec, folder, document.text, tuple(_located(document, advice(spec))))


def mistakes_at(product: Product, found: Iterable[Found]) -> list[Mistake]:
    """Return what was found about a product with its places in `product.yaml`."""
    return _located(read_document(product.folder / SPEC_FILE), found)


def _located(document: Document, found: Iterable[Found]) -> list[Mistake]:
    return [
        Mistake(document.file, document.line(path), document.key(path), message)
        for path, message in found
    ]


def _inconsistencies_of_the_rest(
    document: Document, error: ValidationError, folder: Path
) -> list[Mistake]:
    """Check what is left when the badly typed parts are taken out, to report all at once."""
    content = copy.deepcopy(document.content)
    wrong: set[int] = set()
    rest = None
    for _ in range(_ROUNDS):
        details = error.errors(include_url=False)
        wrong |= {document.line(tuple(detail["loc"])) for detail in details}
        for detail in details:
            _take_out(content, tuple(detail["loc"]))
        try:
            rest = ProductSpec.model_validate(content)
            break
        except ValidationError as next_error:
            error = next_error
    if rest is None:
        return []
    found = _located(document, inconsistencies(rest, folder))
    return [mistake for mistake in found if mistake.line not in wrong]


def _take_out(content: Any, path: tuple[str | int, ...]) -> None:
    """Remove what `path` leads to; a place in a list takes the whole list along."""
    holder, name, node = None, "", content
    for part in path:
        if isinstance(node, dict) and part in node:
            holder, name, node = node, str(part), node[part]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
    if holder is not None:
        holder.pop(name, None)


def _mistakes(document: Document, error: ValidationError) -> Iterator[Mistake]:
    for detail in error.errors(include_url=False):
        path = tuple(detail["loc"])
        key = document.key(path)
        if detail["type"] == "missing":
            key = f"{key}.{path[-1]}" if key else str(path[-1])
        yield Mistake(document.file, document.line(path), key, _explain(detail, path))


def _explain(detail: ErrorDetails, path: tuple[str | int, ...]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        name, valid = str(path[-1]), sorted(_keys_beside(path))
        return f"is not a key here{nearest(name, valid)}; there are {valid}"
    if kind == "missing":
        return "is missing"
    if kind == "union_tag_not_found":
        example = "{metric: roc_auc, at_least: 0.6}" if "gates" in path else "{drift: alert}"
        given = "nothing" if detail["input"] is None else f"'{str(detail['input'])[:80]}'"
        return f"expected keys and values, like {example}, got {given}"
    if kind in ("literal_error", "union_tag_invalid"):
        context: dict[str, Any] = detail.get("ctx", {})
        expected = str(context.get("expected") or context.get("expected_tags"))
        given = context.get("tag", detail["input"])
        words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
        return f"expected {expected}, got '{given}'{nearest(str(given), words)}"
    message = detail["msg"].removeprefix("Value error, ")
    if "got '" in message:
        return message
    given = detail["input"]
    return f"{message}, got '{given}'" if isinstance(given, str | int | float) else message


def _keys_beside(path: tuple[str | int, ...]) -> set[str]:
    """Return the valid keys of the model that `path` leads into, found by walking the schema."""
    schema = ProductSpec.model_json_schema(by_alias=True)
    nodes = [schema]
    for part in path[:-1]:
        nodes = [deeper for node in nodes for deeper in _deeper(node, part, schema)] or nodes
    return {key for node in nodes for key in node.get("properties", {})}


def _deeper(
    node: dict[str, Any], part: str | int, schema: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    properties = node.get("properties", {})
    if isinstance(part, int):
        found = node.get("items")
    elif part in properties:
        found = properties[part]
    elif isinstance(node.get("additionalProperties"), dict):
        found = node["additionalProperties"]
    elif "patternProperties" in node:
        found = next(iter(node["patternProperties"].values()))
    else:
        # the tag of a union: its models are told apart by the keys they have in common with it
        found = None
        if node.get("discriminator", {}).get("mapping", {}).get(part):
            found = {"$ref": node["discriminator"]["mapping"][part]}
    if found is not None:
        yield from _resolved(found, schema)


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    for option in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _resolved(option, schema)
    yield node


def schema_of(model: type[BaseModel] = ProductSpec) -> dict[str, Any]:
    """Return the JSON Schema of a spec, for editors that check and complete YAML."""
    schema = model.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
