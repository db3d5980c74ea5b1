from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.left_removal import leave_cut_off
from typer.testing import CliRunner, Result

from mlfactory.cli import record
from mlfactory.cli.main import app
from mlfactory.cycle.training_ids import new_training_id
from mlfactory.lake import removal
from mlfactory.lake.catalog import REMOVAL
from mlfactory.lake.removal import held
from mlfactory.lake.removal_note import removal_under_way
from mlfactory.lake.store import Store, product_store, store_at
from mlfactory.lake.tables import Lake
from mlfactory.registry import removal as registry_removal
from mlfactory.registry import runs
from mlfactory.registry.connection import client
from mlfactory.registry.removal import registered
from mlfactory.scheduler import api
from mlfactory.settings import settings

SPEC = """
apiVersion: mlfactory/v1
name: NAME
partition: {every: snapshot}
sources: {bottles: {kind: csv, path: bottles.csv, key: [id]TYPES}}
features: {key: [id], numeric: [price]}
label: {column: sold, kind: binary}
train: {min_rows: 20, candidates: [logistic_regression], search: {trials: 1}}
promote: {gates: []}
"""

FEATURES = """
def build(sources):
    bottles = sources["bottles"]
    return bottles.assign(price=bottles["price"].astype(float))
"""

BOTTLES = "id,price,sold\n" + "".join(
    f"{i},{i % 40},{int((i % 40 > 20) != (i % 7 == 0))}\n" for i in range(400)
)


@pytest.fixture
def shelf(mlflow_file: Path, make_product):
    """Give a function that writes a snapshot product; its prices can be declared to be text."""

    def write(name: str = "shelf", types: str = ""):
        spec = SPEC.replace("NAME", name).replace("TYPES", types)
        return make_product(spec, FEATURES, {"bottles.csv": BOTTLES})

    return write


def mlfactory(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, [*arguments], input=answer)


def ran(name: str) -> None:
    done = mlfactory("run", name)
    assert done.exit_code == 0, done.output


def test_it_says_what_it_would_remove_and_asks(shelf) -> None:
    shelf()
    ran("shelf")
    before = held("shelf")
    done = mlfactory("reset", "shelf", answer="n\n")
    assert done.exit_code == 1
    for told in ("raw_bottles: table", "ledger: 2 entries", "aliases champion", "not touched: "):
        assert told in done.stdout
    assert held("shelf") == before and registered("shelf").aliases == ("champion",)


def test_a_product_starts_over_also_with_another_type_and_the_others_stay(shelf) -> None:
    shelf("cellar")
    shelf()
    ran("cellar")
    ran("shelf")
    assert mlfactory("reset", "shelf", "--yes").exit_code == 0
    assert held("shelf") == {}
    known = registered("shelf")
    # versions and runs are MLflow's, and stay until they are asked for; nobody serves any more
    assert (known.versions, known.aliases) == (1, ()) and known.runs
    assert registered("cellar").aliases == ("champion",) and "ledger" in held("cellar")
    shelf(types=", types: {price: string}")
    ran("shelf")
    assert str(Lake("shelf").columns("raw_bottles")["price"]) == "string"
    assert registered("shelf").aliases == ("champion",)
    assert mlfactory("reset", "shelf", "--yes", "--registry").exit_code == 0
    assert registered("shelf") == type(known)(versions=0, runs=0, aliases=())
    assert registered("cellar").versions == 1
    ran("shelf")


def test_a_source_starts_over_with_another_type(shelf) -> None:
    shelf()
    ran("shelf")
    shelf(types=", types: {price: string}")
    refused = mlfactory("run", "shelf")
    assert refused.exit_code == 1
    assert "mlfactory reset shelf --source bottles" in refused.stderr.replace("\n", " ")
    assert mlfactory("reset", "shelf", "--source", "bottles", "--yes").exit_code == 0
    assert "ledger" in held("shelf") and "raw_bottles" not in held("shelf")
    ran("shelf")
    assert str(Lake("shelf").columns("raw_bottles")["price"]) == "string"
    assert "(did you mean 'bottles'?)" in mlfactory("reset", "shelf", "--source", "bottle").stderr


def test_a_product_that_was_deleted_or_is_broken_can_be_reset(shelf) -> None:
    product = shelf()
    ran("shelf")
    (product.folder / "product.yaml").unlink()
    assert mlfactory("reset", "shelf", "--yes").exit_code == 0
    assert held("shelf") == {}
    for name in ("shelf", "../shelf", ""):
        assert "there is no product" in mlfactory("reset", name).stderr


def test_it_waits_for_runs_that_are_under_way(shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf()
    ran("shelf")
    run = api.DagRun("shelf.train", "manual", "running", "snapshot", None, None, None)
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PASSWORD", "secret")
    settings.cache_clear()
    up = type("Up", (), {"airflow_url": "http://x", "has": lambda _: True})
    monkeypatch.setattr(record, "running", lambda _: up)
    monkeypatch.setattr(api.AirflowApi, "active_runs", lambda *_: [run])
    done = mlfactory("reset", "shelf", "--yes")
    assert done.exit_code == 1
    assert "1 runs of shelf are under way in Airflow: shelf.train manual" in done.stderr
    assert "ledger" in held("shelf")
    assert mlfactory("reset", "shelf", "--yes", "--force").exit_code == 0
    assert held("shelf") == {}


def test_it_waits_for_files_that_are_looked_into_and_for_the_erasure_of_its_own_subjects(
    shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf()
    product_store("shelf").write("ledger/x", b"x")
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PASSWORD", "secret")
    settings.cache_clear()
    up = type("Up", (), {"airflow_url": "http://x", "has": lambda _: True})
    monkeypatch.setattr(record, "running", lambda _: up)

    def active(*runs: tuple[str, str]):
        def found(_, dag_ids):
            return [
                api.DagRun(dag_id, "one", "running", None, None, None, None, {"product": product})
                for dag_id, product in runs
                if dag_id in dag_ids
            ]

        monkeypatch.setattr(api.AirflowApi, "active_runs", found)
        return mlfactory("reset", "shelf", "--yes")

    for dag_id in ("shelf.arrivals", "mlfactory.erase"):
        done = active((dag_id, "shelf"))
        assert done.exit_code == 1
        assert f"1 runs of shelf are under way in Airflow: {dag_id} one" in done.stderr
    assert held("shelf") == {"ledger": 1}
    assert active(("mlfactory.erase", "other")).exit_code == 0
    assert held("shelf") == {}


SLOW = """
import pathlib, time

def build(sources):
    here = pathlib.Path(__file__).parent
    (here / "building").touch()
    while not (here / "go_on").exists():
        time.sleep(0.02)
    bottles = sources["bottles"]
    return bottles.assign(price=bottles["price"].astype(float))
"""


@pytest.fixture
def at_prepare(shelf) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Give a function that runs the product in another process, up to the middle of prepare."""
    begun: list[subprocess.Popen[str]] = []

    def run() -> subprocess.Popen[str]:
        folder = shelf().folder
        (folder / "features.py").write_text(SLOW)
        command = [str(Path(sys.executable).parent / "mlfactory"), "run", "shelf"]
        begun.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        while not (folder / "building").exists():
            assert begun[-1].poll() is None, begun[-1].stderr
            time.sleep(0.02)
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def test_a_run_in_another_process_is_not_reset_beneath(at_prepare) -> None:
    process = at_prepare()
    before = held("shelf")
    for more in ((), ("--source", "bottles")):
        done = mlfactory("reset", "shelf", "--yes", *more)
        assert done.exit_code == 1
        told = done.stderr.replace("\n", " ")
        assert f"prepare of snapshot, process {process.pid} of" in told
        assert f"mlfactory run of snapshot, process {process.pid}" in told
    assert held("shelf") == before
    # one that was killed holds nobody up
    process.kill()
    process.wait()
    assert mlfactory("reset", "shelf", "--yes").exit_code == 0
    assert product_store("shelf").list() == []


def test_a_run_that_was_reset_beneath_by_force_leaves_nothing_and_says_so(at_prepare) -> None:
    process = at_prepare()
    assert mlfactory("reset", "shelf", "--yes", "--force").exit_code == 0
    (settings().products / "shelf" / "go_on").touch()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "was removed by a reset or a restore while it was at work" in errors.replace("\n", " ")
    assert "Traceback" not in errors
    assert product_store("shelf").list() == []


@pytest.mark.parametrize("cut", ["a part of the lake", "the model", "the runs"])
def test_a_removal_that_was_killed_is_gone_on_with(
    shelf, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """Whatever was left, nothing is built on it, and another reset removes it."""
    product = shelf()
    ran("shelf")
    artifacts = store_at(settings().artifacts_uri).below("shelf")
    assert artifacts.list()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if cut == "a part of the lake":
            patch.setattr(removal, "_remove", cut_after(3, removal._remove))
        elif cut == "the model":
            patch.setattr(MlflowClient, "delete_registered_model", killed)
        else:
            patch.setattr(registry_removal, "store_at", killed)
        assert mlfactory("reset", "shelf", "--yes", "--registry").exit_code != 0
    # its process is this one, and lives
    leave_cut_off("shelf")
    refused = mlfactory("run", "shelf")
    assert refused.exit_code == 1
    assert "mlfactory reset shelf goes on with it" in refused.stderr.replace("\n", " ")
    # also where the product's files are gone by now, and nobody says --registry once more
    (product.folder / "product.yaml").unlink()
    done = mlfactory("reset", "shelf", "--yes")
    assert done.exit_code == 0 and "a reset of shelf was cut off" in done.stdout
    assert held("shelf") == {} and removal_under_way("shelf") is None
    known = registered("shelf")
    assert known == type(known)(versions=0, runs=0, aliases=())
    assert artifacts.list() == []
    shelf()
    ran("shelf")


def test_the_removal_of_a_source_that_was_killed_is_gone_on_with(
    shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf()
    ran("shelf")
    with monkeypatch.context() as patch:
        kind = type(product_store("shelf"))
        patch.setattr(kind, "delete", cut_at_note(kind.delete))
        assert mlfactory("reset", "shelf", "--source", "bottles", "--yes").exit_code != 0
    leave_cut_off("shelf")
    refused = mlfactory("run", "shelf").stderr.replace("\n", " ")
    assert "mlfactory reset shelf --source bottles goes on with it" in refused
    # though nothing of it is left but the note
    assert "raw_bottles" not in held("shelf")
    assert mlfactory("reset", "shelf", "--source", "bottles", "--yes").exit_code == 0
    ran("shelf")


def cut_at_note(real: Callable[[Store, str], None]) -> Callable[[Store, str], None]:
    """Return a deletion that dies when it comes to the note of the removal."""

    def delete(store: Store, name: str) -> None:
        if name == REMOVAL:
            raise KeyboardInterrupt
        real(store, name)

    return delete


def cut_after(count: int, real: Callable[..., None]) -> Callable[..., None]:
    """Return a function that does its work so many times and is killed then."""
    done = []

    def cut(*given: object) -> None:
        if len(done) == count:
            raise KeyboardInterrupt
        done.append(given)
        real(*given)

    return cut


def test_the_runs_of_a_killed_command_are_ended_by_the_next(shelf) -> None:
    product = shelf()
    ran("shelf")
    of_a_command = new_training_id(product.calendar.parse("snapshot"))
    # what a process leaves that is killed in its search; it has begun and ended by now
    code = (
        "from mlfactory.product.loader import load_product;"
        "from mlfactory.registry import runs;"
        f"shelf, key = load_product('shelf'), '{of_a_command}';"
        "parent = runs.training_run(shelf, 'snapshot', key);"
        "child = runs.candidate_run(shelf, parent, key, 'logistic_regression');"
        "airflows = runs.training_run(shelf, 'snapshot', 'snapshot.scheduled__1');"
        "print(parent, child, airflows)"
    )
    left = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    parent, child, airflows = left.stdout.decode().split()
    own = runs.training_run(
        product, "snapshot", new_training_id(product.calendar.parse("snapshot"))
    )
    assert "2 MLflow runs of a killed command were ended" in mlfactory("run", "shelf").stdout

    def status(run_id: str) -> str:
        return str(client().get_run(run_id).info.status)

    assert [status(run) for run in (parent, child)] == ["KILLED", "KILLED"]
    # one goes on in another process, the other one lives
    assert [status(run) for run in (airflows, own)] == ["RUNNING", "RUNNING"]
