"""Features of the past that a spec declares, made by the library as of each event.

The same few functions make them of a partition, of a shard and of rows that somebody gives: what is
found depends on the event and the rows before it alone, to the last digit, and not on what else was
read.
"""

from mlfactory.prepare.asof.declared import with_declared

__all__ = ["with_declared"]
