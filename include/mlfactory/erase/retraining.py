"""Another training, where the one who serves was trained on an erased subject's rows."""

from __future__ import annotations

from collections.abc import Sequence

from mlfactory.erase.trained import Trained
from mlfactory.lake.erasing import Deed
from mlfactory.lake.ledger import DECISIONS, REQUESTS, Entry, entries, record, standing
from mlfactory.lake.summaries import summaries
from mlfactory.product.loader import Product
from mlfactory.trainings.split import plan


def ask_for_training(product: Product, deed: Deed, trained: Sequence[Trained]) -> str:
    """Ask for a training in the ledger if the champion is one of those; return why, or why not.

    Its cut-off is the newest partition that is prepared. Neither cooldown nor budget stand against
    it, which are about figures; reconcile starts it, as any request that nothing came of. Of one
    erasure it is asked for once, however often that was cut off.
    """
    for entry in entries(product.name, *REQUESTS):
        if entry.details.get("deed") == deed.name:
            return _said(entry)
    champion = standing(entries(product.name, *DECISIONS)).champion
    prepared = list(summaries(product.name, "prepare"))
    if champion is None or champion.training_id not in {one.training_id for one in trained}:
        return ""
    why = f"version {champion.version} was trained on rows that were erased ({deed.asked.id})"
    if not prepared:
        return f"{why}; refused: nothing is prepared"
    cutoff = product.calendar.parse(prepared[-1])
    problem = plan(product, cutoff).problem
    entry = record(
        product.name,
        Entry(
            event="retrain_refused" if problem else "retrain_requested",
            partition=cutoff.key,
            why=f"{why}; refused: {problem}" if problem else why,
            details={
                "refusals": [problem] if problem else [],
                "champion_cutoff": champion.cutoff,
                "follows": champion.number,
                "erasure": deed.asked.id,
                "deed": deed.name,
            },
        ),
    )
    return _said(entry)


def _said(entry: Entry) -> str:
    refused = entry.event == "retrain_refused"
    return entry.why if refused else f"{entry.why}; asked for at {entry.partition}"
