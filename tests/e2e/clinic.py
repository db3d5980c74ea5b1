"""A product that people work on by forms, and the places where Airflow keeps its connections."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from pathlib import Path

PII_KEY = "of-the-e2e-tests-and-as-long-as-it-has-to-be"
DAY = "2026-01-01"
ANNA = "anna.blackwood@example.org"
ROWS = 60
TYPED_WRONG, REALLY_SO, NONSENSE = "v7", "v8", "v9"
"""Visits whose price breaks the rule: one is mended, one let through, one stays where it is."""

_SPEC = """
apiVersion: mlfactory/v1
name: clinic
owner: {team: clinic}
partition: {every: day, start: 2026-01-01, end: 2026-01-02}
sources:
  visits: {kind: csv, path: "visits-{partition}.csv", event_time: at, key: [id]}
  people:
    {kind: sql, connection: warehouse, key: [email], query: "SELECT email, born FROM people"}
  rooms: {kind: sql, connection: archive, key: [room], query: "SELECT room, beds FROM rooms"}
expect:
  visits:
    - {type: expect_column_values_to_be_between, column: price, min_value: 0, max_value: 900,
       severity: critical}
  quarantine_budget: 20%
features: {key: [id], event_time: at, numeric: [price, born, beds]}
label: {column: returned, kind: binary, arrives_after: 1 day, from: labelling}
labelling: {batch: 12, strategy: {random: 100%}}
"""

_FEATURES = """
def build(sources):
    rows = sources["visits"].merge(sources["people"], on="email", how="left")
    return rows.merge(sources["rooms"], on="room", how="left")
"""


def lay_out(products: Path) -> None:
    """Write the product and its visits; the first three rows are Anna's."""
    folder = products / "clinic"
    folder.mkdir()
    (folder / "product.yaml").write_text(_SPEC)
    (folder / "features.py").write_text(_FEATURES)
    bad = {TYPED_WRONG: -170, REALLY_SO: 901, NONSENSE: 99999, "v2": -4}
    lines = ["id,at,email,room,price"]
    for row in range(ROWS):
        email = ANNA if row < 3 else f"p{row}@example.org"
        at, price = f"{DAY}T{row // 6:02}:{row % 6}0:00Z", bad.get(f"v{row}", 100 + row)
        lines.append(f"v{row},{at},{email},{'ab'[row % 2]},{price}")
    (folder / f"visits-{DAY}.csv").write_text("\n".join(lines) + "\n")


def people() -> list[str]:
    """Return the statements that make the register of people in a warehouse."""
    rows = ", ".join(f"('p{row}@example.org', {1950 + row})" for row in range(3, ROWS))
    return [
        "CREATE TABLE people (email text, born integer)",
        f"INSERT INTO people VALUES ('{ANNA}', 1984), {rows}",
    ]


def secrets_backend(root: Path, airflow_home: Path) -> None:
    """Give Airflow a secrets backend, which knows where the rooms are."""
    with sqlite3.connect(root / "rooms.db") as rooms:
        rooms.executescript(
            "CREATE TABLE rooms (room text, beds integer);"
            "INSERT INTO rooms VALUES ('a', 1), ('b', 4);"
        )
    known = {"archive": {"conn_type": "sqlite", "schema": str(root / "rooms.db")}}
    (root / "connections.json").write_text(json.dumps(known))
    told = json.dumps({"connections_file_path": str(root / "connections.json")})
    airflow_home.mkdir(parents=True)
    # Airflow makes up keys where it writes this file itself
    (airflow_home / "airflow.cfg").write_text(
        f"[core]\nfernet_key = {base64.urlsafe_b64encode(os.urandom(32)).decode()}\n"
        f"[api_auth]\njwt_secret = {base64.b64encode(os.urandom(32)).decode()}\n"
        "[secrets]\nbackend = airflow.secrets.local_filesystem.LocalFilesystemBackend\n"
        f"backend_kwargs = {told}\n"
    )
