"""Whether this machine is what it should be: its settings, its packages, its products."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mlfactory.doctor.finding import Finding
from mlfactory.product.errors import SpecError
from mlfactory.settings import REPOSITORY, Settings

_SHOWN = 3

_NOT_OF_SETTINGS = {
    "mlfactory_secrets",
    "mlfactory_stack",
    # of docker-compose.yaml and the Makefile
    "mlfactory_image",
    "mlfactory_revision",
    "mlfactory_build_network",
}
"""Variables that are ours, and no fields of the settings."""


def environment(settings: Settings) -> Finding:
    """Tell which environment this is, and what this process is told that is no setting."""
    told = "none named; MLFACTORY_ENV names one"
    if settings.env is not None:
        told = f"{settings.env}, from {settings.environments / f'{settings.env}.env'}"
    unknown = [name for name in os.environ if not _is_known(name, settings)]
    if unknown:
        return Finding(
            "environment",
            "wrong",
            f"{told}; {', '.join(sorted(unknown))} is set, which is no setting",
            "correct the name, or unset it; see docs/operations.md",
        )
    return Finding("environment", "ok" if settings.env else "absent", told)


def versions(lock: Path | None = None) -> Finding:
    """Tell which packages differ from those of the lock.

    Args:
        lock: the file; by default what of the lock this environment was made of, as an image says
            that has no packages of development, or else all of it.
    """
    made_of = Path(sys.prefix, "lock.txt")
    lock = lock or (made_of if made_of.exists() else REPOSITORY / "requirements.txt")
    from packaging.requirements import InvalidRequirement, Requirement

    wrong = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if not line[:1].isalnum():
            continue
        try:
            wanted = Requirement(line.split(" \\")[0].strip())
        except InvalidRequirement:
            return Finding("versions", "wrong", f"{lock}: cannot read '{line}'", "make lock")
        if wanted.marker is None or wanted.marker.evaluate():
            wrong += _differing(wanted.name, str(wanted.specifier).removeprefix("=="))
    here = f"Python {platform.python_version()}"
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        told = f"{here}; not as in {lock.name}: {', '.join(wrong[:_SHOWN])}{more}"
        return Finding("versions", "wrong", told, "install the lock: make env")
    return Finding("versions", "ok", f"{here}, packages as in {lock.name}")


def products(seconds: float) -> list[Finding]:
    """Tell which products `mlfactory check` refuses.

    Args:
        seconds: that the import of one product's code may take.
    """
    from mlfactory.product.loader import load_products
    from mlfactory.product.trial import code_mistakes

    found, wrong = load_products()
    tried = zip(found, code_mistakes(found, seconds), strict=True)
    wrong += [SpecError(product.name, mistakes) for product, mistakes in tried if mistakes]
    if wrong:
        return [
            Finding(
                "products",
                "wrong",
                f"{error.product}: {error.mistakes[0]}",
                f"see all of it: mlfactory check {error.product}",
            )
            for error in wrong
        ]
    return [Finding("products", "ok" if found else "absent", f"{len(found)} can be used")]


def _differing(name: str, wanted: str) -> list[str]:
    try:
        installed = version(name)
    except PackageNotFoundError:
        return [f"{name} {wanted} is not installed"]
    return [] if installed == wanted else [f"{name} {installed} instead of {wanted}"]


def _is_known(variable: str, settings: Settings) -> bool:
    name = variable.lower()
    if not name.startswith("mlfactory_") or name in _NOT_OF_SETTINGS:
        return True
    field = name.removeprefix("mlfactory_")
    others = (re.sub(r"[^a-z0-9]", "_", path.stem.lower()) for path in _files(settings))
    return field in Settings.model_fields or any(
        field.removeprefix(f"{other}_") in Settings.model_fields for other in others
    )


def _files(settings: Settings) -> list[Path]:
    return sorted(settings.environments.glob("*.env"))
