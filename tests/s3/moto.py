"""The first lane: moto, from PyPI, up in a second."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import boto3

from mlfactory.settings import REPOSITORY
from tests.s3.server import S3Server, answers, environment, free_port, wait_for

BUCKET = "factory"
_APP = "tests.s3.moto_app:app"
_SERVED = "--workers 1 --worker-class gthread --threads 32 --keep-alive 60 --graceful-timeout 1"
"""By one process, since it keeps all in memory. Connections stay open: a new one for each request,
as its own server makes, costs as much again as most requests do."""

_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        }
    ],
}


@contextmanager
def serving(folder: Path) -> Iterator[S3Server]:
    """Start the server, and let one user use one bucket."""
    port, log = free_port(), folder / "moto.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                *_SERVED.split(),
                "--bind",
                f"127.0.0.1:{port}",
                _APP,
            ],
            cwd=REPOSITORY,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for("moto", lambda: answers(port), log)
        endpoint = f"http://127.0.0.1:{port}"
        yield S3Server(BUCKET, environment(endpoint, *_user(endpoint)))
    finally:
        process.terminate()
        process.wait(timeout=30)


def _user(endpoint: str) -> tuple[str, str]:
    """Make the bucket and the user, and from then on refuse whoever is not allowed."""

    def client(service: str) -> object:
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="root",
            aws_secret_access_key="root",
        )

    client("s3").create_bucket(Bucket=BUCKET)
    iam = client("iam")
    iam.create_user(UserName="factory")
    iam.put_user_policy(UserName="factory", PolicyName="bucket", PolicyDocument=json.dumps(_POLICY))
    key = iam.create_access_key(UserName="factory")["AccessKey"]
    plain = {"Content-Type": "text/plain"}
    with urlopen(Request(f"{endpoint}/moto-api/reset-auth", b"0", plain)) as answer:
        answer.read()
    return key["AccessKeyId"], key["SecretAccessKey"]
