"""The one place of names in the lake: tables, the columns that are ours, and files.

Tables lie at `<lake>/<product>/<table>`, files at `<lake>/<product>/<name>`.
"""

from __future__ import annotations

from urllib.parse import quote

FEATURES = "features"
LABELS = "labels"
PREDICTIONS = "predictions"
QUARANTINE = "quarantine"
METRICS = "metrics"

_RAW = "raw_"
_CORRECTED = "corrected_"
_CLEAN = "clean_"
_ROWS_OF_A_SOURCE = (_RAW, _CORRECTED, _CLEAN)

PARTITION = "partition"
"""Column of every table: the key of the partition that a write replaces."""

RUN = "_run"
"""Column of the tables that stages make: the id of the run that wrote the row."""

ROW = "_row"
"""Column of raw tables: the row's place within its landing, from 0."""

RESCUED = "_rescued"
"""Column of raw tables: JSON of the cells that could not be read, null where all could."""

LANDING = "_landing"
"""Column of raw tables: the id of the run of ingest that wrote the row; of clean ones, of the
validation that did."""

LANDED_ROW = "_landed_row"
"""Column of clean tables: the row's place within its landing."""

REFUSED = "_refused"
"""Column of clean tables: JSON of why cleaning puts a row into quarantine, null where it does not:
pairs of the reason for any row and the same with the values of this one."""

SEEN_AT = "_seen_at"
"""Column of raw tables of sources without event times: when the rows were read from there."""

EMPTY = "_empty_"
"""How columns of raw tables begin that only say which column is there, and had no value yet."""

LABEL, AVAILABLE_AT = "label", "available_at"
"""Columns of the table `labels`: the label, and the moment from which it is known."""

TOLD_BY, TOLD_AS, DRAWN, WEIGHT = "_told_by", "_told_as", "_drawn", "_weight"
"""Columns of the table `labels` where these come from a source or from people: who told it, how it
was read (a hash of that part of the spec, or that people answered), why the event was drawn for
people to label, and for how many events it stands then."""

RAW_HELPERS = (PARTITION, ROW, RESCUED, LANDING, SEEN_AT, LANDED_ROW, REFUSED)
"""The columns of raw and clean tables that are ours."""

LEDGER = "ledger"
ROW_DECISIONS = "row_decisions"
"""Which rows each decision about rows in quarantine is about, and what they become."""

MANIFESTS = "manifests"
REMOVAL = "removal.json"
"""There while all that is kept of a product is being removed, and what that takes with it."""

RESTORE = "_restore.json"
"""In the lake itself while a backup is put back into it, and which; no product has this name."""

STACK = "_stack.json"
"""In the lake itself: which stack it belongs to; no product has this name."""

PII_KEY = "pii_key.json"
"""Which key a product's personal data was hashed with; the key itself is nowhere."""

_GUARDS = "guards"

ERASED = "erased"
"""Which subjects were erased, and may not come in again; no reset takes that away."""

ERASURE = "erasure"
"""What an erasure that goes on needs to be ended, should it be cut off; gone afterwards."""

TAKING = "_stack.taking.json"
"""In the lake itself while another stack takes it."""

AT_WORK = "at_work"
"""A note for each thing that is being done to a product, while it is."""

SUMMARIES = "summaries"
"""What is remembered of manifests, many in a file; made anew where it is absent."""

TRAININGS = "trainings"
OF_A_COMMAND = "cli-"
"""How a training's id goes on after its partition, where a command began it."""

CLAIMS = "claims"
REPORTS = "reports"
VALIDATION = "validation"
PROFILES = "profiles"
PROFILED = "profiled"
"""Summaries of what partitions hold, a file for each table and partition."""
DATA_DOCS = "data_docs"

UPKEEP_SEEN = "upkeep/answers.json"
"""When upkeep first saw each of the answers that somebody asked for."""

LABELS_OWED = "labels_owed"
"""A mark for each partition that is to be read again for its labels, until it was."""

LABELLING = "labelling"
"""What people were asked to label, and what they answered."""

INBOX = "inbox"
"""Files that somebody put there to have them predicted in Airflow."""
ON_DEMAND = "predictions_on_demand"
"""Answers that somebody asked for in Airflow, each with a page."""
MODELS = "models"
RECONCILED = "reconciled"

STAGING = "staging"
"""What the shards of a partition leave for their gathering, a folder a run; gone afterwards."""

RECEIVED = "received"
"""What was read of the sources' files, split by partition; it can be read again from them."""

KEY_HASHES = "key_hashes"
"""Hashes of what names the rows of each partition, by which it is found in later ones."""

TO_LABEL = "to_label"
"""Pages with the rows that people are asked to label."""

ARRIVALS = "arrivals"
"""What files of each source were looked into, and what of them is still to be landed."""

PAGES = (REPORTS, VALIDATION, PROFILES, DATA_DOCS, MODELS, RECONCILED, ON_DEMAND, TO_LABEL)
"""The folders that hold pages for people; nothing else is ever served to a browser."""


def raw(source: str) -> str:
    """Return the table of a source's rows as they landed."""
    return f"{_RAW}{source}"


def corrected(source: str) -> str:
    """Return the table of a source's rows that people corrected and validation let through."""
    return f"{_CORRECTED}{source}"


def clean(source: str) -> str:
    """Return the table of a source's rows as its `clean` steps left them."""
    return f"{_CLEAN}{source}"


def mark_of(table: str) -> str:
    """Return the column of a table that has the id of the run that wrote the row."""
    return LANDING if source_of(table, cleaned=True) is not None else RUN


def source_of(table: str, *, cleaned: bool = False) -> str | None:
    """Return the source whose landed rows a table holds, None if it is none of theirs.

    Args:
        cleaned: name that of cleaned rows as well.
    """
    for prefix in (_RAW, _CLEAN) if cleaned else (_RAW,):
        if table.startswith(prefix):
            return table.removeprefix(prefix)
    return None


def rows_of(table: str) -> str | None:
    """Return the source whose rows a table holds, as landed or as mended since; None if none's."""
    for start in _ROWS_OF_A_SOURCE:
        if table.startswith(start):
            return table.removeprefix(start)
    return None


def report_page(key: str) -> str:
    """Return the file of a partition's monitoring report."""
    return f"{REPORTS}/{key}.html"


def validation_page(key: str) -> str:
    """Return the file of a partition's validation page."""
    return f"{VALIDATION}/{key}.html"


def batch_page(key: str) -> str:
    """Return the file of the page of what people are asked to label of a partition."""
    return f"{TO_LABEL}/{key}.html"


def profile_page(key: str) -> str:
    """Return the file of a partition's profile page."""
    return f"{PROFILES}/{key}.html"


def profiled_file(table: str, key: str) -> str:
    """Return the file of the summary of a table's rows in a partition."""
    return f"{PROFILED}/{table}/{key}.npz"


def card_page(training_id: str) -> str:
    """Return the file of the card of a training's model."""
    return f"{MODELS}/{training_id}/card.html"


def gates_page(training_id: str) -> str:
    """Return the file of the page on how a training's model was judged."""
    return f"{MODELS}/{training_id}/gates.html"


RECONCILED_PAGE = f"{RECONCILED}/newest.html"
"""What should be there and is not, when it was looked at last."""

RECONCILED_FILE = f"{RECONCILED}/newest.json"
"""The same for the next look: what was told already."""


def manifest_file(stage: str, name: str) -> str:
    """Return the file of the manifest of a stage run."""
    return f"{MANIFESTS}/{stage}/{name}.json"


def work_file(name: str) -> str:
    """Return the note of something that is being done."""
    return f"{AT_WORK}/{name}.json"


def summaries_file(stage: str, era: str) -> str:
    """Return the file with summaries of the manifests of a stage in a span of time.

    The number in its name is that of what a summary keeps.
    """
    return f"{SUMMARIES}/{stage}/{era}.2.json.z"


def owed_file(key: str) -> str:
    """Return the mark of a partition that is to be read again for its labels."""
    return f"{LABELS_OWED}/{key}"


def batches_folder() -> str:
    """Return the folder of what people are asked to label."""
    return f"{LABELLING}/batches"


def batch_file(key: str) -> str:
    """Return the file of the rows of a partition that people are asked to label."""
    return f"{batches_folder()}/{key}.json"


def answers_folder(landing: str = "") -> str:
    """Return the folder of answers, or of those that were given within a partition."""
    return f"{LABELLING}/answers/{landing}".rstrip("/")


def answers_file(landing: str, name: str) -> str:
    """Return the file of what somebody answered at once."""
    return f"{answers_folder(landing)}/{name}.json"


def ledger_file(number: int) -> str:
    """Return the file of an entry of the ledger; names sort as numbers do."""
    return f"{LEDGER}/{number:06d}.json"


def row_decision_file(key: str, name: str) -> str:
    """Return the file of the rows that a decision about a partition's quarantine is about."""
    return f"{ROW_DECISIONS}/{key}/{name}.json"


def training_file(training_id: str, name: str) -> str:
    """Return a file of a training."""
    return f"{TRAININGS}/{training_id}/{name}"


def staging_folder(run: str) -> str:
    """Return the folder of what the shards of a run leave."""
    return f"{STAGING}/{run}"


def staging_file(run: str, name: str) -> str:
    """Return a file that a shard of a run leaves."""
    return f"{staging_folder(run)}/{name}"


def received_folder(source: str, reading: str = "") -> str:
    """Return the folder of what was read of a source's files, or of one reading of one file."""
    return f"{RECEIVED}/{source}/{reading}".rstrip("/")


def key_hashes_folder(source: str) -> str:
    """Return the folder of the hashes of what names the rows of a source."""
    return f"{KEY_HASHES}/{source}"


def key_hashes_file(source: str, about: str, key: str, validation: str) -> str:
    """Return the file of the hashes of some columns of what a validation of a partition let in."""
    return f"{key_hashes_folder(source)}/{about}/{key}/{validation}"


def guards_folder(source: str) -> str:
    """Return the folder that names the columns of a source that landed hashed."""
    return f"{_GUARDS}/{source}"


def guard_file(source: str, column: str) -> str:
    """Return the note of a column that landed hashed; a column's name may have any sign."""
    return f"{guards_folder(source)}/{quote(column, safe='')}"


def arrivals_file(source: str) -> str:
    """Return the file of what is known of the files of a source."""
    return f"{ARRIVALS}/{source}.json"


def erased_file(name: str) -> str:
    """Return the file of a subject that was erased."""
    return f"{ERASED}/{name}.json"


def erasure_file(name: str) -> str:
    """Return a file that an erasure leaves until it is ended."""
    return f"{ERASURE}/{name}"


def claim_file(what: str, name: str) -> str:
    """Return the file by which machines agree on something that exists once, such as a run."""
    return f"{CLAIMS}/{what}/{name}"
