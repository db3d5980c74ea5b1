"""What docker-compose.yaml passes on to containers: settings to all, secrets to one."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mlfactory.cli.server.secrets import MADE
from mlfactory.settings import REPOSITORY, Settings

SERVICES: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())[
    "services"
]
OURS = {name for name, service in SERVICES.items() if "env_file" in service}
SECRETS = {name.upper() for name in MADE} - {"MLFACTORY_STACK_NAME"}


def test_what_is_given_of_the_secrets_is_in_the_environment_of_one_service_alone() -> None:
    for name in OURS:
        environment = SERVICES[name]["environment"]
        given = {each for each in SECRETS if environment[each] != ""}
        assert given == (SECRETS if name == "secrets" else set()), name


def test_the_secrets_are_changed_by_one_service_alone() -> None:
    for name, service in SERVICES.items():
        mounts = [each for each in service["volumes"] if "/run/mlfactory" in str(each)]
        assert mounts, name
        for mount in mounts:
            is_read_only = (
                mount.get("read_only") if isinstance(mount, dict) else mount.endswith(":ro")
            )
            assert is_read_only == (name != "secrets"), name


@pytest.mark.parametrize("part", sorted(OURS))
def test_every_setting_may_be_given_in_the_environment_as_in_the_file(part: str) -> None:
    # folders of this machine are none of a container, ports and addresses are those of the file,
    # and addresses with a password in them are made with the secrets
    others = {"environments", "products", "spool", "airflow_port", "mlflow_port"}
    others |= {"airflow_database", "mlflow_database", "broker"}
    passed = SERVICES[part]["environment"]
    assert {
        name for name in Settings.model_fields if f"MLFACTORY_{name.upper()}" not in passed
    } == others


def test_the_address_that_is_published_is_none_of_a_container() -> None:
    for name in OURS:
        assert SERVICES[name]["environment"]["MLFACTORY_HOST"] == "127.0.0.1"


def test_who_brings_it_up_says_which_file_of_settings_is_read() -> None:
    for name in OURS:
        assert SERVICES[name]["env_file"] == [
            {"path": "${COMPOSE_ENV_FILES:-.env}", "required": False}
        ]
