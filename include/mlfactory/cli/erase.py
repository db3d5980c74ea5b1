"""What `mlfactory erase` says, asks and does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console

from mlfactory.cli.output import say
from mlfactory.erase import Erased, Found, asked_for, cut_off, erase, look_for, sealed
from mlfactory.lake.erased import erasures_and_key
from mlfactory.product.loader import Product


def erase_subject(
    product: Product,
    keys: Sequence[str],
    console: Console,
    ask: Callable[[str], bool],
    *,
    why: str,
    by: str,
    dry_run: bool = False,
    resume: bool = False,
) -> bool:
    """Say what there is of a subject, ask, and erase it; tell whether all went as it should.

    Raises:
        UsageError: see `asked_for`; or the product is being worked on.
        FactoryError: whatever `erase` raises.
    """
    erasure = cut_off(product) if resume else asked_for(product, keys, why=why, who=by)
    _show(product, look_for(product, erasure), console)
    if dry_run:
        return True
    if not resume and not ask(f"Erase this for good from {product.name}, and keep it out?"):
        return False
    done = erase(product, erasure, lambda line: say(console, f"  {line}", "dim"))
    _tell(product, done, console)
    return not done.problems


def erase_again(
    product: Product, console: Console, ask: Callable[[str], bool], *, dry_run: bool = False
) -> bool:
    """Erase all who are noted as erased and are there nevertheless, as after a restore.

    Raises:
        FactoryError: whatever `erase` raises.
    """
    noted, _ = erasures_and_key(product.name)
    there = [each for each in noted if look_for(product, each)]
    say(console, f"{product.name}: of {len(noted):,} who were erased {len(there):,} are there")
    if dry_run or not there or not ask(f"Erase them again from {product.name}?"):
        return dry_run or not there
    done = [erase(product, each, lambda line: say(console, f"  {line}", "dim")) for each in there]
    for each in done:
        _tell(product, each, console)
    return not any(each.problems for each in done)


def seal(product: Product, keys: Sequence[str], console: Console) -> None:
    """Print what the form in Airflow takes for some keys: hashes, and no value."""
    word = sealed(product.name, asked_for(product, keys, why="sealed"))
    console.print(word, soft_wrap=True, markup=False, highlight=False)


def _show(product: Product, found: Found, console: Console) -> None:
    if not found:
        say(console, f"{product.name}: nothing of this subject was found")
        return
    say(console, f"{product.name} has of this subject:")
    for table, rows in found.counts.items():
        keys = list(found.rows[table])
        where = keys[0] if len(keys) == 1 else f"{len(keys):,} partitions, {keys[0]} to {keys[-1]}"
        say(console, f"  {table}: {_count(rows, 'row')} in {where}")
    for table, files in found.old.items():
        say(console, f"  {table}: {_count(files, 'file')} of old versions")
    for name, files in found.files.items():
        say(console, f"  {name}: {files:,}")
    if found.rows or found.old:
        say(
            console,
            "what was built of these rows is built again; old versions of these tables and of "
            "those built of them go as a whole, so no training can be run again on them",
        )


def _tell(product: Product, done: Erased, console: Console) -> None:
    say(console, f"erased from {product.name} (entry {done.entry} of the ledger, {done.id})")
    for problem in done.problems:
        say(console, f"not built again, and removed whole: {problem}", "yellow")
    if done.trained:
        models = [
            f"version {each.version} ({each.training_id})" if each.version else each.training_id
            for each in done.trained
        ]
        say(console, f"trained on data with these rows: {', '.join(models)}")
    if done.asked:
        say(console, f"training: {done.asked}")
    say(console, "backups made before still have them: see docs/erasure.md")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
