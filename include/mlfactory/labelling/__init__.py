"""Labelling: which rows people are asked to label, what they answer, and what that tells."""

from mlfactory.labelling.answering import Given, take_answers
from mlfactory.labelling.drawing import batch_of
from mlfactory.labelling.estimates import Line, estimates
from mlfactory.labelling.listing import Pair, Queue, agreements, queues
from mlfactory.labelling.sheet import as_csv, read_sheet

__all__ = [
    "Given",
    "Line",
    "Pair",
    "Queue",
    "agreements",
    "as_csv",
    "batch_of",
    "estimates",
    "queues",
    "read_sheet",
    "take_answers",
]
