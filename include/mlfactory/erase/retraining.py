"""Another training, where the one who serves was trained on an erased subject's rows."""

from __future__ import annotations

from collections.abc import Sequence

from mlfactory.erase.trained import Trained
from mlfactory.lake.erased import Erasure
from mlfactory.lake.ledger import DECISIONS, Entry, entries, record, standing
from mlfactory.lake.summaries import summaries
from mlfactory.product.loader import Product
from mlfactory.trainings.split import plan


def ask_for_training(product: Product, erasure: Erasure, trained: Sequence[Trained]) -> str:
    """Ask for a training in the ledger if the champion is one of those; return why, or why not.

    Its cut-off is the newest partition that is prepared. Neither cooldown nor budget stand against
    it, which are about figures; reconcile starts it, as any request that nothing came of.
    """
    champion = standing(entries(product.name, *DECISIONS)).champion
    prepared = list(summaries(product.name, "prepare"))
    if champion is None or champion.training_id not in {one.training_id for one in trained}:
        return ""
    why = f"version {champion.version} was trained on rows that were erased ({erasure.id})"
    if not prepared:
        return f"{why}; refused: nothing is prepared"
    cutoff = product.calendar.parse(prepared[-1])
    problem = plan(product, cutoff).problem
    record(
        product.name,
        Entry(
            event="retrain_refused" if problem else "retrain_requested",
            partition=cutoff.key,
            why=f"{why}; refused: {problem}" if problem else why,
            details={
                "refusals": [problem] if problem else [],
                "champion_cutoff": champion.cutoff,
                "follows": champion.number,
                "erasure": erasure.id,
            },
        ),
    )
    return f"{why}; refused: {problem}" if problem else f"{why}; asked for at {cutoff.key}"
