"""The record of the local stack: what was started, what lives of it, and how it is.

Each service lives and dies by itself, and is told of by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from mlfactory.cli.local_files import read_json, write_json
from mlfactory.cli.processes import Leader, members
from mlfactory.cli.services import airflow_health, mlflow_answers, server_answers
from mlfactory.product.errors import FactoryError, UsageError
from mlfactory.settings import Settings

REVIVE = "start it again: mlfactory up"
_REVIVE_BY = {"airport": "start it again: mlfactory demo"}
_RESTART = "start it again: mlfactory down; mlfactory up"
_TITLES = {"airflow": "Airflow", "mlflow": "MLflow", "airport": "the airport of the demonstration"}


@dataclass(frozen=True)
class Running:
    """A stack that was started.

    Attributes:
        leaders: the leading process of each service that was started; it may have died since.
        addresses: where each service answers on this machine.
        urls: where a person opens each.
        others: what is used and was not started here, and where it answers.
    """

    id: str
    leaders: Mapping[str, Leader]
    addresses: Mapping[str, str]
    urls: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def dead(self) -> list[str]:
        """Return the services whose leading process has ended, or was never written down."""
        leaders = {name: self.leaders.get(name) for name in self.addresses}
        return [name for name, leader in leaders.items() if not (leader and leader.process())]

    @property
    def obituary(self) -> str:
        """Return which services have died, in a sentence; empty if none has."""
        dead = " and ".join(_TITLES[name] for name in self.dead)
        return f"{dead} of the stack has died" if dead else ""

    def has(self, service: str) -> bool:
        """Tell whether anything of a service lives, be it only what its leader left behind."""
        return bool(members(self.id, self.leaders, service))

    @property
    def airflow_url(self) -> str:
        """Return where Airflow is."""
        return self.addresses["airflow"]

    @property
    def mlflow_url(self) -> str:
        """Return where a person finds MLflow."""
        return self.urls["mlflow"]


def running(settings: Settings) -> Running | None:
    """Return the stack of this home if anything of it runs, None if not.

    Raises:
        UsageError: if the record of the stack cannot be read.
    """
    found = recorded(settings)
    return found if found and members(found.id, found.leaders) else None


class Ailment(NamedTuple):
    """What is wrong with a service of the stack, and what to do about it."""

    service: str
    problem: str
    remedy: str


def ailments(found: Running) -> list[Ailment]:
    """Return what is wrong with each service that is not well.

    A process can be there and do nothing: a scheduler tells of itself by its heartbeat.
    """
    dead = found.dead
    wrong = [
        Ailment(name, f"{_TITLES[name]} has died", _REVIVE_BY.get(name, REVIVE)) for name in dead
    ]
    if "airflow" not in dead and (told := _airflows_ailment(found.airflow_url)):
        problem = f"Airflow at {found.airflow_url} is unwell: {told}"
        wrong.append(Ailment("airflow", problem, _RESTART))
    own = found.addresses.get("mlflow")
    if own and "mlflow" not in dead and not mlflow_answers(own):
        problem = f"MLflow at {own} does not answer"
        wrong.append(Ailment("mlflow", problem, _RESTART))
    other = found.others.get("mlflow")
    if other and not server_answers(other):
        wrong.append(unanswered(other))
    return wrong


def unanswered(other_mlflow: str) -> Ailment:
    """Return what is wrong where the MLflow that the settings name does not answer."""
    return Ailment(
        "mlflow",
        f"MLflow at {other_mlflow}, which MLFACTORY_MLFLOW_URI names, does not answer",
        "start it there, or leave that out: mlfactory up then starts one of its own",
    )


def _airflows_ailment(url: str) -> str:
    health = airflow_health(url)
    if not health:
        return "it does not answer"
    for part in ("scheduler", "dag_processor"):
        told = health.get(part) or {}
        if told.get("status") != "healthy":
            last = told.get(f"latest_{part}_heartbeat")
            return f"its {part.replace('_', ' ')} {_silence(last)}"
    return ""


def _silence(last: str | None) -> str:
    if not last:
        return "has never been heard of"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds()
    return f"has not been heard of for {seconds:,.0f} s"


def write(settings: Settings, stack: Running) -> None:
    """Write down what there is of a stack."""
    write_json(_state_file(settings), asdict(stack))


def recorded(settings: Settings) -> Running | None:
    """Return the stack that was started last and not stopped, whatever became of it since.

    Raises:
        UsageError: if the record of the stack cannot be read.
    """
    path = _state_file(settings)
    try:
        content = read_json(path)
        if not content:
            return None
        leaders = {name: Leader(**told) for name, told in content["leaders"].items()}
        # written before another MLflow could be used, it names none: what it tells of can be ended
        others = content.get("others", {})
        return Running(content["id"], leaders, content["addresses"], content["urls"], others)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> FactoryError:
    return UsageError(
        f"{path} does not tell which processes the stack has ({type(error).__name__}: {error}); "
        "another revision of mlfactory, or a person, wrote it",
        remedy="end what it names by hand (ps -ef | grep -e 'airflow standalone' -e 'mlflow "
        f"server'), then remove {path}",
    )


def forget(settings: Settings) -> None:
    """Remove the record of a stack that has been stopped."""
    _state_file(settings).unlink(missing_ok=True)


def _state_file(settings: Settings) -> Path:
    return settings.home / "stack.json"
