"""Importing a product's code to see whether that works: in a process that may hang or end."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from mlfactory.product.code import product_function
from mlfactory.product.errors import BuildError, Mistake
from mlfactory.product.loader import Product, load_folder, mistakes_at
from mlfactory.product.rules.functions import functions_of

SECONDS = 60
"""Longer than the import of every library that a feature may need, on a busy machine."""


def code_mistakes(product: Product, seconds: float = SECONDS) -> list[Mistake]:
    """Return what is wrong with the functions that the spec names, found by importing them.

    Nothing that the product's modules do when they are imported can harm the caller: they run in a
    process of their own, with the time it may take.
    """
    command = [sys.executable, "-m", "mlfactory.product.trial", str(product.folder)]
    trial = subprocess.Popen(  # noqa: S603 our own interpreter, a folder as its one argument
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        told, _ = trial.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        problem = f"importing its module takes more than {seconds:g} seconds"
        return mistakes_at(product, [(("features", "build"), problem)])
    finally:
        _end(trial)
    try:
        found = json.loads(told.rsplit("\n", 1)[-1])
    except ValueError:
        problem = f"importing its module ends the process, with code {trial.returncode}"
        return mistakes_at(product, [(("features", "build"), problem)])
    return mistakes_at(product, [(tuple(place), problem) for place, problem in found])


def _end(trial: subprocess.Popen[str]) -> None:
    """End the process, and whatever it started."""
    try:
        os.killpg(trial.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    trial.communicate()


def _tried(product: Product) -> list[tuple[tuple[str | int, ...], str]]:
    found: list[tuple[tuple[str | int, ...], str]] = []
    for place, (reference, given) in functions_of(product.spec).items():
        try:
            function = product_function(product, reference)
        except BuildError as error:
            found.append((place, error.problem))
            continue
        try:
            inspect.signature(function).bind(*[None] * given)
        except TypeError as error:
            values = "the sources" if given == 1 else "start and end"
            found.append((place, f"{reference} cannot be called with {values}: {error}"))
        except ValueError:
            continue  # a function of C does not say what it takes
    return found


if __name__ == "__main__":
    # what the product's modules print must not stand before the answer
    answer = os.dup(1)
    os.dup2(2, 1)
    tried = json.dumps(_tried(load_folder(Path(sys.argv[1]))))
    os.write(answer, b"\n" + tried.encode())
    # threads that a module began would keep the process
    os._exit(0)
