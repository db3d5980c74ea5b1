"""What `mlfactory erase` says, asks and does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.console import Console

from mlfactory.cli.output import say
from mlfactory.erase import Erased, Found, asked_for, cut_off, erase, look_for, named, sealed
from mlfactory.lake.erased import erasures_and_key
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product


def refuse_unused(
    keys: Sequence[str], why: str, by: str, *, seal: bool, resume: bool, again: bool
) -> None:
    """Make sure that nothing is given which would be passed over.

    Raises:
        UsageError: something is.
    """
    words = {"--resume": resume, "--again": again, "--seal": seal}
    modes = [word for word, given in words.items() if given]
    if len(modes) > 1:
        raise UsageError(
            f"{' and '.join(modes)} do not go together", remedy="give one of them at a time"
        )
    if resume and (keys or why or by):
        raise UsageError(
            "--resume goes on with what was asked for: who, why and by whom are noted",
            remedy="leave --key, --why and --by out",
        )
    if again and keys:
        raise UsageError(
            "--again is about all who were erased before, and --key names one",
            remedy="leave --key out; or leave --again out to erase this one",
        )


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
    force: bool = False,
) -> bool:
    """Say what there is of a subject, ask, and erase it; tell whether all went as it should.

    Args:
        force: see `mlfactory.erase.erase`.

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
    done = erase(product, erasure, lambda line: say(console, f"  {line}", "dim"), force=force)
    _tell(product, done, console)
    return not done.problems


def erase_again(
    product: Product,
    console: Console,
    ask: Callable[[str], bool],
    *,
    why: str = "",
    by: str = "",
    dry_run: bool = False,
    force: bool = False,
) -> bool:
    """Erase all who are noted as erased and are there nevertheless, as after a restore.

    Args:
        why: this time; the reason of the first time by default.
        by: who asked for it this time.
        force: see `mlfactory.erase.erase`.

    Raises:
        FactoryError: whatever `erase` raises.
    """
    noted, _ = erasures_and_key(product.name)
    there = [each for each in noted if look_for(product, each)]
    say(console, f"{product.name}: of {len(noted):,} who were erased {len(there):,} are there")
    if dry_run or not there or not ask(f"Erase them again from {product.name}?"):
        return dry_run or not there
    is_whole = True
    for each in there:
        asked = replace(each, why=why or each.why, who=by)
        done = erase(product, asked, lambda line: say(console, f"  {line}", "dim"), force=force)
        _tell(product, done, console)
        is_whole = is_whole and not done.problems
    return is_whole


def seal(product: Product, keys: Sequence[str], console: Console) -> None:
    """Print what the form in Airflow takes for some keys: hashes, and no value."""
    word = sealed(product.name, named(product, keys))
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
