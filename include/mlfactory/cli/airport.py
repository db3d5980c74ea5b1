"""What the demonstration's second product reads: a timetable and an API, as a part of the stack.

Both are those of `examples/airport`, which is no part of the factory: they stand for what is
outside. The product is brought along too, for where nobody runs them it would only fail.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from mlfactory.cli import record
from mlfactory.cli.environment import own_environment
from mlfactory.cli.services import Service
from mlfactory.connections import variable_of
from mlfactory.lake.store import write_whole
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import SPEC_FILE, Product, load_product
from mlfactory.settings import REPOSITORY, Settings

NAME = "airport"
PRODUCT = "flight_cancelled"
FIRST, LAST = "2013-02-01", "2013-05-01"
"""Keys of the partitions that are replayed: one to learn from, one to be judged by, one whose last
labels come late, and one in which they have come."""

_EXAMPLES = REPOSITORY / "examples"
_TOKEN = "AIRPORT_TOKEN"  # noqa: S105 - the name of the variable
_TIMETABLE = "timetable.db"


def airport(settings: Settings) -> Service:
    """Return the API as a service of the stack; connections to it are in our environment then.

    Where the stack runs it already, it has the address that the tasks were told.
    """
    address, token = _address(settings), _token(_folder(settings) / "token")
    timetable = str(_folder(settings) / _TIMETABLE)
    for name, connection in (
        ("airport_api", {"conn_type": "http", "host": address, "password": token}),
        ("airport_timetable", {"conn_type": "sqlite", "host": timetable}),
    ):
        os.environ[variable_of(name)] = json.dumps(connection)
    port = urlsplit(address).port or 0
    return Service(
        name=NAME,
        title="the airport's API",
        command=(
            *("python", "-m", "examples.airport.api"),
            *("--folder", str(_folder(settings)), "--port", str(port)),
        ),
        environment={**own_environment(), "PYTHONPATH": str(REPOSITORY), _TOKEN: token},
        port=port,
        port_setting="the port of the airport's API",
        address=address,
        url=address,
        is_ready=lambda: _answers(address),
        stop_signal=signal.SIGTERM,
    )


def bring_product(settings: Settings) -> Product:
    """Return the product that reads the airport, copied among the others where it is not there.

    One that is there stays as it is: somebody may have changed it.

    Raises:
        UsageError: if it cannot be copied.
        SpecError: if the one that is there is wrong.
    """
    folder, example = settings.products / PRODUCT, _EXAMPLES / PRODUCT
    if not (folder / SPEC_FILE).exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # its spec last: a folder without one is no product yet
            for file in (*example.glob("*.py"), example / SPEC_FILE):
                write_whole(folder / file.name, file.read_bytes())
        except OSError as error:
            raise UsageError(
                f"{example} cannot be copied to {folder}: {error.strerror or error}",
                remedy="make the folder of products writable, or leave it out: mlfactory demo "
                "--product flight_delay",
            ) from None
    return load_product(PRODUCT, settings.products)


def _folder(settings: Settings) -> Path:
    return settings.home / "demo"


def _address(settings: Settings) -> str:
    found = record.recorded(settings)
    if found and NAME in found.addresses:
        return found.addresses[NAME]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _token(path: Path) -> str:
    """Return the token, the same for as long as its file is there; nobody else may read that."""
    if not path.exists():
        write_whole(path, secrets.token_urlsafe(24).encode(), mode=0o600)
    return path.read_text(encoding="utf-8")


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False
