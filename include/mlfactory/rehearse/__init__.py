"""Rehearse: what a changed product would make of another environment's data, and of its champion.

That environment is read and never written: rows and champion are copied into this one, and the
training is judged here, where nobody is served.
"""

from mlfactory.rehearse.stage import Rehearsal, rehearse

__all__ = ["Rehearsal", "rehearse"]
