"""Whether the connections that products name are known."""

from __future__ import annotations

import configparser
import os
from collections.abc import Collection

from mlfactory.connections.lookup import in_environment, variable_of
from mlfactory.doctor.finding import Finding
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import load_products
from mlfactory.product.sources import HttpSource, SqlSource
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.login import airflow_home, airflow_login
from mlfactory.settings import Settings

_BACKENDS = (("secrets", "backend"), ("workers", "secrets_backend"))
"""Where Airflow is told of a secrets backend: section and key."""

_SECONDS = 5.0
_WHAT = "connections"


def connections(settings: Settings, airflow_url: str | None) -> list[Finding]:
    """Tell of each connection that a product names whether it is known, and who names it.

    A secrets backend is not asked: what it may give to a task it need not give to us.

    Args:
        airflow_url: where Airflow is, None if nobody started or named one.
    """
    named = _named()
    if not named:
        return [Finding(_WHAT, "absent", "no product names one")]
    in_airflow, has_backend = _in_airflow(settings, airflow_url), _has_backend(settings)
    return [
        _finding(name, sorted(users), in_airflow, has_backend)
        for name, users in sorted(named.items())
    ]


def _named() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for product in load_products()[0]:
        for source_name, source in product.spec.sources.items():
            if isinstance(source, SqlSource | HttpSource) and source.connection:
                found.setdefault(source.connection, set()).add(f"{product.name}.{source_name}")
    return found


def _finding(
    name: str, users: list[str], in_airflow: Collection[str] | None, has_backend: bool
) -> Finding:
    what, told = f"{_WHAT}: {name}", f"named by {', '.join(users)}"
    try:
        if in_environment(name) is not None:
            return Finding(what, "ok", f"{told}; in {variable_of(name)}")
    except ValueError as error:
        remedy = "write it as an address, like postgres://login:password@host/db, or as JSON"
        return Finding(what, "wrong", f"{variable_of(name)} cannot be read: {error}", remedy)
    if in_airflow is not None and name in in_airflow:
        return Finding(what, "ok", f"{told}; in Airflow, for its tasks")
    remedy = f"set {variable_of(name)}, or add it in Airflow: Admin, Connections"
    if has_backend:
        return Finding(
            what, "absent", f"{told}; perhaps in the secrets backend, which is not asked"
        )
    where = "here" if in_airflow is None else "here or in Airflow"
    return Finding(what, "wrong", f"{told}; nobody knows it {where}", remedy)


def _in_airflow(settings: Settings, url: str | None) -> Collection[str] | None:
    if url is None:
        return None
    user, password = airflow_login(settings)
    try:
        with AirflowApi(url, user, password, timeout=_SECONDS, patience=0.0) as api:
            # each is told with its kind behind it
            return {told.partition(" (")[0] for told in api.connections()}
    except FactoryError:
        # that Airflow does not answer is told where it is looked at itself
        return None


def _has_backend(settings: Settings) -> bool:
    """Tell whether Airflow has a secrets backend, as far as one sees here.

    A server's is in the environment. The local Airflow does not heed that, which may be meant for
    another one, and has it in its `airflow.cfg`.
    """
    if any(os.environ.get(f"AIRFLOW__{each}__{key}".upper()) for each, key in _BACKENDS):
        return True
    told = configparser.RawConfigParser(strict=False)
    try:
        told.read(airflow_home(settings) / "airflow.cfg", encoding="utf-8")
    except (configparser.Error, UnicodeError):
        # Airflow itself says what is wrong with it
        return False
    return any(told.get(each, key, fallback="").strip() for each, key in _BACKENDS)
