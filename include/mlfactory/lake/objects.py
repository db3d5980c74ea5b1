"""Objects of S3 that are not the lake's: found, looked at and read, never written.

Where the server is, and as whom it is asked, the environment says as for the lake (`lake.s3`).
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mlfactory.lake.s3 import client
from mlfactory.product.errors import ContractError, FactoryError, ServiceError

_PIECE = 8 << 20
"""Bytes that are asked for at once where an object is read from end to end."""

_WAITS = (0.2, 1.0)
"""Seconds before a piece whose answer broke off is asked for again."""

_ABSENT = frozenset({"NoSuchKey", "404", "NotFound", "NoSuchVersion", "NoSuchBucket"})
_REFUSED = frozenset(
    {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
)
_CHANGED = frozenset({"PreconditionFailed", "412", "InvalidRange", "416"})


class ChangedObject(ServiceError):
    """An object is another one than when its reading began."""


@dataclass(frozen=True)
class S3Object:
    """An object as it was found.

    Attributes:
        tag: the server's own of its content.
        changed_at: seconds since 1970.
    """

    bucket: str
    key: str
    size: int
    tag: str
    changed_at: float

    @property
    def address(self) -> str:
        """Return where it is, without anything secret."""
        return f"s3://{self.bucket}/{self.key}"

    def identity(self) -> tuple[str | int, ...]:
        """Return what is another one as soon as the object is written again."""
        return (self.address, self.tag, self.size, str(self.changed_at))

    def now(self) -> S3Object:
        """Return the object as it is now.

        Raises:
            FileNotFoundError: it is gone.
        """
        found = find_object(self.bucket, self.key)
        if found is None:
            raise FileNotFoundError(2, "no such object", self.address)
        return found

    def open(self) -> io.RawIOBase:
        """Return its bytes, from any place; each read asks for those only.

        Reading raises `FileNotFoundError` if it is gone, `ChangedObject` if it is another one,
        `ServiceError` if the server does not answer or breaks off, `ContractError` if it refuses.
        """
        return _Reading(self)

    def stream(self) -> io.BufferedReader:
        """Return its bytes for whoever reads them from end to end."""
        return io.BufferedReader(self.open(), _PIECE)


def find_object(bucket: str, key: str) -> S3Object | None:
    """Return an object, None if there is none of this name (or no such bucket)."""
    try:
        with _told(f"s3://{bucket}/{key}"):
            found = client().head_object(Bucket=bucket, Key=key)
    except FileNotFoundError:
        return None
    return _object(bucket, key, found, found["ContentLength"])


def objects_below(bucket: str, prefix: str) -> list[S3Object]:
    """Return the objects whose names begin with `prefix`, sorted.

    Raises:
        FileNotFoundError: there is no such bucket.
    """
    with _told(f"s3://{bucket}/{prefix}"):
        pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = [one for page in pages for one in page.get("Contents", ())]
    objects = [_object(bucket, one["Key"], one, one["Size"]) for one in found]
    return sorted(
        (each for each in objects if not each.key.endswith("/")), key=lambda each: each.key
    )


class _Reading(io.RawIOBase):
    """The bytes of an object, by requests for ranges of them."""

    def __init__(self, of: S3Object) -> None:
        self._of = of
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._of.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, into: Any) -> int:
        count = min(len(into), self._of.size - self._at)
        if count <= 0:
            return 0
        into[:count] = self._range(self._at, count)
        self._at += count
        return count

    def readall(self) -> bytes:
        count = self._of.size - self._at
        found = self._range(self._at, count) if count > 0 else b""
        self._at += len(found)
        return found

    def _range(self, start: int, count: int) -> bytes:
        """Return bytes of the object; asks again where an answer broke off."""
        for wait in (*_WAITS, None):
            try:
                return self._asked(start, count)
            except ChangedObject:
                raise
            except ServiceError:
                if wait is None:
                    raise
                time.sleep(wait)
        raise AssertionError("the last wait is None")

    def _asked(self, start: int, count: int) -> bytes:
        of = self._of
        with _told(of.address):
            answer = client().get_object(
                Bucket=of.bucket,
                Key=of.key,
                Range=f"bytes={start}-{start + count - 1}",
                IfMatch=of.tag,
            )
            found: bytes = answer["Body"].read()
        if len(found) != count:
            raise ServiceError(
                f"{of.address}: the server gave {len(found):,} of {count:,} bytes",
                remedy="run it again when the server is well",
            )
        return found


def _object(bucket: str, key: str, told: Mapping[str, Any], size: int) -> S3Object:
    return S3Object(bucket, key, int(size), str(told["ETag"]), told["LastModified"].timestamp())


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Turn what boto3 raises into errors that say where, and what to do about it."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except ClientError as error:
        raise _error_of(str(error.response["Error"].get("Code", "")), address, error) from error
    except NoCredentialsError as error:
        raise ContractError(
            f"{address} cannot be read: there are no credentials for S3",
            remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the "
            "machine a role",
        ) from error
    except BotoCoreError as error:
        raise ServiceError(
            f"{address}: S3 does not answer, or broke off: {error}",
            remedy="run it again when the server is well; where it is another one, set "
            "AWS_ENDPOINT_URL",
        ) from error


def _error_of(code: str, address: str, error: Exception) -> FactoryError | OSError:
    if code in _ABSENT:
        return FileNotFoundError(2, "no such bucket" if code == "NoSuchBucket" else code, address)
    if code in _CHANGED:
        return ChangedObject(
            f"{address} changed while it was read; nothing of it was landed",
            remedy="run it again when it is complete",
        )
    if code in _REFUSED:
        return ContractError(
            f"{address}: S3 refuses to give it: {code}",
            remedy="see whose credentials are used (AWS_ACCESS_KEY_ID, AWS_PROFILE, the machine's "
            "role), and whether they may list and read there",
        )
    return ServiceError(f"{address}: S3 failed: {error}", remedy="run it again later")
