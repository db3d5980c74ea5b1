"""What a file of settings gives reaches every part, as Compose itself reads it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mlfactory.settings import REPOSITORY


def told(folder: Path, **environment: str) -> dict[str, Any]:
    """Return the services that Compose would bring up."""
    done = subprocess.run(
        ["docker", "compose", "--project-directory", str(REPOSITORY), "config", "--format", "json"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment}
        | {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")},
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    return dict(json.loads(done.stdout)["services"])


@pytest.mark.parametrize("part", ["api", "scheduler", "worker", "mlflow"])
def test_another_file_is_read_for_every_part(part: str, tmp_path: Path) -> None:
    file = tmp_path / "site.env"
    file.write_text(
        "MLFACTORY_LAKE=s3://bucket/x\nAWS_REGION=eu-1\nOF_A_PRODUCT=7\nPOSTGRES_PASSWORD=secret\n"
    )
    services = told(tmp_path, COMPOSE_ENV_FILES=str(file))
    found = services[part]["environment"]
    assert found["MLFACTORY_LAKE"] == "s3://bucket/x"
    assert found["AWS_REGION"] == "eu-1"
    assert found["OF_A_PRODUCT"] == "7"
    # which is for the service that makes the files of secrets alone
    assert not found["POSTGRES_PASSWORD"]
    assert services["secrets"]["environment"]["POSTGRES_PASSWORD"] == "secret"
    # what the command is given counts first
    assert (
        told(tmp_path, COMPOSE_ENV_FILES=str(file), AWS_REGION="eu-2")[part]["environment"][
            "AWS_REGION"
        ]
        == "eu-2"
    )
