"""What `mlfactory profile` does: it drafts rules from the partitions that have landed."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from mlfactory.cli.local_files import write_text
from mlfactory.cli.output import say
from mlfactory.cli.timeline import last_profile
from mlfactory.lake.catalog import FEATURES, profile_page, raw
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.profiles.kept import profiled_keys

FILE = "expect.suggested.yaml"


NEWEST = "newest"


def write_profile_page(product: Product, key: str, console: Console) -> None:
    """Write the profile page of a partition anew, of what is known of it, and tell where it is.

    Args:
        key: of the partition, or `newest`: the newest that was profiled.

    Raises:
        UsageError: if there is no such partition, or nothing is known of it.
    """
    from mlfactory.profiles.page import write_page

    known = {
        each
        for table in (FEATURES, *map(raw, product.spec.sources))
        for each in profiled_keys(product, table)
    }
    if not known:
        raise UsageError(
            f"{product.name}: no partition was profiled yet",
            remedy=f"mlfactory run {product.name} KEY",
        )
    partition = product.calendar.parse(max(known) if key == NEWEST else key)
    if partition.key not in known:
        raise UsageError(
            f"{product.name}, partition {partition}: nothing is known of it",
            remedy=f"mlfactory run {product.name} {partition}; those from {min(known)} to "
            f"{max(known)} were profiled",
        )
    address = product_store(product.name).address(write_page(product, partition))
    say(console, f"{product.name} {partition}: {address}")


def write_profile(product: Product, partitions: int, out: Path | None, console: Console) -> None:
    """Write rules that the first partitions keep, each with its evidence, for somebody to review.

    Args:
        partitions: how many of those that have landed are looked at, the oldest.
        out: the file; `expect.suggested.yaml` beside product.yaml by default.

    Raises:
        UsageError: if nothing has landed, or the file cannot be written.
    """
    from mlfactory.validate.suggest import as_yaml, suggest

    lake = Lake(product.name)
    found = {}
    looked_at: set[str] = set()
    for name in product.spec.sources:
        keys = lake.partitions(raw(name))[:partitions]
        looked_at.update(keys)
        with console.status(f"{product.name}.{name}: {len(keys)} partitions"):
            if rules := suggest(product, name, keys) if keys else []:
                found[name] = rules
    if not looked_at:
        raise UsageError(
            f"{product.name}: nothing has landed yet, so nobody knows what its data is like",
            remedy=f"mlfactory run {product.name} KEY --stage ingest for a few partitions",
        )
    if (newest := last_profile(product)) is not None:
        address = product_store(product.name).address(profile_page(newest))
        say(console, f"{product.name}: what its columns are like, and what changed: {address}")
    count = sum(map(len, found.values()))
    if not count:
        say(console, f"{product.name}: nothing to add to the rules that product.yaml has")
        return
    file = out or product.folder / FILE
    about = (
        f"Rules that {product.name} kept from {min(looked_at)} to {max(looked_at)}, drafted by",
        f"`mlfactory profile {product.name}`. Read each, keep what has a reason, and move it into",
        "the section expect of product.yaml; this file is read by nobody.",
    )
    write_text(file, as_yaml(found, about))
    say(console, f"{product.name}: {count} rules suggested, with their evidence: {file}")
