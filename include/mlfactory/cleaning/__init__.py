"""Cleaning: what a source's declared steps make of its landed rows.

It stands below the stages: validation cleans what has landed, and whoever is given rows of a source
cleans them in the same way.
"""

from mlfactory.cleaning.pipeline import Cleaning as Cleaning
