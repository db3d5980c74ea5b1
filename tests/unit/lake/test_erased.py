"""Who was erased stays known, whatever else goes, and only by the key they were noted with."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlfactory.lake.erased import Erasure, Form, Sought, erasures, erasures_and_key, note_erased
from mlfactory.lake.pii_key import name_of
from mlfactory.lake.removal import end_removal, held, remove_everything
from mlfactory.lake.removal_note import begin_removal, removal_under_way
from mlfactory.lake.store import product_store
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.settings import settings

KEY = "of a test, and as long as it has to be"


@pytest.fixture(autouse=True)
def key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFACTORY_PII_KEY", KEY)
    settings.cache_clear()


def erasure(key: str = KEY) -> Erasure:
    sought = (Sought("email", "", (Form(False, 7, "abc"),)),)
    return Erasure("1234", name_of(key.encode()), sought, "request 4711", "me")


def test_an_erasure_is_noted_once_and_read_back() -> None:
    noted = note_erased("shop", erasure())
    assert noted.at and note_erased("shop", erasure()) == noted
    assert erasures("shop") == [noted]
    assert erasures_and_key("shop") == ([noted], KEY.encode())
    assert erasures_and_key("other") == ([], b"")


def test_a_reset_leaves_who_was_erased_and_nothing_else() -> None:
    note_erased("shop", erasure())
    store = product_store("shop")
    store.write("manifests/ingest/2024-01-01.json", b"{}")
    begin_removal("shop")
    assert list(remove_everything("shop")) == ["manifests"]
    end_removal("shop")
    assert store.list() == ["erased/1234.json"]
    assert held("shop") == {} and removal_under_way("shop") is None


def test_without_the_key_nobody_would_be_known_so_nothing_lands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    note_erased("shop", erasure("another key, which is as long as it has to be"))
    with pytest.raises(ContractError, match="1 subjects were erased with another"):
        erasures_and_key("shop")
    monkeypatch.delenv("MLFACTORY_PII_KEY")
    settings.cache_clear()
    with pytest.raises(UsageError, match="MLFACTORY_PII_KEY is not set"):
        erasures_and_key("shop")
