"""The doctor asks a lake on S3 for all that machines agree by, and leaves nothing there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.s3.server import S3Server

from mlfactory.doctor import places, services
from mlfactory.doctor.finding import Check, side_by_side
from mlfactory.lake import s3
from mlfactory.settings import Settings


@pytest.fixture(autouse=True)
def reached(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the environment name the server."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    s3._client.cache_clear()
    yield
    s3._client.cache_clear()


def test_a_bucket_that_creates_only_what_is_absent_is_right(s3_server: S3Server) -> None:
    lake = f"s3://{s3_server.bucket}/doctor"
    assert places.place("lake", lake, "MLFACTORY_LAKE").state == "ok"
    found = s3_server.client.list_objects_v2(Bucket=s3_server.bucket, Prefix="doctor/")
    assert found["KeyCount"] == 0


def test_a_bucket_that_refuses_us_is_told_with_what_to_do() -> None:
    (found,) = side_by_side(
        [Check("lake", lambda: places.place("lake", "s3://another-bucket/x", "MLFACTORY_LAKE"))]
    )
    assert found.state == "wrong"
    assert "S3 refuses s3://another-bucket/x" in found.told and "AWS_PROFILE" in found.remedy


def test_the_clock_is_compared_with_that_of_the_store(s3_server: S3Server) -> None:
    found = services.clock(Settings(lake=f"s3://{s3_server.bucket}/doctor"), None)
    assert found.state == "ok" and "to the store" in found.told
