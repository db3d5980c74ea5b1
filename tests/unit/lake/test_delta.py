"""What delta-rs says about S3: the status decides, and no other digits of its words."""

from __future__ import annotations

import pytest
from deltalake.exceptions import DeltaError

from mlfactory.lake.delta import told
from mlfactory.product.errors import FactoryError, IntegrityError, ServiceError, UsageError

ASKED = (
    "Error performing PUT http://127.0.0.1:{port}/b/shop/part-00000-1b2f{file}-aa.parquet in "
    "{took}ms, after 10 retries - Server returned non-2xx status code: {status}"
)
AWAY = "503 Service Unavailable: <Error><Code>SlowDown</Code></Error>"
DENIED = "403 Forbidden: <Error><Code>AccessDenied</Code><AWSAccessKeyId>AKIA</AWSAccessKeyId>"
A_TREE = (
    "Generic S3 error\n  \x1b[31m↳\x1b[0m Error performing PUT http://127.0.0.1:9/b in 401ms\n"
    "  \x1b[31m↳\x1b[0m Server returned non-2xx status code\n  \x1b[31m↳\x1b[0m {status}\n"
)


def said(status: str, port: str = "9000", file: str = "5013", took: str = "3.2") -> str:
    return ASKED.format(port=port, file=file, took=took, status=status)


def error_about(raised: Exception) -> Exception:
    with pytest.raises((FactoryError, FileNotFoundError)) as caught, told("s3://b/shop/sales"):
        raise raised
    return caught.value


@pytest.mark.parametrize("kind", [OSError, DeltaError])
@pytest.mark.parametrize(
    "words",
    [
        said(AWAY),
        said(AWAY, port="40340"),
        said(AWAY, file="4014"),
        said(AWAY, took="1.403"),
        said(AWAY, file="-404-NoSuchKey-"),
        A_TREE.format(status="503 Service Unavailable"),
    ],
)
def test_an_outage_is_an_outage_whatever_digits_stand_beside_it(
    kind: type[Exception], words: str
) -> None:
    error = error_about(kind(f"Failed to parse parquet: External: Generic S3 error: {words}"))
    assert type(error) is ServiceError
    assert "status code: 503 Service Unavailable" in str(error)


@pytest.mark.parametrize("kind", [OSError, DeltaError])
@pytest.mark.parametrize(
    "words",
    [
        said(DENIED),
        A_TREE.format(status="401 Unauthorized"),
        f"The operation lacked the necessary privileges to complete for path b: {said('')}",
    ],
)
def test_who_may_not_write_rows_is_told_so(kind: type[Exception], words: str) -> None:
    error = error_about(kind(words))
    assert type(error) is UsageError
    assert "S3 refuses s3://b/shop/sales" in str(error)
    assert "AKIA" not in str(error)


def test_an_object_that_is_gone_is_a_file_that_is_gone() -> None:
    words = said("404 Not Found: <Error><Code>NoSuchKey</Code></Error>")
    assert type(error_about(OSError(words))) is FileNotFoundError


def test_a_damaged_table_on_s3_is_no_outage() -> None:
    error = error_about(DeltaError("Invalid table: no metadata in version 403 of s3://b/shop"))
    assert type(error) is IntegrityError
