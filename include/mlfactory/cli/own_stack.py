"""The name of this stack, by which a lake knows whose it is."""

from __future__ import annotations

import platform
import secrets
from contextlib import suppress
from pathlib import Path

from mlfactory.cli.local_files import write_text
from mlfactory.product.errors import UsageError
from mlfactory.scheduler.login import airflow_home
from mlfactory.settings import Settings


def known_stack(settings: Settings) -> str | None:
    """Return the name of this stack, None if it was never started."""
    if settings.stack_name:
        return settings.stack_name
    with suppress(FileNotFoundError):
        return _file(settings).read_text(encoding="utf-8").strip()
    return None


def stack_name(settings: Settings) -> str:
    """Return the name of this stack: the one that is set, or one made at the first start.

    It lies beside the local Airflow's database, which is what makes a stack one: a home whose
    `airflow/` was removed has another. Where the parts run apart it is among the secrets, and
    nobody invents one: that would be another for each of them.

    Raises:
        UsageError: if this is a server, and its secrets were not made yet.
    """
    if known := known_stack(settings):
        return known
    if settings.executor != "LocalExecutor":
        raise UsageError(
            "this stack has no name yet: it is made with the secrets",
            remedy="first: docker compose run --rm secrets (or: mlfactory server secrets)",
        )
    name = f"{platform.node() or 'stack'}-{secrets.token_hex(4)}"
    write_text(_file(settings), f"{name}\n")
    return name


def _file(settings: Settings) -> Path:
    return airflow_home(settings) / "stack"
