"""The second lane: radosgw, the production server of Ceph, from Debian's packages.

One monitor, one OSD that keeps objects in memory, and the gateway, all on loopback; about a quarter
of a minute. Keys between them are made anew each time (radosgw 16 does not start without cephx).
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import boto3

from tests.s3.server import S3Server, answers, environment, free_port, wait_for

BUCKET = "factory"
PROGRAMS = (
    "ceph",
    "ceph-authtool",
    "ceph-mon",
    "ceph-osd",
    "monmaptool",
    "radosgw",
    "radosgw-admin",
)
PACKAGES = ("radosgw", "ceph-mon", "ceph-osd", "ceph-common")

_CONFIGURATION = """
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{monitor_port}]
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = {folder}/$name.keyring
run_dir = {folder}
log_file = {folder}/$name.log
admin_socket = {folder}/$name.asok
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_warn = 1
mon_data_avail_crit = 1
osd_objectstore = memstore
memstore_device_bytes = 4294967296
mon_data = {folder}/mon
osd_data = {folder}/osd
rgw_frontends = beast endpoint=127.0.0.1:{gateway_port} tcp_nodelay=1
rgw_enable_usage_log = false
rgw_thread_pool_size = 64
"""


@dataclass
class _Cluster:
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *command: str) -> str:
        """Run a program to its end and return what it printed."""
        done = subprocess.run(
            [command[0], "-c", str(self.folder / "ceph.conf"), *command[1:]],
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:3])}: {done.stderr[-2000:]}")
        return done.stdout

    def start(self, *command: str) -> None:
        """Start a program that stays until it is stopped."""
        with (self.folder / f"{command[0]}.out").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [*command, "-f", "-c", str(self.folder / "ceph.conf")],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def stop(self) -> None:
        """Stop what was started, the newest first."""
        for process in reversed(self.processes):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()
            process.wait(timeout=10)


@contextmanager
def serving(folder: Path) -> Iterator[S3Server]:
    """Start the gateway and what it stands on, with one user and one bucket."""
    if missing := missing_programs():
        raise RuntimeError(_how_to_get(missing))
    cluster, port = _Cluster(folder), free_port()
    try:
        _start_monitor(cluster, port)
        _start_osd(cluster)
        key, secret = _make_user(cluster)
        cluster.start("radosgw", "-n", "client.rgw")
        wait_for("radosgw", lambda: answers(port), folder / "client.rgw.log")
        found = environment(f"http://127.0.0.1:{port}", key, secret)
        boto3.client(
            "s3",
            endpoint_url=found["AWS_ENDPOINT_URL"],
            region_name=found["AWS_REGION"],
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        ).create_bucket(Bucket=BUCKET)
        yield S3Server(BUCKET, found)
    finally:
        cluster.stop()


def missing_programs() -> list[str]:
    """Return the programs of the lane that this machine does not have."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def install() -> None:
    """Install what is missing, or say how."""
    missing = missing_programs()
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(_how_to_get(missing))
    for command in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", "-q", *command], check=True)


def _how_to_get(missing: list[str]) -> str:
    return (
        f"radosgw cannot be started without {', '.join(missing)}. On Debian, as root: "
        f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"
    )


def _start_monitor(cluster: _Cluster, gateway_port: int) -> None:
    folder, fsid, monitor_port = cluster.folder, str(uuid.uuid4()), free_port()
    (folder / "ceph.conf").write_text(
        _CONFIGURATION.format(
            fsid=fsid, folder=folder, monitor_port=monitor_port, gateway_port=gateway_port
        )
    )
    everything = [
        part for service in ("mon", "osd", "mgr", "mds") for part in ("--cap", service, "allow *")
    ]
    monitor, admin = folder / "mon.keyring", folder / "client.admin.keyring"
    _authtool(monitor, "mon.", "--cap", "mon", "allow *")
    _authtool(admin, "client.admin", *everything)
    _quiet("ceph-authtool", str(monitor), "--import-keyring", str(admin))
    shutil.copy(monitor, folder / "mon.a.keyring")
    place = f"[v2:127.0.0.1:{monitor_port}]"
    monmap = str(folder / "monmap")
    _quiet("monmaptool", "--create", "--clobber", "--addv", "a", place, "--fsid", fsid, monmap)
    cluster.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", str(monitor))
    cluster.start("ceph-mon", "-i", "a")
    wait_for("ceph-mon", lambda: answers(monitor_port), folder / "mon.a.log")


def _start_osd(cluster: _Cluster) -> None:
    identity = str(uuid.uuid4())
    (cluster.folder / "osd").mkdir()
    cluster.run("ceph", "osd", "new", identity)
    rights = ("mon", "allow profile osd", "osd", "allow *")
    keyring = cluster.run("ceph", "auth", "get-or-create", "osd.0", *rights)
    (cluster.folder / "osd.0.keyring").write_text(keyring)
    cluster.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)
    cluster.run("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default")
    cluster.start("ceph-osd", "-i", "0")
    log = cluster.folder / "osd.0.log"
    wait_for("ceph-osd", lambda: "1 up" in cluster.run("ceph", "osd", "stat"), log)


def _make_user(cluster: _Cluster) -> tuple[str, str]:
    rights = ("mon", "allow rwx", "osd", "allow rwx")
    keyring = cluster.run("ceph", "auth", "get-or-create", "client.rgw", *rights)
    (cluster.folder / "client.rgw.keyring").write_text(keyring)
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    named = ("--uid=factory", "--display-name=factory")
    cluster.run(
        "radosgw-admin", "user", "create", *named, f"--access-key={key}", f"--secret={secret}"
    )
    return key, secret


def _authtool(keyring: Path, name: str, *capabilities: str) -> None:
    _quiet("ceph-authtool", "--create-keyring", str(keyring), "--gen-key", "-n", name)
    _quiet("ceph-authtool", str(keyring), "-n", name, *capabilities)


def _quiet(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


if __name__ == "__main__":
    install()
