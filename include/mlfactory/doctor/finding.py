"""What a check finds, and how checks run: side by side, each with its time, each error in words."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote

from pydantic import SecretStr

from mlfactory.product.errors import FactoryError
from mlfactory.settings import Settings, without_login

SECONDS = 10.0
"""What a check may take; whatever answers later is of no use to a task either."""

State = Literal["ok", "wrong", "absent"]

_LOGIN = re.compile(r"://[^:\s]*?:(\S+)@|[?&](?:password|token)=([^&#\s]+)")
_SHORTEST_SECRET = 4


@dataclass(frozen=True)
class Finding:
    """How something stands.

    Attributes:
        state: `absent` is what the settings do not name, or nobody started: no fault.
        remedy: what to do about it; nothing where it is right.
    """

    what: str
    state: State
    told: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """A question about one thing, and how long its answer may take, in seconds."""

    what: str
    ask: Callable[[], Finding | list[Finding]]
    seconds: float = SECONDS


def side_by_side(checks: Sequence[Check]) -> list[Finding]:
    """Return what all checks find, in their order; one that hangs holds up no other."""
    answers: dict[int, list[Finding]] = {}

    def ask(place: int) -> None:
        answers[place] = _asked(checks[place])

    # daemons: what still hangs when the command has told everything ends with it
    threads = [
        threading.Thread(target=ask, args=(place,), daemon=True) for place in range(len(checks))
    ]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread, check in zip(threads, checks, strict=True):
        thread.join(max(0.0, begun + check.seconds - time.monotonic()))
    return [
        finding
        for place, check in enumerate(checks)
        for finding in answers.get(place, [_silent(check)])
    ]


def without_secrets(findings: Sequence[Finding], settings: Settings) -> list[Finding]:
    """Return findings that show no secret of the settings, whatever an error's text quotes."""
    secrets = sorted(_secrets(settings), key=len, reverse=True)

    def shown(text: str) -> str:
        text = re.sub(r"\S+://\S+", lambda found: without_login(found[0]), text)
        for secret in secrets:
            text = text.replace(secret, "***")
        return text

    return [replace(one, told=shown(one.told), remedy=shown(one.remedy)) for one in findings]


def _asked(check: Check) -> list[Finding]:
    try:
        found = check.ask()
    except FactoryError as error:
        return [Finding(check.what, "wrong", error.problem, error.remedy)]
    except Exception as error:
        # whatever a driver or a server's answer raises is about this check alone
        told = " ".join(f"{type(error).__name__}: {error}".split())
        return [Finding(check.what, "wrong", told, "correct the setting, or mend what it names")]
    return found if isinstance(found, list) else [found]


def _silent(check: Check) -> Finding:
    return Finding(
        check.what,
        "wrong",
        f"no answer within {check.seconds:g} s",
        "see whether it is reached from here (address, port, firewall) and how busy it is",
    )


def _secrets(settings: Settings) -> set[str]:
    found = set()
    for value in (getattr(settings, name) for name in type(settings).model_fields):
        plain = value.get_secret_value() if isinstance(value, SecretStr) else None
        if plain:
            found.add(plain)
        for login in _LOGIN.findall(plain or (value if isinstance(value, str) else "")):
            found |= {said for password in login for said in (password, unquote(password))}
    # a shorter one would take letters out of words, and tells as much by that
    return {one for one in found if len(one) >= _SHORTEST_SECRET}
