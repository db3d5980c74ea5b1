"""What `mlfactory doctor` asks where parts run apart: is the code, the time, the stack the same."""

from __future__ import annotations

from datetime import UTC, datetime

from mlfactory.cli.own_stack import known_stack
from mlfactory.doctor.finding import Check, Finding
from mlfactory.lake.deployed import REMEDY, deployed, difference
from mlfactory.lake.stack import described, owner_of_lake
from mlfactory.settings import Settings


def checks(settings: Settings) -> list[Check]:
    """Return what is asked of a stack: whose the lake is, and on a server code and time, too."""
    found = [Check("stack", lambda: _stack(settings))]
    if settings.executor != "LocalExecutor" and settings.airflow_database is not None:
        found += [Check("code", lambda: _code(settings)), Check("time", lambda: _time(settings))]
    return found


def _stack(settings: Settings) -> Finding:
    owner, own = owner_of_lake(), known_stack(settings)
    if owner is None:
        return Finding("stack", "absent", "the lake is no stack's yet; the first has it")
    if own is None or owner.get("stack") == own:
        return Finding("stack", "ok", f"the lake is that of {described(owner)}")
    told = f"the lake is that of {described(owner)}; this one is {own}, and is refused"
    remedy = "set MLFACTORY_LAKE; or, if the other is stopped for good: mlfactory take-lake"
    return Finding("stack", "wrong", told, remedy)


def _code(settings: Settings) -> Finding:
    from mlfactory.cli.server.beside import scheduler_runs

    here = deployed()
    wrong = difference(scheduler_runs(settings), here)
    if wrong:
        return Finding("code", "wrong", wrong, REMEDY)
    return Finding("code", "ok", f"as the scheduler's: {here}")


def _time(settings: Settings) -> Finding:
    from mlfactory.cli.server.beside import LEEWAY_SECONDS, seconds_apart

    apart = seconds_apart(settings, lambda: datetime.now(UTC))
    told = f"{apart:+.1f} s to PostgreSQL"
    if abs(apart) > LEEWAY_SECONDS / 2:
        remedy = "let the clocks be set by the network's time (timedatectl set-ntp true)"
        return Finding("time", "wrong", f"{told}: parts do not start like this", remedy)
    return Finding("time", "ok", told)
