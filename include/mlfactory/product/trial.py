"""Importing products' code to see whether that works: in processes that may hang or end."""

from __future__ import annotations

import inspect
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from mlfactory.product.code import product_function
from mlfactory.product.errors import BuildError, Mistake
from mlfactory.product.loader import Product, load_folder, mistakes_at
from mlfactory.product.own import problem_of
from mlfactory.product.rules.functions import functions_of
from mlfactory.product.sources import OwnSource

SECONDS = 60
"""Longer than the import of every library that a feature may need, on a busy machine."""

SHARE = 8
"""Products for which another import of pandas is worth its time."""

_ANSWER = b"mlfactory.product.trial: "
"""How the lines begin that answer; an interpreter may print others when it starts."""

Problems = list[tuple[tuple[str | int, ...], str]]


def code_mistakes(products: Sequence[Product], seconds: float = SECONDS) -> list[list[Mistake]]:
    """Return what is wrong with the functions that each spec names, found by importing them.

    Nothing that a product's modules do when they are imported can harm the caller or another
    product: each is imported in a process of its own, with the time it may take. These processes
    are forked from a few that have pandas in memory, since importing it is most of the time.
    """
    places = max(1, min(os.cpu_count() or 1, len(products) // SHARE))
    shares = [products[place::places] for place in range(places)]
    found: dict[str, list[Mistake]] = {}
    with ThreadPoolExecutor(max_workers=places) as pool:
        for told in pool.map(lambda share: _try_share(share, seconds), shares):
            found |= told
    return [found[product.name] for product in products]


def _try_share(products: Sequence[Product], seconds: float) -> dict[str, list[Mistake]]:
    """Try products one after another, in processes forked from one."""
    folders = [str(product.folder) for product in products]
    trial = subprocess.run(  # noqa: S603 our own interpreter, a number and folders
        [sys.executable, "-m", "mlfactory.product.trial", str(seconds), *folders],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    lines = trial.stdout.splitlines()
    answers: list[Problems] = [
        json.loads(line.removeprefix(_ANSWER)) for line in lines if line.startswith(_ANSWER)
    ]
    lost = f"its module was not tried: that ended with code {trial.returncode}"
    while len(answers) < len(products):
        answers.append([(("features", "build"), lost)])
    return {
        product.name: mistakes_at(product, [(tuple(place), text) for place, text in problems])
        for product, problems in zip(products, answers, strict=True)
    }


def _try_apart(folder: Path, seconds: float) -> Problems:
    """Try a product in a fork of this process; end it, and whatever it started."""
    processes = multiprocessing.get_context("fork")
    receiver, sender = processes.Pipe(duplex=False)
    trial = processes.Process(target=_answer, args=(folder, sender))
    trial.start()
    sender.close()
    try:
        if not wait([receiver, trial.sentinel], seconds):
            problem = f"importing its module takes more than {seconds:g} seconds"
            return [(("features", "build"), problem)]
        with suppress(EOFError):
            return receiver.recv()  # type: ignore[no-any-return]
        trial.join(timeout=1)
        problem = f"importing its module ends the process, with code {trial.exitcode}"
        return [(("features", "build"), problem)]
    finally:
        trial.kill()
        with suppress(ProcessLookupError):
            os.killpg(int(trial.pid), signal.SIGKILL)  # type: ignore[arg-type]
        trial.join()
        receiver.close()


def _answer(folder: Path, sender: Connection) -> None:
    """Try a product in this process, which is for that alone, and end it."""
    os.setsid()
    # what the product's modules print is no answer
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    sender.send(list(_problems(load_folder(folder))))
    # threads that a module began would keep the process
    os._exit(0)


def _problems(product: Product) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for place, (reference, given) in functions_of(product.spec).items():
        try:
            function = product_function(product, reference)
        except BuildError as error:
            yield place, error.problem
            continue
        source = product.spec.sources.get(str(place[1]))
        if isinstance(source, OwnSource):
            if problem := problem_of(function, source.options):
                yield place, f"{reference} {problem}"
            continue
        try:
            inspect.signature(function).bind(*[None] * given)
        except TypeError as error:
            values = "the sources" if given == 1 else "start and end"
            yield place, f"{reference} cannot be called with {values}: {error}"
        except ValueError:
            continue  # a function of C does not say what it takes


if __name__ == "__main__":
    import pandas  # noqa: F401 not needed here, but by what is forked from here

    for each in sys.argv[2:]:
        answer = json.dumps(_try_apart(Path(each), float(sys.argv[1])))
        sys.stdout.write(f"{_ANSWER.decode()}{answer}\n")
        sys.stdout.flush()
