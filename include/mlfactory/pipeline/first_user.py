"""The first user of Airflow, with the password of the settings: a program of its own.

It runs where Airflow is configured as in its parts, and reads name and password from its standard
input: everybody sees the list of processes, with the arguments of `airflow users create`.
"""

from __future__ import annotations

import json
import sys


def set_first_user(name: str, password: str) -> None:
    """Make the user with this password, or give it to the user that there is.

    Raises:
        SystemExit: if Airflow refuses.
    """
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from werkzeug.security import check_password_hash

    with get_application_builder() as builder:
        manager = builder.sm
        user = manager.find_user(name)
        if user is None:
            role = manager.find_role("Admin")
            # of one address there is one user, and this may be the second whom the settings name
            email = f"{name}@localhost"
            done = manager.add_user(name, "ML", "Factory", email, role, password)
        else:
            has_it = check_password_hash(user.password, password)
            done = has_it or manager.reset_password(user.id, password)
        if not done:
            raise SystemExit(f"Airflow does not let {name} have this password")


if __name__ == "__main__":
    given = json.load(sys.stdin)
    set_first_user(given["name"], given["password"])
