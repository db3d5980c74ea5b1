"""A stack whose leader has died leaves nothing behind, and another Airflow's settings stay out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from mlfactory.cli.processes import members
from mlfactory.cli.record import running
from mlfactory.settings import Settings
from tests.e2e.conftest import COMMAND, PRODUCTS, free_port


def mlfactory(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [COMMAND, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.timeout(900)
def test_down_after_the_leader_was_killed_leaves_no_process(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    environment = {
        **os.environ,
        "MLFACTORY_HOME": str(tmp_path / "home"),
        "MLFACTORY_PRODUCTS": str(PRODUCTS),
        "MLFACTORY_AIRFLOW_PORT": str(free_port()),
        "MLFACTORY_MLFLOW_PORT": str(free_port()),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{foreign}",
    }
    settings = Settings(home=tmp_path / "home")
    second = subprocess.Popen(
        [COMMAND, "up"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    first = subprocess.run([COMMAND, "up"], env=environment, capture_output=True, text=True)
    said = second.communicate()[0]
    try:
        # which of the two comes first is chance
        assert sorted([first.returncode, second.returncode]) == [0, 1]
        refused = first.stderr if first.returncode else said
        assert "is starting or stopping the stack of" in refused
        assert "Traceback" not in refused
        assert "already up" in mlfactory(environment, "up")
        whole = running(settings)
        assert whole is not None
        psutil.Process(whole.leaders["mlflow"].pid).kill()
        assert "MLflow has died" in mlfactory(environment, "status")
        said = mlfactory(environment, "up")
        assert "MLflow of the stack has died" in said and "starting MLflow" in said
        stack = running(settings)
        assert stack is not None
        assert stack.leaders["airflow"] == whole.leaders["airflow"]
        assert stack.dead == []
        leaders = stack.leaders
        before = members(stack.id, leaders)
        assert len(before) > 6
        psutil.Process(stack.leaders["airflow"].pid).kill()
    finally:
        assert "are down" in mlfactory(environment, "down")
    assert members(stack.id, leaders) == []
    # what has ended is there until its parent has taken notice of it
    assert psutil.wait_procs(before, timeout=10)[1] == []
    assert (tmp_path / "home" / "airflow" / "airflow.db").exists()
    assert not foreign.exists()
