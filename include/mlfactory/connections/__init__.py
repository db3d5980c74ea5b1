"""Connections: where a service is and who we are there, known by name; secrets stay inside.

A product names a connection and nothing else. What stands behind the name is Airflow's: inside its
tasks whatever Airflow finds (its database, a secrets backend), elsewhere the variable of the
environment in which Airflow looks first.
"""

from mlfactory.connections.connection import Connection
from mlfactory.connections.lookup import connection_named, looked_up_by, variable_of

__all__ = ["Connection", "connection_named", "looked_up_by", "variable_of"]
