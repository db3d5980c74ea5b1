"""Backup and restore of a whole factory: what lies in the lake, and what MLflow knows of it."""

from mlfactory.backup.restoring import restore
from mlfactory.backup.saving import save

__all__ = ["restore", "save"]
