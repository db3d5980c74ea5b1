"""Whether the servers that the settings name answer, and are of the versions that we are."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from mlfactory.doctor.finding import Finding
from mlfactory.product.errors import FactoryError
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.login import airflow_login
from mlfactory.settings import Settings, without_login

_SECONDS = 5.0
_APART_SECONDS = 60.0
"""More than any answer is under way; S3 refuses requests at 15 minutes, and tokens before that."""

_LENGTH_OF_A_DATE = len("Sat, 21 Nov 2026 23:38:40 GMT")

_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


def mlflow(settings: Settings) -> Finding:
    """Tell whether MLflow answers, lets us in, and is of our version."""
    uri = settings.tracking_uri
    if not uri.startswith(("http://", "https://")):
        return database("MLflow", uri, "MLFACTORY_MLFLOW_URI")
    shown, ours = without_login(uri).rstrip("/"), version("mlflow")
    with httpx.Client(base_url=shown, timeout=_SECONDS, headers=_token(), auth=_login(uri)) as way:
        try:
            asked = way.get("/api/2.0/mlflow/registered-models/search", params={"max_results": 1})
            theirs = way.get("/version").text.strip()
        except httpx.HTTPError as error:
            remedy = "start it (mlfactory up), or correct MLFACTORY_MLFLOW_URI"
            return Finding("MLflow", "wrong", f"{shown} does not answer: {error}", remedy)
    if not asked.is_success:
        told = f"{shown} does not let us look at its registry ({asked.status_code})"
        remedy = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or see its log"
        return Finding("MLflow", "wrong", told, remedy)
    if theirs != ours:
        told = f"{shown} is version {theirs[:20]}, and ours is {ours}"
        return Finding("MLflow", "wrong", told, "install the lock there as well as here")
    return Finding("MLflow", "ok", f"{shown}, version {theirs}")


def airflow(settings: Settings, url: str | None) -> list[Finding]:
    """Tell how each part of Airflow is, and whether we get in.

    Args:
        url: where it is; None if nobody started or named one.
    """
    if url is None:
        return [Finding("Airflow", "absent", "none was started here or named: mlfactory up")]
    shown = without_login(url)
    try:
        health = httpx.get(f"{url}/api/v2/monitor/health", timeout=_SECONDS).json()
        theirs = httpx.get(f"{url}/api/v2/version", timeout=_SECONDS).json()["version"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        remedy = "start it: mlfactory down; mlfactory up"
        return [Finding("Airflow", "wrong", f"{shown} does not answer: {error}", remedy)]
    unwell = [told for part in _PARTS if (told := _unwell(part, health.get(part) or {}))]
    if unwell:
        remedy = "read its log, and start it again"
        return [Finding("Airflow", "wrong", f"{shown}: {'; '.join(unwell)}", remedy)]
    ours = version("apache-airflow-core")
    if theirs != ours:
        told = f"{shown} is version {theirs}, and ours is {ours}"
        return [Finding("Airflow", "wrong", told, "install the lock there as well as here")]
    beats = ", ".join(f"{part} {_age(part, health[part])}" for part in _PARTS if health.get(part))
    return [Finding("Airflow", "ok", f"{shown}, version {theirs}; {beats}"), _let_in(settings, url)]


def database(what: str, address: str, setting: str) -> Finding:
    """Tell whether a database answers at a SQLAlchemy address; a file that is made later may."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    try:
        url = make_url(address)
        shown = without_login(address)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            return Finding(what, "absent", f"{shown} is made when it is first used")
        engine = create_engine(url)
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        engine.dispose()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        told = f"{setting} cannot be used: {error}"
        return Finding(what, "wrong", told, "write it as SQLAlchemy does, and install its driver")
    except SQLAlchemyError as error:
        told = str(error.__cause__ or error).strip().splitlines()[0]
        remedy = f"start it, make the database and its user, or correct {setting}"
        return Finding(what, "wrong", f"{shown} does not answer: {told}", remedy)
    return Finding(what, "ok", f"{shown} answers")


def clock(settings: Settings, airflow_url: str | None) -> Finding:
    """Tell how far this machine's clock is from those of the store and the servers."""
    asked = [(name, _apart(date)) for name, date in _clocks(settings, airflow_url)]
    told = {name: seconds for name, seconds in asked if seconds is not None}
    if not told:
        return Finding("clock", "absent", "no server answers whose clock could be compared")
    words = ", ".join(f"{seconds:+.0f} s to {name}" for name, seconds in told.items())
    if max(abs(seconds) for seconds in told.values()) > _APART_SECONDS:
        remedy = "let the clocks be set by the network's time (timedatectl set-ntp true)"
        return Finding("clock", "wrong", f"minutes apart: {words}", remedy)
    return Finding("clock", "ok", words)


def _clocks(settings: Settings, airflow_url: str | None) -> list[tuple[str, Callable[[], str]]]:
    """Return how to ask each server for the date that it puts on its answers."""
    found: list[tuple[str, Callable[[], str]]] = []
    if settings.lake_uri.startswith("s3://"):
        found.append(("the store", lambda: _date_of_store(settings.lake_uri)))
    if settings.tracking_uri.startswith(("http://", "https://")):
        found.append(("MLflow", lambda: _date(without_login(settings.tracking_uri))))
    if airflow_url:
        found.append(("Airflow", lambda: _date(airflow_url)))
    return found


def _date(address: str) -> str:
    # whoever is refused is told the time as well
    return str(httpx.head(address, timeout=_SECONDS).headers.get("Date", ""))


def _date_of_store(address: str) -> str:
    from mlfactory.lake.s3 import dated

    return dated(urlsplit(address).hostname or "")


def _apart(date: Callable[[], str]) -> float | None:
    """Return the seconds that a server's clock is ahead of ours, None if it does not tell.

    That it does not answer is told where it is looked at itself.
    """
    before = datetime.now(UTC)
    try:
        # a server behind another may answer with two dates; each has this length, and is in UTC
        theirs = parsedate_to_datetime(date()[:_LENGTH_OF_A_DATE]).replace(tzinfo=UTC)
    except (httpx.HTTPError, httpx.InvalidURL, FactoryError, OSError, ValueError):
        return None
    # its answer was made between asking and now, and tells whole seconds
    middle = before + (datetime.now(UTC) - before) / 2
    return (theirs - middle).total_seconds()


def _unwell(part: str, told: dict[str, str | None]) -> str:
    name = part.replace("_", " ")
    status = told.get("status")
    # one that this Airflow was not given has no status
    if status == "healthy" or (status is None and part == "triggerer"):
        return ""
    return f"its {name} {_age(part, told) or 'is not heard of'}"


def _age(part: str, told: dict[str, str | None]) -> str:
    last = told.get(f"latest_{part}_heartbeat")
    if not last:
        return str(told.get("status") or "")
    seconds = (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds()
    return f"heard of {max(seconds, 0):,.0f} s ago"


def _let_in(settings: Settings, url: str) -> Finding:
    user, password = airflow_login(settings)
    with AirflowApi(url, user, password, timeout=_SECONDS) as api:
        broken = api.import_errors()
    if broken:
        told = f"{len(broken)} DAG files cannot be imported, such as {broken[0].file}"
        return Finding("Airflow login", "wrong", told, broken[0].reason.splitlines()[0])
    return Finding("Airflow login", "ok", f"lets '{user}' in")


def _login(uri: str) -> tuple[str, str] | None:
    parts = urlsplit(uri)
    user = parts.username or os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = parts.password or os.environ.get("MLFLOW_TRACKING_PASSWORD")
    return (user, password or "") if user else None


def _token() -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}
