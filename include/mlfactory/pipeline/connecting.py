"""Connections as Airflow finds them: in its environment, a secrets backend, its database."""

from __future__ import annotations

from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from mlfactory.connections import Connection
from mlfactory.connections.texts import from_fields
from mlfactory.product.errors import ServiceError

_FIELDS = ("conn_type", "host", "port", "login", "password", "schema", "extra")


def known_to_airflow(name: str) -> Connection | None:
    """Return the connection of a name, None if Airflow has none; for use within its tasks.

    Raises:
        ServiceError: if Airflow does not say.
        ValueError: if what it has is no connection.
    """
    try:
        found = AirflowConnection.get(name)
    except AirflowNotFoundException:
        return None
    except AirflowException as error:
        # of what a backend says nobody knows that it holds no secret
        raise ServiceError(
            f"Airflow does not give the connection '{name}' ({type(error).__name__})",
            remedy="see the log of its API server, and whether its secrets backend lets us in",
        ) from None
    return from_fields(name, {field: getattr(found, field) for field in _FIELDS})
