"""Validate: each source against its expectations, bad rows into quarantine, one verdict."""

from mlfactory.validate import quiet as quiet
from mlfactory.validate.stage import ValidateResult, refuse_stopped, run

__all__ = ["ValidateResult", "refuse_stopped", "run"]
