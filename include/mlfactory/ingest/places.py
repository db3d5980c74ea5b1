"""Where a source's file is: beside the product, in an installed package, one for each partition."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mlfactory.product.errors import ContractError, LateSourceError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.product.sources import PER_PARTITION

_PACKAGE = "package://"


def locate(product: Product, path: str, partition: Partition) -> Path:
    """Return the file or folder that the `path` of a source means for `partition`.

    The colon of an hour's key becomes a hyphen, as not every file system takes colons.

    Raises:
        ContractError: if it is in a package that is not installed.
        LateSourceError: if there is no such file; it may still arrive.
    """
    written = path.replace(PER_PARTITION, partition.key.replace(":", "-"))
    if written.startswith(_PACKAGE):
        package, _, inner = written.removeprefix(_PACKAGE).partition("/")
        found = _package_folder(package) / inner
    else:
        found = product.folder / written
    if not found.exists():
        raise LateSourceError(
            f"{product.name}, partition {partition}: there is no file {found}",
            remedy="run it again when the file has arrived, or correct the path in product.yaml",
        )
    return found


def _package_folder(package: str) -> Path:
    # the spec is found without importing the package, which may be data and broken as code; only
    # of a package inside another one would the outer be imported
    spec = None if "." in package else find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ContractError(
            f"{_PACKAGE}{package}: no package of this name is installed",
            remedy=f"install it ('uv pip install {package}'), or correct the path in product.yaml; "
            "a folder inside a package is written with a slash",
        )
    return Path(next(iter(spec.submodule_search_locations)))
