"""Whether this machine is what it should be: its settings, its packages, its products."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mlfactory.doctor.finding import Finding
from mlfactory.product.errors import SpecError
from mlfactory.settings import REPOSITORY, Settings

_SHOWN = 3


def environment(settings: Settings) -> Finding:
    """Tell which environment this is, and what its file says that is no setting."""
    if settings.env is None:
        return Finding("environment", "absent", "none named; MLFACTORY_ENV names one")
    file = settings.environments / f"{settings.env}.env"
    unknown = [name for name in _variables(file) if not _is_setting(name)]
    if unknown:
        told = f"{file} sets {', '.join(unknown)}, which is no setting"
        return Finding("environment", "wrong", told, "correct the name; see docs/operations.md")
    return Finding("environment", "ok", f"{settings.env}, from {file}")


def versions(lock: Path = REPOSITORY / "requirements.txt") -> Finding:
    """Tell which packages differ from those of the lock."""
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


def _variables(file: Path) -> list[str]:
    from dotenv import dotenv_values

    return list(dotenv_values(file, interpolate=False))


def _is_setting(variable: str) -> bool:
    # variables of others, such as AWS's, mean nothing in this file, but are not mistaken for ours
    name = variable.lower()
    return not name.startswith("mlfactory_") or (
        name.removeprefix("mlfactory_") in Settings.model_fields
    )
