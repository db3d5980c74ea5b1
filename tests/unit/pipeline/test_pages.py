"""A product's pages in Airflow: for who may see it, and harmless whatever its data says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from mlfactory.lake import ledger
from mlfactory.lake.catalog import card_page, gates_page, report_page, validation_page
from mlfactory.lake.ledger import Entry
from mlfactory.lake.store import product_store
from mlfactory.pipeline.pages import app, may_read
from mlfactory.settings import settings

HOSTILE = "<img src=x onerror=alert(1)>\"'&<script>alert(2)</script>"
DAG = "flight_delay.data"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture
def reader(home: Path) -> Iterator[TestClient]:
    """Return a client of somebody who may read the DAG."""
    app.dependency_overrides[may_read] = lambda: None
    yield TestClient(app)
    app.dependency_overrides.clear()


def decided(why: str, version: str = "1", training: str = "2013-02-01.first") -> None:
    entry = Entry(
        "promoted",
        "2013-02-01",
        why,
        subject=training,
        details={"version": version, "seen_through": "2013-02-01"},
    )
    ledger.record("flight_delay", entry)


def write(name: str, text: str) -> None:
    product_store("flight_delay").write(name, text.encode())


def test_every_route_answers_401_to_who_is_not_logged_in(home: Path) -> None:
    paths = [route.path for route in app.routes if isinstance(route, APIRoute)]
    assert len(paths) == len(app.routes) == 4
    for path in paths:
        asked = path.replace("{dag_id}", DAG).replace("{path:path}", "reports/2013-02-01.html")
        assert TestClient(app).get(asked).status_code == 401, path


def test_card_gates_ledger_and_mlflow_are_found_from_the_index(reader: TestClient) -> None:
    decided("better beyond chance")
    for name in (card_page("2013-02-01.first"), gates_page("2013-02-01.first")):
        write(name, "<html>kept</html>")
    write(report_page("2013-02-01"), "<html>kept</html>")
    write(validation_page("2013-02-01"), "<html>kept</html>")
    page = reader.get(f"/{DAG}/").text
    links = re.findall(r'href="([^"]+)"', page)
    ours = [link for link in links if not link.startswith("http")]
    assert {link.split("/")[-1] for link in ours} == {
        "ledger",
        "features",
        "card.html",
        "gates.html",
        "2013-02-01.html",
    }
    for link in ours:
        assert reader.get(f"/{DAG}/{link}").status_code == 200, link
    assert "better beyond chance" in reader.get(f"/{DAG}/ledger").text


def test_every_link_to_mlflow_is_one_that_its_pages_know(
    reader: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_MLFLOW_UI", "https://mlflow.example/")
    settings.cache_clear()
    decided("better beyond chance")
    page = reader.get(f"/{DAG}/").text
    links = set(re.findall(r'href="https://mlflow.example/#([^"]+)"', page))
    assert links == {
        "/experiments?experimentSearchFilter=flight_delay",
        "/models/flight_delay",
        "/models/flight_delay/versions/1",
    }
    # what its own pages are made of: the routes, and the parameter that the list is filtered by
    built = Path(find_spec("mlflow").submodule_search_locations[0]) / "server/js/build/static/js"  # type: ignore[union-attr,index]
    known = b"".join(file.read_bytes() for file in built.glob("*.js"))
    for name in (
        b'"/experiments"',
        b'"experimentSearchFilter"',
        b'"/models/:modelName"',
        b'"/models/:modelName/versions/:version"',
    ):
        assert name in known


def test_names_and_values_of_others_stand_on_the_pages_as_text(reader: TestClient) -> None:
    decided(HOSTILE, version=HOSTILE, training=HOSTILE.replace("/", "_"))
    assert "late_rate_plane" in reader.get(f"/{DAG}/features").text
    for path in (f"/{DAG}/", f"/{DAG}/ledger"):
        page = reader.get(path).text
        assert "<img" not in page
        assert "<script" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize(
    ("name", "sandboxed"),
    [
        ("reports/2013-02-01.html", False),
        ("validation/2013-02-01.html", False),
        ("data_docs/index.html", True),
    ],
)
def test_no_page_runs_a_script_and_what_others_rendered_has_no_login(
    reader: TestClient, name: str, sandboxed: bool
) -> None:
    write(name, f"<html>{HOSTILE}</html>")
    answer = reader.get(f"/{DAG}/files/{name}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "allow-" not in policy
    assert policy.startswith("sandbox;") == sandboxed
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"].startswith("text/html")


def test_what_no_browser_needs_comes_as_bytes(reader: TestClient) -> None:
    for name in ("data_docs/evil.svg", "data_docs/evil.js", "data_docs/evil"):
        write(name, HOSTILE)
        answer = reader.get(f"/{DAG}/files/{name}")
        assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "path",
    [
        "flight_delay.data/files/ledger/000001.json",
        "flight_delay.data/files/reports/..%2Fledger%2F000001.json",
        "flight_delay.data/files/reports/%2e%2e/ledger/000001.json",
        "flight_delay.data/files/reports/%00",
        "flight_delay.data/files/%00",
        "flight_delay.data/files/reports/a%00.html",
        "flight_delay.data/files/reports/%0a",
        "flight_delay.data/files/reports/" + "a" * 5000,
        "flight_delay.data/files/reports",
        "flight_delay.data/files/reports/",
        "flight_delay.data/files/reports//x.html",
        "flight_delay.data/files/data_docs",
        "flight_delay.data/files/",
        "%00/",
        "%00/ledger",
        "..%2f/",
        "nothing.data/",
        "_flights.data/",
    ],
)
def test_odd_paths_are_not_there(reader: TestClient, path: str) -> None:
    decided("a reason")
    write("reports/2013-02-01.html", "<html></html>")
    write("data_docs/index.html", "<html></html>")
    assert reader.get(f"/{path}").status_code == 404
