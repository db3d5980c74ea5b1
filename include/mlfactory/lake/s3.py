"""A store in an S3 bucket, and the way there: endpoint, region and credentials as AWS names them.

`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, … or a profile, or the machine's role: the
usual chain, which boto3 walks. Nothing of it is ever written down or logged.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from mlfactory.lake.store import Absent, Names, checked
from mlfactory.product.errors import FactoryError, ServiceError, UsageError

_AT_ONCE = 16
"""Requests that run side by side where many files are read or removed."""

_CONFLICT_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_WRITER = "writer"

_CHECKSUMS = "when_required"
"""Other servers do not know the newest checksums."""

_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
_EXISTS = frozenset({"PreconditionFailed", "412"})
_CONFLICT = frozenset({"ConditionalRequestConflict", "OperationAborted", "409"})
_REFUSED = frozenset(
    {"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
)


class S3Store:
    """A store of the objects of a bucket whose keys begin with a prefix; see `Store`."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self.bucket = bucket
        self.prefix = prefix

    def address(self, name: str = "") -> str:
        """See `Store`: the object's URI."""
        return f"s3://{self.bucket}/{self._key(name)}".rstrip("/")

    def below(self, prefix: str) -> S3Store:
        """See `Store`."""
        return S3Store(self.bucket, self._key(prefix))

    def read(self, name: str) -> bytes:
        """See `Store`."""
        content = self.find(name)
        if content is None:
            raise Absent(f"there is no {self.address(name)}", remedy="run the stage that writes it")
        return content

    def find(self, name: str) -> bytes | None:
        """See `Store`."""
        key = self._key(checked(name))
        try:
            with self._told(name):
                answer = client().get_object(Bucket=self.bucket, Key=key)
                content: bytes = answer["Body"].read()
        except Absent:
            return None
        return content

    def part(self, name: str, start: int, length: int) -> bytes:
        """See `Store`: only that part is sent."""
        with self._told(name):
            answer = client().get_object(
                Bucket=self.bucket,
                Key=self._key(checked(name)),
                Range=f"bytes={start}-{start + length - 1}",
            )
            content: bytes = answer["Body"].read()
        return content

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """See `Store`: several at once."""
        wanted = list(names)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = dict(zip(wanted, pool.map(self.find, wanted), strict=True))
        return {name: content for name, content in found.items() if content is not None}

    def write(self, name: str, content: bytes) -> None:
        """See `Store`: an object is replaced in one step."""
        with self._told(name):
            client().put_object(Bucket=self.bucket, Key=self._key(checked(name)), Body=content)

    def create(self, name: str, content: bytes) -> bool:
        """See `Store`: the server refuses to replace an object.

        A request whose answer was lost is sent again, and then refused for the object that it made
        itself; so each call leaves a mark of its own with the object, and looks for it.
        """
        mark = secrets.token_hex(8)
        for wait in (*_CONFLICT_SECONDS, None):
            try:
                with self._told(name):
                    client().put_object(
                        Bucket=self.bucket,
                        Key=self._key(checked(name)),
                        Body=content,
                        IfNoneMatch="*",
                        Metadata={_WRITER: mark},
                    )
                return True
            except _Exists:
                return self._mark_of(name) == mark
            except _Conflict:
                if wait is None:
                    raise
                time.sleep(wait)
        raise AssertionError("the last wait is None")

    def list(self, prefix: str = "", *, after: str = "") -> Names:
        """See `Store`."""
        return sorted(self._listed(prefix, after))

    def marks(self, prefix: str) -> dict[str, str]:
        """See `Store`: the server's own tag of what an object holds."""
        return {name: str(one["ETag"]) for name, one in sorted(self._listed(prefix).items())}

    def sizes(self) -> dict[str, int]:
        """See `Store`."""
        return {name: int(one["Size"]) for name, one in sorted(self._listed("").items())}

    def delete(self, name: str) -> None:
        """See `Store`."""
        with self._told(name):
            client().delete_object(Bucket=self.bucket, Key=self._key(checked(name)))

    def delete_all(self, prefix: str = "") -> None:
        """See `Store`: what is written meanwhile may stay."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self.delete, self.list(prefix)))

    def _listed(self, prefix: str, after: str = "") -> dict[str, dict[str, Any]]:
        """Return what is told of every object below a folder, by name; a thousand a request."""
        start = f"{self._key(prefix)}/" if self._key(prefix) else ""
        asked = {"Bucket": self.bucket, "Prefix": start}
        if after:
            asked["StartAfter"] = self._key(after)
        own = f"{self.prefix}/" if self.prefix else ""
        with self._told(prefix):
            pages = client().get_paginator("list_objects_v2").paginate(**asked)
            found = [one for page in pages for one in page.get("Contents", ())]
        return {one["Key"].removeprefix(own): one for one in found if not one["Key"].endswith("/")}

    def _key(self, name: str) -> str:
        return "/".join(part for part in (self.prefix, checked(name) if name else "") if part)

    def _mark_of(self, name: str) -> str | None:
        try:
            with self._told(name):
                answer = client().head_object(Bucket=self.bucket, Key=self._key(name))
        except Absent:
            return None
        found: str | None = answer["Metadata"].get(_WRITER)
        return found

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Turn what boto3 raises into errors that say where, and what to do about it."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        address = self.address(name)
        try:
            yield
        except ClientError as error:
            raise _error_of(str(error.response["Error"].get("Code", "")), address, error) from error
        except NoCredentialsError as error:
            raise UsageError(
                f"{address} cannot be reached: there are no credentials for S3",
                remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the "
                "machine a role",
            ) from error
        except BotoCoreError as error:
            raise ServiceError(
                f"S3 does not answer for {address}: {error}",
                remedy="try again later; where the server is another one, set AWS_ENDPOINT_URL",
            ) from error


class _Exists(FactoryError):
    """There is an object of this name already."""


class _Conflict(ServiceError):
    """Another request about the same object is under way."""


def client() -> Any:
    """Return this process's client: with time limits, retries, and a connection for each thread."""
    return _client(os.getpid())


def storage_options() -> dict[str, str]:
    """Return what delta-rs needs to reach the same server with the same credentials.

    The values are secret. They are asked for anew each time, since those of a role expire.
    delta-rs takes from the environment whatever is not said here, by rules of its own.

    Raises:
        UsageError: the environment has a session token that goes with other credentials.
    """
    made = client()
    endpoint = str(made.meta.endpoint_url)
    options = {
        "AWS_ENDPOINT_URL": endpoint,
        # in the environment this one goes before the other
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_REGION": str(made.meta.region_name),
        "AWS_ALLOW_HTTP": str(endpoint.startswith("http://")).lower(),
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
        "AWS_SKIP_SIGNATURE": "false",
    }
    found = made._request_signer._credentials
    if found is not None:
        frozen = found.get_frozen_credentials()
        options["AWS_ACCESS_KEY_ID"] = frozen.access_key
        options["AWS_SECRET_ACCESS_KEY"] = frozen.secret_key
        if frozen.token:
            options["AWS_SESSION_TOKEN"] = frozen.token
        elif "AWS_SESSION_TOKEN" in os.environ:
            raise UsageError(
                "AWS_SESSION_TOKEN is set, but the credentials that are used have none: it goes "
                "with others",
                remedy="unset it, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY beside it",
            )
    return options


def reached_by_others() -> dict[str, str]:
    """Return the variables with which boto3 reaches the same server in a program of another's.

    Credentials are not among them: that program walks the same chain.
    """
    made = client()
    return {
        "AWS_ENDPOINT_URL_S3": str(made.meta.endpoint_url),
        "AWS_DEFAULT_REGION": str(made.meta.region_name),
        "AWS_REQUEST_CHECKSUM_CALCULATION": _CHECKSUMS,
        "AWS_RESPONSE_CHECKSUM_VALIDATION": _CHECKSUMS,
    }


def dated(bucket: str) -> str:
    """Return the `Date` of the server's answer to a request, nothing if it says or answers none.

    One that refuses us, perhaps since our clock is wrong, says it as well.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client().list_objects_v2(Bucket=bucket, MaxKeys=1)
    except ClientError as error:
        answer = error.response
    except BotoCoreError:
        return ""
    return str(answer["ResponseMetadata"]["HTTPHeaders"].get("date", ""))


def addressing_style() -> str:
    """Return how a bucket is named in an address: `path`, or `auto` where Amazon's rules hold."""
    return _style(str(client().meta.endpoint_url))


@lru_cache(maxsize=1)
def _client(process: int) -> Any:
    """Make the client of a process; connections do not survive a fork.

    What boto3 finds counts, in the environment or in a profile of AWS's files; only where the
    server is has to be known before the client is made that goes there.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.session.Session()
        # boto3 reads AWS_DEFAULT_REGION and the profile, all others of Amazon's libraries this
        region = os.environ.get("AWS_REGION") or session.region_name
        endpoint = session.client("s3", region_name=region or "us-east-1").meta.endpoint_url
        return session.client(
            "s3",
            # servers other than Amazon's take any, and most have none
            region_name=region or "us-east-1",
            config=_configuration(str(endpoint)),
        )
    except (BotoCoreError, ValueError) as error:
        raise UsageError(
            f"S3 cannot be used: {error}",
            remedy="correct AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL or what they name in the "
            "files of AWS",
        ) from error


def _configuration(endpoint: str) -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 5},
        max_pool_connections=2 * _AT_ONCE,
        tcp_keepalive=True,
        s3={"addressing_style": _style(endpoint)},
        request_checksum_calculation=_CHECKSUMS,
        response_checksum_validation=_CHECKSUMS,
    )


def _style(endpoint: str) -> str:
    # other servers do not know a bucket by its host's name
    host = urlsplit(endpoint).hostname or ""
    return "auto" if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) else "path"


def _error_of(code: str, address: str, error: Exception) -> FactoryError:
    if code == "NoSuchBucket":
        bucket = urlsplit(address).hostname
        return UsageError(
            f"{address} cannot be reached: there is no bucket '{bucket}'",
            remedy="make it, or correct MLFACTORY_LAKE and MLFACTORY_ARTIFACTS",
        )
    if code in _ABSENT:
        return Absent(f"there is no {address}", remedy="run the stage that writes it")
    if code in _EXISTS:
        return _Exists(f"{address} exists")
    if code in _CONFLICT:
        return _Conflict(f"S3 does not settle who writes {address}: {error}", remedy="try again")
    if code in _REFUSED:
        return UsageError(
            f"S3 refuses {address}: {code}",
            remedy="see whose credentials are used (AWS_ACCESS_KEY_ID, AWS_PROFILE, the machine's "
            "role), and whether they may list, read, write and delete there",
        )
    return ServiceError(f"S3 failed for {address}: {error}", remedy="try again later")
