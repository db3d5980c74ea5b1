"""What the Airflow UI says about each DAG."""

from __future__ import annotations

from datetime import timedelta

from mlfactory.product.loader import Product


def data_doc(product: Product) -> str:
    """Return the description of `<p>.data`."""
    spec = product.spec
    sources = ", ".join(f"`{name}` ({source.kind})" for name, source in spec.sources.items())
    shards = spec.partition.shards
    cut = f" in {shards} shards, which `gather` makes one" if shards > 1 else ""
    if product.calendar.is_snapshot:
        trigger = "Trigger it by hand: the product has no event time, its one key is `snapshot`."
    else:
        trigger = (
            f"Runs {_minutes(spec.runs_after)} after a {spec.partition.every} has ended. By hand: "
            "*Trigger*, *Advanced Options*, and as *Partition Key* the partition's start, such as "
            f"`{product.calendar.containing(product.calendar.first).key}`; "  # type: ignore[arg-type]
            "for a span trigger `mlfactory.replay`, which lets each key come to rest, trainings "
            "and all, before the next; *Backfill* does not wait."
        )
    return f"""### {spec.title or spec.name}: data
Lands a partition of {sources}, judges it with Great Expectations, puts bad rows into quarantine
with every reason (at most {spec.expect.quarantine_budget:.1%} of a source's rows), and builds
features and labels{cut}.

{trigger} The same key again replaces the partition; with *Read the sources* off, from
the rows that were landed before.
"""


def score_doc(product: Product) -> str:
    """Return the description of `<p>.score`."""
    return f"""### {product.spec.title or product.name}: score
Predicts a partition with the newest champion that has not seen it, and with the challenger in its
shadow when there is one. Before the first champion it predicts nothing and says so.

Starts by itself when `{product.name}/features` has a new partition.
"""


def monitor_doc(product: Product) -> str:
    """Return the description of `<p>.monitor`."""
    spec = product.spec
    return f"""### {spec.title or spec.name}: monitor
Compares the partition with the champion's training data (false-alarm rate
{spec.monitor.drift.false_alarm_rate:.1%}), measures `{spec.performance_metric}` on the labels that
have arrived, writes the report, and lets the retraining policy decide. The task `retrain` is
*skipped* when nothing asks for a training or the policy refuses one; the ledger says why.
"""


def train_doc(product: Product) -> str:
    """Return the description of `<p>.train`."""
    spec = product.spec
    families = ", ".join(f"`{name}`" for name in spec.candidates)
    return f"""### {spec.title or spec.name}: train
Pins the data, searches {families} within the budget, fits the best, puts it through the gates and
promotes it if it passes. The task `promote` is *skipped* when a gate rejects the candidate; the
ledger and the model version say which.

Starts by itself when the policy asks for it. By hand: *Trigger*; the form sets another search
budget, and *Advanced Options*, *Partition Key* is the cut-off, the newest partition the training
may see.
"""


def predict_doc(product: Product) -> str:
    """Return the description of `<p>.predict`."""
    spec = product.spec
    return f"""### {spec.title or spec.name}: predict
Predicts the rows of a file because somebody asks: *Trigger*, and the form takes its name in
the folder `inbox/` of the product's part of the lake; no other file is read. The
product's own function builds them beside what the lake knows now, and the champion answers. The
answers lie in the lake, below `predictions_on_demand/`, a line for each row, with the reason where
there is no score; the task's *Answers* shows the first of them.

`mlfactory predict {spec.name} FILE` does the same for any file of your own machine.
"""


def quarantine_doc(product: Product) -> str:
    """Return the description of `<p>.quarantine`."""
    spec = product.spec
    return f"""### {spec.title or spec.name}: quarantine
Releases or discards rows that validation put into quarantine: *Trigger*, and the form takes the
partition, the digests of the rows (its validation page shows them) and why. Accepted as they are,
the rules they break no longer take them out; corrected, they are judged anew. Who triggered it,
when and why is in the ledger, and what landed is not changed.

Then it asks for the partition's run of `{spec.name}.data`, without reading the sources again. That
run announces the partition with the reason. `mlfactory quarantine` does the same on a command line.
"""


def arrivals_doc(product: Product) -> str:
    """Return the description of `<p>.arrivals`."""
    spec = product.spec
    names = [name for name, source in spec.sources.items() if getattr(source, "watch", None)]
    watched = ", ".join(f"`{name}`" for name in names)
    return f"""### {spec.title or spec.name}: arrivals
Starts by itself when a file comes into a place of {watched}, or changes there; Airflow's triggerer
looks. Each such file is read once, and split. Of every partition that is over and lacks
something of it a run of `{spec.name}.data` is asked for, whose note and parameter *What has come*
say what: rows that come late land in the partition that they are of, and what stands on it is made
again. A file that is still being written is waited for; one that is known starts nothing.
"""


def labels_doc(product: Product) -> str:
    """Return the description of `<p>.labels`."""
    spec = product.spec
    return f"""### {spec.title or spec.name}: labels
Rows that people are asked to label. *Trigger* with a partition alone: the task `draw` draws its
rows, once, and its *Rows to label* shows them with lines to copy. *Trigger* again with the answers:
`take` keeps them with your name, and they are labels from then on. Nothing of them is taken where
one is no label of the product's kind; nobody's answer is ever overwritten.

`mlfactory labels` does the same on a command line, and shows how far people agree.
"""


def _minutes(length: timedelta) -> str:
    """Return a length of time in hours and minutes: `2 h 17 min`."""
    hours, minutes = divmod(int(length.total_seconds()) // 60, 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * (minutes > 0 or not hours))
