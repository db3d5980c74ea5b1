"""The users of the two databases: each start gives them the password that is among the secrets."""

from __future__ import annotations

from typing import Any, Self

import pytest

from mlfactory.cli.server.migrate import _made


class Roles:
    """A connection of PostgreSQL's, as far as it is used: it has some roles or none."""

    def __init__(self, *, has: bool) -> None:
        self.has = has
        self.done: list[str] = []

    def cursor(self) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def execute(self, what: Any, *_: object) -> None:
        self.done.append(str(what))

    def fetchone(self) -> object:
        return (1,) if self.has else None


@pytest.mark.parametrize(("has", "verb"), [(True, "ALTER"), (False, "CREATE")])
def test_a_role_that_is_there_gets_the_password_of_now(has: bool, verb: str) -> None:
    roles = Roles(has=has)
    assert _made(roles, "airflow", "secret") is not has
    (role,) = (each for each in roles.done if "ROLE" in each)
    assert verb in role and "Literal('secret')" in role
