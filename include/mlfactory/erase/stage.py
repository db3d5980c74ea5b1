"""The erasure of one subject from a product, from the first note to the entry in the ledger.

First it is noted who may not come in again, and that an erasure is under way, which keeps all other
work away. Then rows go, and what was made of them is made again; then old versions of the tables
that had them. Every step does only what is left to do, so that an erasure which was cut off is run
again. The ledger's entry comes last: it says what is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from mlfactory.erase import derived, files, told, trained
from mlfactory.erase.landed import is_there, land_without
from mlfactory.erase.retraining import ask_for_training
from mlfactory.erase.search import Found, look_for
from mlfactory.erase.shown import forget_shown, show_again
from mlfactory.erase.spelled import with_spellings
from mlfactory.erase.trained import Trained
from mlfactory.lake.catalog import ERASURE, METRICS, REPORTS, SUMMARIES, erasure_file, rows_of
from mlfactory.lake.erased import Erasure
from mlfactory.lake.erasing import Deed, erasing
from mlfactory.lake.ledger import Entry, entries, record
from mlfactory.lake.old_versions import forget_old_versions, tables_of
from mlfactory.lake.store import find_json, product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

_PLAN = erasure_file("plan.json")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Erased:
    """What was erased.

    Attributes:
        counts: rows by table, and what else had some.
        partitions: that were made again of what is left.
        trained: the trainings whose data had rows of the subject, or may have had.
        problems: of partitions that could not be made again: what was made of them is gone whole.
        entry: number of the ledger's entry.
        asked: why another training was asked for, or refused; empty where nothing asks for one.
    """

    id: str
    counts: dict[str, int]
    partitions: tuple[str, ...]
    trained: tuple[Trained, ...]
    problems: tuple[str, ...]
    entry: int
    asked: str = ""


@dataclass(frozen=True)
class _Plan:
    """What was found before anything went."""

    id: str
    counts: dict[str, int]
    touched: list[str]
    validated: list[str]
    built: list[str]
    tables: list[str]
    trained: list[dict[str, str]]


def erase(
    product: Product, erasure: Erasure, tell: Tell = lambda _: None, *, force: bool = False
) -> Erased:
    """Remove a subject from all that the lake keeps of a product, and keep it from coming back.

    Args:
        erasure: as `asked_for` gives it.
        tell: is told what is being done.
        force: take for killed what is noted as under way, also where nobody can tell from here.

    Raises:
        UnderWay: the product is being worked on, or rid of a subject already.
        UsageError: another removal was cut off.
        ServiceError: a restore is under way.
        IntegrityError: a table or a file is damaged.
    """
    with erasing(product.name, erasure, force=force) as deed:
        noted = with_spellings(product, deed.noted)
        plan = _planned(product, noted)
        problems = _remove_rows(product, noted, plan, tell, deed.go_on)
        for table in plan.tables:
            tell(f"{table}: old versions")
            forget_old_versions(Lake(product.name).address(table))
            deed.go_on()
        done = _told(product, deed, plan, problems)
        if product.spec.retrain.on_erasure:
            done = replace(done, asked=ask_for_training(product, deed, done.trained))
        product_store(product.name).delete_all(ERASURE)
    return done


def _planned(product: Product, erasure: Erasure) -> _Plan:
    """Return what is to be done: as it was found when the erasure began, and what is there now."""
    store = product_store(product.name)
    known = find_json(store, _PLAN)
    found = look_for(product, erasure)
    touched = found.partitions
    plan = _Plan(
        id=erasure.id,
        counts={**found.counts, **found.files},
        touched=touched,
        validated=derived.validated(product, touched),
        built=derived.built_of(product, touched),
        tables=_tables(product, found),
        trained=[asdict(each) for each in trained.trained_on(product, touched)],
    )
    if known is not None and known["id"] == erasure.id:
        plan = _joined(_Plan(**known), plan)
    write_json(store, _PLAN, asdict(plan))
    return plan


def _joined(before: _Plan, now: _Plan) -> _Plan:
    """Return what was planned before, with what came up since."""

    def both(name: str) -> list[str]:
        return sorted({*getattr(before, name), *getattr(now, name)})

    return _Plan(
        id=before.id,
        counts={**now.counts, **before.counts},
        touched=both("touched"),
        validated=both("validated"),
        built=both("built"),
        tables=both("tables"),
        trained=before.trained or now.trained,
    )


def _tables(product: Product, found: Found) -> list[str]:
    """Return the tables whose old versions go: of sources those with rows, and all made of them."""
    if not found.rows and not found.old:
        return []
    sources = {rows_of(table) for table in (*found.rows, *found.old)} - {None}
    return [
        table
        for table in tables_of(product.name)
        if table != METRICS and (rows_of(table) is None or rows_of(table) in sources)
    ]


def _remove_rows(
    product: Product, erasure: Erasure, plan: _Plan, tell: Tell, go_on: Callable[[], None]
) -> list[str]:
    """Remove rows from tables and files as they are now; return what was not made again."""
    problems: list[str] = []
    slots = {key: product.calendar.parse(key) for key in {*plan.touched, *plan.built}}
    told.note_events(product, erasure, plan.built)
    files.remove(product, erasure)
    files.remove_pages(product, plan.touched)
    pages = forget_shown(product, sorted(slots))
    for key in plan.touched:
        tell(f"{key}: rows")
        land_without(product, slots[key], erasure)
        while key in plan.validated:
            problems.append(derived.judge_again(product, slots[key], erasure, go_on))
            # where cleaning drops rows of a key that is there twice, the other row may come up
            erasure = with_spellings(product, erasure, [key])
            if not is_there(product, slots[key], erasure):
                break
            if not land_without(product, slots[key], erasure):
                break
        go_on()
    for key in plan.built:
        tell(f"{key}: what is built of them")
        problems.append(derived.build_again(product, slots[key], go_on))
        derived.drop_unbuilt(product, key)
        go_on()
    told.drop_labels(product, erasure, plan.built)
    told.drop_asked(product, erasure, plan.built)
    derived.drop_the_rest(product, erasure)
    trained.drop_kept_rows(product, plan.built)
    # with the spellings that came up meanwhile
    files.remove(product, erasure)
    _remove_shown(product, erasure)
    show_again(product, pages)
    return list(dict.fromkeys(problem for problem in problems if problem))


def _remove_shown(product: Product, erasure: Erasure) -> None:
    """Remove what may show the subject's value itself: reports, where it is a model's input."""
    features, store = product.spec.features, product_store(product.name)
    shown = {*features.categorical, *features.sensitive, *features.numeric}
    if shown & {each.column for each in erasure.sought}:
        store.delete_all(REPORTS)
    store.delete_all(SUMMARIES)


def _told(product: Product, deed: Deed, plan: _Plan, problems: list[str]) -> Erased:
    """Write the entry of the ledger, which says what is gone, and not whose it was.

    One that was cut off right behind it has told that already, with all that was found.
    """
    told = entries(product.name, "erased")
    entry = next((each for each in told if each.details.get("deed") == deed.name), None)
    if entry is None:
        entry = record(product.name, _entry(deed, plan, problems))
    # the plan may be gone by then
    of = tuple(Trained(**each) for each in plan.trained)
    of = of or tuple(trained.trained_on(product, list(entry.details["partitions"])))
    return Erased(
        entry.subject,
        entry.details["counts"],
        tuple(entry.details["partitions"]),
        of,
        tuple(entry.details["not_made_again"]),
        entry.number,
    )


def _entry(deed: Deed, plan: _Plan, problems: list[str]) -> Entry:
    return Entry(
        event="erased",
        partition="",
        subject=deed.asked.id,
        why=deed.asked.why,
        who=deed.asked.who,
        details={
            "deed": deed.name,
            "counts": plan.counts,
            "partitions": plan.touched,
            "trainings": [each["training_id"] for each in plan.trained],
            "versions": [each["version"] for each in plan.trained if each["version"]],
            "not_made_again": problems,
        },
    )
