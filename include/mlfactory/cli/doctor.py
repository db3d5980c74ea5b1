"""What `mlfactory doctor` does: asks all that the settings name, and shows it on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from mlfactory.cli import record
from mlfactory.cli.output import say
from mlfactory.cli.server import examined
from mlfactory.doctor import connections, machine, places, services
from mlfactory.doctor.finding import Check, Finding, side_by_side, without_secrets
from mlfactory.product.errors import FactoryError
from mlfactory.settings import Settings

_SECONDS_OF_PRODUCTS = 40.0
_SECONDS_OF_CODE = 15.0

_MARKS = {"ok": ("ok", "green"), "wrong": ("WRONG", "bold red"), "absent": ("-", "dim")}
_NAME_AIRFLOW = {"airflow_address", "airflow_password", "airflow_database", "airflow_port"}
"""Settings by which somebody says that there is an Airflow."""

_DATABASES = ("airflow_database", "mlflow_database")


def examine(settings: Settings, console: Console) -> bool:
    """Print a line for everything that the settings name; return whether nothing is wrong."""
    findings = without_secrets(side_by_side(_checks(settings)), settings)
    _show(findings, console)
    return all(finding.state != "wrong" for finding in findings)


def _checks(settings: Settings) -> list[Check]:
    lake, artifacts = settings.lake_uri, settings.artifacts
    checks = [
        Check("environment", lambda: machine.environment(settings)),
        Check("lake", lambda: places.place("lake", lake, "MLFACTORY_LAKE")),
    ]
    if artifacts:
        setting = "MLFACTORY_ARTIFACTS"
        checks.append(Check("artifacts", lambda: places.place("artifacts", artifacts, setting)))
    checks += [
        Check("MLflow", lambda: services.mlflow(settings)),
        # a record that cannot be read is told of there, once
        Check("Airflow", lambda: services.airflow(settings, _airflow_url(settings))),
        *(_database(name, settings) for name in _DATABASES if getattr(settings, name, None)),
        Check("clock", lambda: services.clock(settings, _readable_airflow_url(settings))),
        *examined.checks(settings),
        Check("versions", machine.versions),
        Check("free space", lambda: places.space(settings)),
        Check("products", lambda: machine.products(_SECONDS_OF_CODE), _SECONDS_OF_PRODUCTS),
        Check(
            "connections",
            lambda: connections.connections(settings, _readable_airflow_url(settings)),
        ),
    ]
    return checks


def _database(name: str, settings: Settings) -> Check:
    address: SecretStr = getattr(settings, name)
    what, setting = name.replace("_", " "), f"MLFACTORY_{name.upper()}"
    return Check(what, lambda: services.database(what, address.get_secret_value(), setting))


def _airflow_url(settings: Settings) -> str | None:
    """Return where Airflow is, None if nobody started or named one.

    Raises:
        UsageError: if the record of the stack cannot be read.
    """
    started = record.recorded(settings)
    if started is not None:
        return started.airflow_url
    return settings.airflow_url if settings.model_fields_set & _NAME_AIRFLOW else None


def _readable_airflow_url(settings: Settings) -> str | None:
    with suppress(FactoryError, OSError):
        return _airflow_url(settings)
    return None


def _show(findings: Sequence[Finding], console: Console) -> None:
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        word, style = _MARKS[finding.state]
        line = Text(f"{finding.what:<{width}}  ")
        line.append(f"{word:<5}", style=style)
        line.append(f"  {finding.told}")
        say(console, line)
        if finding.remedy:
            say(console, f"{'':<{width}}         → {finding.remedy}", "yellow")
