"""What holds of a store in a folder holds of one in a bucket."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.s3.server import S3Server, free_port
from tests.unit.lake.test_store import (  # noqa: F401
    test_a_damaged_file_is_named,
    test_a_file_that_is_written_again_has_another_mark,
    test_a_list_is_of_all_files_below_a_folder_in_order,
    test_a_name_that_leads_out_or_is_none_is_refused,
    test_a_store_below_another_has_names_of_its_own,
    test_creating_does_not_overwrite,
    test_equal_content_gives_equal_files,
    test_names_of_every_kind_come_back_as_they_are,
    test_of_many_who_create_the_same_one_is_told_that_it_did,
    test_of_several_those_that_exist_are_read,
    test_what_is_deleted_is_gone_and_nothing_else,
    test_what_is_not_there_is_an_error_or_nothing_by_what_was_asked,
    test_what_is_written_is_read,
)

from mlfactory.lake import s3
from mlfactory.lake.store import Store, store_at
from mlfactory.product.errors import ServiceError, UsageError


@pytest.fixture(autouse=True)
def reached(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store(s3_server: S3Server) -> Store:
    return store_at(f"s3://{s3_server.bucket}/{uuid4().hex}")


@pytest.fixture
def another_client() -> object:
    """Let the test's own environment count, and nothing of it afterwards."""
    s3._client.cache_clear()
    yield
    s3._client.cache_clear()


def test_more_files_than_a_page_of_a_list_holds(store: Store) -> None:
    names = [f"many/{number:04d}" for number in range(1010)]
    with s3.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: store.write(name, b""), names))
    assert store.list("many") == names
    assert store.list("many", after=names[-2]) == names[-1:]
    assert list(store.marks("many")) == names


def test_what_an_answer_was_lost_of_was_created_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request comes through and its answer does not: the client sends it again."""
    real = s3.client()

    class Lossy:
        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def put_object(self, **asked: object) -> object:
            real.put_object(**asked)
            return real.put_object(**asked)

    monkeypatch.setattr(s3, "client", Lossy)
    assert store.create("claim", b"mine")
    assert not store.create("claim", b"mine")


@pytest.mark.usefixtures("another_client")
def test_who_may_not_is_told_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    for ask in (lambda: store.read("a"), lambda: store.write("a", b""), store.list):
        with pytest.raises(UsageError, match="S3 refuses s3://") as caught:
            ask()
        assert "wrong" not in str(caught.value)


@pytest.mark.usefixtures("another_client")
def test_a_server_that_is_away_is_a_service_that_is_away(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ServiceError, match="S3 does not answer"):
        store.read("a")


def test_a_bucket_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"no bucket 'nowhere-at-all'|S3 refuses s3://nowhere"):
        store_at("s3://nowhere-at-all/lake").list()
