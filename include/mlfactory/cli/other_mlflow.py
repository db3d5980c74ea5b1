"""Which MLflow the settings name: the stack's own, or another one, which is left alone.

An address can be spelled in many ways. What counts is whether the machine that it leads to is this
one, at the very place where the stack's own server listens.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import psutil

from mlfactory.settings import Settings, without_login

_Address = IPv4Address | IPv6Address


def other_mlflow(settings: Settings) -> str | None:
    """Return the MLflow server in use, without a login; None if it is the local stack's to start.

    No login is needed to learn whether it answers, and none is said or written down.
    """
    given = settings.mlflow_uri or ""
    if not given.startswith(("http://", "https://")) or _leads_to_ours(given, settings):
        return None
    return without_login(given)


def _leads_to_ours(given: str, settings: Settings) -> bool:
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        return False
    if parts.scheme != "http" or port != settings.mlflow_port:
        return False  # ours has no certificate
    return any(_answers(settings.host, address) for address in _reached(host))


def _reached(host: str) -> set[_Address]:
    """Return where a client gets to that is told `host`."""
    # who asks for no address in particular is led to this machine
    return {_loopback(found) if found.is_unspecified else found for found in _addresses_of(host)}


def _answers(host: str, address: _Address) -> bool:
    """Tell whether a server that is told to listen at `host` answers at an address."""
    found = _addresses_of(host)
    if address in found:
        return True
    # a machine's own name may stand for 127.0.1.1, which no interface has
    is_here = address.is_loopback or address in _of_this_machine()
    return is_here and any(one.is_unspecified and one.version == address.version for one in found)


def _addresses_of(host: str) -> set[_Address]:
    try:
        known = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {_parsed(str(place[0])) for *_, place in known}


def _of_this_machine() -> set[_Address]:
    families = (socket.AF_INET, socket.AF_INET6)
    everywhere = (one for each in psutil.net_if_addrs().values() for one in each)
    return {_parsed(one.address) for one in everywhere if one.family in families}


def _parsed(address: str) -> _Address:
    # an address of the link names its interface behind a %
    return ip_address(address.partition("%")[0])


def _loopback(address: _Address) -> _Address:
    return ip_address("127.0.0.1" if address.version == 4 else "::1")
