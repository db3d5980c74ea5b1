"""Names of processes, by which it is told whether what one left under way still goes on."""

from __future__ import annotations

import os
import platform

import psutil

_SAME_SECONDS = 2
"""By so much a process may seem to have begun earlier or later, where the clock was set."""


def this_process() -> str:
    """Return the name of this process: its machine, its number and when it began."""
    begun = psutil.Process().create_time()
    return f"{platform.node()} {os.getpid()} {begun:.0f}"


def described(name: str) -> str:
    """Return the name of a process as people say it."""
    machine, number, _ = name.split()
    return f"process {number} of {machine}"


def is_of_this_machine(name: str) -> bool:
    """Tell whether a process is or was one of this machine, where it can be looked for."""
    machine, _, rest = name.partition(" ")
    return bool(rest) and machine == platform.node()


def is_dead(name: str) -> bool:
    """Tell whether a process of this machine has ended; False for one of another machine."""
    if not is_of_this_machine(name):
        return False
    number, begun = (int(part) for part in name.partition(" ")[2].split())
    try:
        return abs(psutil.Process(number).create_time() - begun) > _SAME_SECONDS
    except psutil.NoSuchProcess:
        return True
