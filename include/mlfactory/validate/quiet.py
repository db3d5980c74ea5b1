"""Keeps Great Expectations from writing hundreds of lines into the log; import it before that."""

import logging

logging.getLogger("great_expectations").setLevel(logging.ERROR)
