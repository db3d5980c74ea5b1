"""Release: a registered version goes from one environment to another as it is, never trained anew.

All of it is read in the one before anything is written in the other.
"""

from mlfactory.release.stage import Released, release

__all__ = ["Released", "release"]
