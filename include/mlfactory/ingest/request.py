"""What is asked of a source: its rows of one partition, with the columns that must be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlfactory.lake.catalog import EMPTY, RAW_HELPERS
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product
from mlfactory.product.mistakes import TOLD, listed, nearest
from mlfactory.product.own_rules import columns_named
from mlfactory.product.partitions import Partition
from mlfactory.product.sources import Source

_RESERVED = frozenset(RAW_HELPERS)
_ASKS_WHETHER_IT_EXISTS = "expect_column_to_exist"
_NAMES_ONE = ("column", "column_A", "column_B")
_NAMES_MANY = ("column_list", "column_set")
_LANDED = "landed in other partitions"


@dataclass(frozen=True)
class Request:
    """The rows of `source` that lie in `partition`; a source without event time gives all of them.

    Attributes:
        needed: the columns that must be there, and what each is needed for.
        guards: whether every column that `pii` names must be there: under another name it would
            come in as it is.
        left_out: files that are not read, by address.
    """

    product: Product
    name: str
    source: Source
    partition: Partition
    needed: Mapping[str, str]
    guards: bool = True
    left_out: frozenset[str] = frozenset()

    @property
    def where(self) -> str:
        """Return what every error of the source begins with."""
        return f"{self.product.name}.{self.name}, partition {self.partition}"

    @property
    def reset(self) -> str:
        """Return the command that lets the source start over."""
        return f"mlfactory reset {self.product.name} --source {self.name}"

    def check(self, columns: Sequence[str], place: str) -> None:
        """Make sure that `columns`, found at `place`, can be landed.

        Raises:
            ContractError: if a needed column is missing, one stands twice, or has a name that the
                lake keeps for itself.
        """
        twice = sorted(name for name, times in Counter(columns).items() if times > 1)
        if twice:
            raise ContractError(
                f"{self.where}: {place} has the column {self._shown(twice[0])} more than once",
                remedy="give each column a name of its own",
            )
        alike = _alike(columns)
        if alike:
            raise ContractError(
                f"{self.where}: {place} has the columns {self._shown(alike[0])} and "
                f"{self._shown(alike[1])}; the lake does not tell apart what differs only in case",
                remedy="rename one of them at its source",
            )
        reserved = sorted(name for name in columns if name in _RESERVED or name.startswith(EMPTY))
        if reserved:
            raise ContractError(
                f"{self.where}: {place} has a column '{reserved[0]}', and the lake keeps that name "
                "for itself",
                remedy="rename the column at its source",
            )
        declared = self.source.declared
        unknown = [name for name in columns if name not in declared]
        if unknown and self.source.columns == "strict":
            named = f"{len(unknown)} of them" if self.source.pii else listed(unknown)
            raise ContractError(
                f"{self.where}: {place} has columns that nobody declared: {named}, and "
                f"sources.{self.name}.columns is strict",
                remedy=f"declare each in sources.{self.name}: in types (its type), or in pii (hash "
                "or drop)",
            )
        given = set(columns)
        missing = [name for name in self.needed if name not in given]
        if missing:
            named = "; ".join(
                f"'{name}' ({self.needed[name]}){nearest(name, columns)}" for name in missing[:TOLD]
            )
            if len(missing) > TOLD:
                named += f"; and {len(missing) - TOLD:,} more"
            raise ContractError(
                f"{self.where}: {place} lacks the column {named}. {self._has(columns)}",
                remedy=self._remedy(missing) + _other_delimiter(columns),
            )

    def _shown(self, column: str) -> str:
        """Return a column's name; of a file that lost its header it may be somebody's."""
        if self.source.pii and column not in self.source.declared:
            return "of a name that is not declared"
        return f"'{column}'"

    def _has(self, columns: Sequence[str]) -> str:
        """Return what columns there are; a file that lost its header has a row in their place."""
        if not self.source.pii:
            return f"It has {listed(columns)}"
        known = [name for name in columns if name in self.source.declared]
        own = len(columns) - len(known)
        return f"It has {listed(known) or 'none'}, and {own} that the source does not declare"

    def _remedy(self, missing: Sequence[str]) -> str:
        landed = [name for name in missing if self.needed[name] == _LANDED]
        remedies = []
        if len(landed) < len(missing):
            remedies.append(
                "ask for the file with its columns, or change product.yaml to what it has"
            )
        if landed:
            remedies.append(
                f"add the column {listed(landed)} to the file (it may be empty), or let the source "
                f"start over without it: {self.reset}"
            )
        return "; ".join(remedies)


@dataclass(frozen=True)
class FileRequest(Request):
    """The request for all rows of files, whatever their times."""

    @property
    def where(self) -> str:
        """Return what every error of the source begins with."""
        return f"{self.product.name}.{self.name}"


def request_for(
    product: Product,
    name: str,
    partition: Partition,
    standing: Sequence[str],
    left_out: Collection[str] = (),
    kind: type[Request] = Request,
) -> Request:
    """Return the request for a source whose table already has the columns `standing`."""
    needed: dict[str, str] = {}
    for column, reason in _reasons(product, name, standing):
        needed.setdefault(column, reason)
    source = product.spec.sources[name]
    return kind(product, name, source, partition, needed, left_out=frozenset(left_out))


def _reasons(product: Product, name: str, standing: Sequence[str]) -> Iterator[tuple[str, str]]:
    source = product.spec.sources[name]
    if source.event_time:
        yield source.event_time, "its event_time"
    for column in source.key:
        yield column, "part of its key"
    for column in source.types:
        yield column, f"declared in sources.{name}.types"
    if product.spec.tells_labels(name):
        label, features = product.spec.label, product.spec.features
        for place, column in label.needs(features.key, features.event_time).items():
            yield column, f"label.from.{place}"
    for rule in product.spec.expect.sources.get(name, ()):
        if rule.type == _ASKS_WHETHER_IT_EXISTS:
            continue
        named = [rule.arguments[key] for key in _NAMES_ONE if key in rule.arguments]
        for key in _NAMES_MANY:
            named += list(rule.arguments.get(key) or ())
        named += columns_named(rule.type, rule.arguments)
        for column in named:
            yield str(column), f"checked by {rule.type}"
    for column in standing:
        if column not in _RESERVED:
            yield column, _LANDED


def _alike(columns: Sequence[str]) -> tuple[str, str] | None:
    """Return two columns whose names differ only in case, None if there are none."""
    seen: dict[str, str] = {}
    for name in columns:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            return other, name
    return None


def _other_delimiter(columns: Sequence[str]) -> str:
    found = [mark for mark in (";", "\t", "|", ",") if len(columns) == 1 and mark in columns[0]]
    return f"; is its delimiter {found[0]!r}?" if found else ""
