"""Where the local Airflow keeps its state, and how to get in."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from mlfactory.lake.store import write_whole
from mlfactory.product.errors import ServiceError
from mlfactory.settings import Settings


def airflow_home(settings: Settings) -> Path:
    """Return the folder of the local Airflow's database, logs and generated settings."""
    return settings.home / "airflow"


def password_file(settings: Settings) -> Path:
    """Return the file in which the local Airflow finds its user's password."""
    return airflow_home(settings) / "passwords.json"


def airflow_login(settings: Settings) -> tuple[str, str]:
    """Return the user and password of Airflow: those of the settings, or of the local one.

    Raises:
        ServiceError: if there is none, because no Airflow was ever started here.
    """
    if settings.airflow_password is not None:
        return settings.airflow_user, settings.airflow_password.get_secret_value()
    try:
        passwords = json.loads(password_file(settings).read_text(encoding="utf-8"))
        return settings.airflow_user, str(passwords[settings.airflow_user])
    except FileNotFoundError:
        raise ServiceError(
            f"Airflow has never been started in {settings.home}",
            remedy="start it: mlfactory up; or for another one set MLFACTORY_AIRFLOW_PASSWORD",
        ) from None
    except (KeyError, ValueError):
        raise ServiceError(
            f"{password_file(settings)} has no password of the user '{settings.airflow_user}'",
            remedy="set MLFACTORY_AIRFLOW_USER, or MLFACTORY_AIRFLOW_PASSWORD and start it again",
        ) from None


def write_password(settings: Settings) -> None:
    """Write the password that Airflow reads: the one of the settings, or one made at random."""
    path = password_file(settings)
    if settings.airflow_password is not None:
        password = settings.airflow_password.get_secret_value()
    elif path.exists():
        return
    else:
        password = secrets.token_urlsafe(12)
    write_whole(path, (json.dumps({settings.airflow_user: password}) + "\n").encode(), mode=0o600)
