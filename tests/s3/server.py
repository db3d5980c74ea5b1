"""An S3 server on loopback for tests: real HTTP, with authorisation on."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

KINDS = ("moto", "radosgw")


@dataclass(frozen=True)
class S3Server:
    """Where a server is and who may use it, in the words of the environment."""

    bucket: str
    environment: dict[str, str]

    @cached_property
    def client(self) -> Any:
        """Return a client of its user, whatever a test makes of the environment later."""
        return boto3.client(
            "s3",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    def clear(self, prefix: str) -> None:
        """Delete all below a prefix: moto looks through every key of a bucket to list a few."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        for page in pages:
            keys = [{"Key": found["Key"]} for found in page.get("Contents", ())]
            if keys:
                self.client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True}
                )


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[S3Server]:
    """Start a server of a kind with an empty bucket, and stop it at the end.

    Args:
        folder: for its files and its log.
    """
    if kind == "radosgw":
        from tests.s3 import radosgw

        with radosgw.serving(folder) as server:
            yield server
    else:
        from tests.s3 import moto

        with moto.serving(folder) as server:
            yield server


def environment(endpoint: str, key: str, secret: str) -> dict[str, str]:
    """Return what tells a client where the server is, and as whom to ask."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, ready: Callable[[], bool], log: Path, seconds: float = 60) -> None:
    """Wait until `ready`, or fail with the end of the log."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            text = log.read_text(errors="replace") if log.exists() else ""
            raise TimeoutError(f"{what} did not start within {seconds} s:\n{text[-3000:]}")
        time.sleep(0.1)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
