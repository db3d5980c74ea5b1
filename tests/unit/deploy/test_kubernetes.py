"""What is handed to Kubernetes: as its API has it, of our image, with settings that are ours.

The values are also held against the chart's own schema, by helm, where the chart can be had: the
job "chart" of .github/workflows/factory.yml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from mlfactory.cli.server.environment import _SHARED
from mlfactory.cli.server.parts import PARTS
from mlfactory.cli.server.secrets import MADE
from mlfactory.settings import REPOSITORY, Settings

FOLDER = REPOSITORY / "deploy" / "kubernetes"
KUBERNETES = "1.34"
VALUES = yaml.safe_load((FOLDER / "values.yaml").read_text())
OF_CHART = {
    "apiServer": "api",
    "scheduler": "scheduler",
    "dagProcessor": "dag-processor",
    "triggerer": "triggerer",
    "workers": "worker",
}
MANIFESTS = [
    document
    for name in ("base", "mlflow", "training-workers")
    for document in yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text())
]
RELEASE = "factory"


def pod_of(part: str) -> dict[str, Any]:
    """Return the pod that the chart makes of our values, of what is ours in it."""
    found = VALUES[part]
    probes = {
        name: dict(found[name]) for name in ("startupProbe", "livenessProbe") if name in found
    }
    for probe in probes.values():
        command = probe.pop("command", None)
        probe.update({"exec": {"command": command}} if command else {"tcpSocket": {"port": 8080}})
    container = {
        "name": "part",
        "image": "registry.example.com/mlfactory:REVISION",
        "args": found["args"],
        "env": VALUES["env"],
        "resources": found["resources"],
        "volumeMounts": VALUES["volumeMounts"],
        "securityContext": VALUES["securityContexts"]["containers"],
        **probes,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "part"},
        "spec": {
            "securityContext": VALUES["securityContexts"]["pod"],
            "initContainers": found["extraInitContainers"],
            "containers": [container],
            "volumes": VALUES["volumes"],
            "terminationGracePeriodSeconds": found.get("terminationGracePeriodSeconds", 30),
        },
    }


def containers(found: Any) -> Iterator[dict[str, Any]]:
    """Return every container anywhere in a document."""
    if isinstance(found, dict):
        for key, value in found.items():
            listed = key in ("containers", "initContainers", "extraInitContainers")
            if listed and isinstance(value, list):
                yield from value
            yield from containers(value)
    elif isinstance(found, list):
        for value in found:
            yield from containers(value)


def variables() -> list[str]:
    told = [one["name"] for one in VALUES["env"]]
    return told + [one["name"] for each in containers(MANIFESTS) for one in each["env"]]


@pytest.mark.parametrize("document", MANIFESTS, ids=lambda one: one["metadata"]["name"])
def test_manifests_are_as_the_api_of_kubernetes_has_them(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("part", OF_CHART)
def test_what_the_chart_is_given_for_a_pod_is_as_the_api_has_it(part: str) -> None:
    kubernetes_validate.validate(pod_of(part), KUBERNETES, strict=True)


def test_each_part_is_started_by_us_and_is_one_that_there_is() -> None:
    for chart, part in OF_CHART.items():
        assert VALUES[chart]["args"] == ["mlfactory", "server", "start", part]
    started = {each["args"][-1] for each in containers(MANIFESTS)}
    assert started | set(OF_CHART.values()) == set(PARTS)
    assert VALUES["migrateDatabaseJob"]["args"][:3] == ["mlfactory", "server", "migrate"]


def test_every_variable_is_a_setting_of_ours_or_one_of_few_others() -> None:
    others = {"HOME", "MLFLOW_SERVER_ALLOWED_HOSTS", "MLFACTORY_SECRETS"}
    ours = {f"MLFACTORY_{name.upper()}" for name in Settings.model_fields}
    assert set(variables()) - others <= ours


def test_mlflow_lets_itself_be_asked_by_the_name_that_people_are_sent_to() -> None:
    of_parts = {one["name"]: one.get("value") for one in VALUES["env"]}
    (mlflow,) = [each for each in containers(MANIFESTS) if each["args"][-1] == "mlflow"]
    told = {one["name"]: one["value"] for one in mlflow["env"]}
    assert told["MLFACTORY_MLFLOW_UI"] == of_parts["MLFACTORY_MLFLOW_UI"]
    assert "MLFLOW_SERVER_ALLOWED_HOSTS" in told  # to which its host is added


def test_all_run_as_the_user_of_the_dockerfile_and_change_nothing_of_the_image() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    uid = int(re.search(r"useradd --uid (\d+)", dockerfile)[1])  # type: ignore[index]
    pods = [VALUES["securityContexts"]["pod"]] + [
        one["spec"]["template"]["spec"]["securityContext"]
        for one in MANIFESTS
        if one["kind"] == "Deployment"
    ]
    for pod in pods:
        assert (pod["runAsUser"], pod["fsGroup"], pod["runAsNonRoot"]) == (uid, uid, True)
    assert (VALUES["uid"], VALUES["gid"]) == (uid, uid)
    for context in [
        VALUES["securityContexts"]["containers"],
        *(each["securityContext"] for each in containers([MANIFESTS, VALUES])),
    ]:
        assert context["readOnlyRootFilesystem"]
        assert not context["allowPrivilegeEscalation"]


def test_all_are_of_one_image_and_the_version_of_the_lock() -> None:
    image = "{repository}:{tag}".format(**VALUES["images"]["airflow"])
    named = {each["image"] for each in containers([MANIFESTS, VALUES])}
    assert named == {
        image,
        "{{ .Values.images.airflow.repository }}:{{ .Values.images.airflow.tag }}",
    }
    lock = (REPOSITORY / "requirements.txt").read_text()
    assert f"apache-airflow=={VALUES['airflowVersion']}\n" in lock


def test_probes_ask_what_is_in_the_image_about_the_part_they_are_of() -> None:
    asked = {
        part: VALUES[chart][probe]["command"]
        for chart, part in OF_CHART.items()
        for probe in ("startupProbe", "livenessProbe")
        if "command" in VALUES[chart].get(probe, {})
    }
    for each in containers(MANIFESTS):
        asked[each["args"][-1]] = each["livenessProbe"]["exec"]["command"]
    assert set(asked) == set(PARTS) - {"api"}  # which the chart asks by HTTP
    for part, command in asked.items():
        inside = command[2].removeprefix("/opt/mlfactory/")
        assert (REPOSITORY / inside).is_file()
        assert command[3] == part
        if part in ("triggerer", "dag-processor"):
            assert command[4] in {one["value"] for one in VALUES["env"]}


def test_no_service_gives_pods_a_variable_that_would_be_taken_for_a_setting() -> None:
    names = [f"{RELEASE}-api-server", f"{RELEASE}-redis", f"{RELEASE}-worker"]
    names += [one["metadata"]["name"] for one in MANIFESTS if one["kind"] == "Service"]
    assert not [name for name in names if name.upper().startswith("MLFACTORY")]
    told = (FOLDER / "values.yaml").read_text()
    assert f"helm install {RELEASE} " in told


def test_the_page_names_every_key_of_the_secret() -> None:
    page = (REPOSITORY / "docs" / "kubernetes.md").read_text()
    for key in (*(f"mlfactory_{name}" for name in _SHARED), *MADE, "mlfactory_mlflow_database"):
        assert f"`{key}`" in page
    assert f"--version {re.search(r'chart (1[.0-9]+[0-9])', page)[1]}" in page  # type: ignore[index]


def test_what_upkeep_and_migration_do_here_nobody_else_does() -> None:
    for part in ("scheduler", "dagProcessor", "triggerer", "workers"):
        assert VALUES[part]["logGroomerSidecar"] == {"enabled": False}
    for part in ("databaseCleanup", "createUserJob", "postgresql", "webserver"):
        assert VALUES[part] == {"enabled": False}
