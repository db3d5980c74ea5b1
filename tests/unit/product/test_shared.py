from __future__ import annotations

from pathlib import Path

from mlfactory.product.loader import Product, load_product

SPEC = """\
apiVersion: mlfactory/v1
name: rain
partition: {every: day, start: 2026-01-01}
sources: {gauge: {kind: csv, path: gauge.csv, event_time: at}}
features: {key: [at], event_time: at, numeric: [mm]}
label: {column: wet, kind: binary}
"""
FEATURES = "from .._weather import scales\n\ndef build(sources): return scales.of(sources)\n"


def product(root: Path, *, scales: str = "FACTOR = 1\n", spec: str = SPEC) -> Product:
    files = {
        "rain/product.yaml": spec,
        "rain/features.py": FEATURES,
        "rain/notes.txt": "no code",
        "_weather/scales.py": scales,
        "_weather/deep/more.py": "import mlfactory_products._units.si\n",
        "_units/si.py": "METRE = 1\n",
        "_other/unused.py": "",
        "snow/features.py": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return load_product("rain", root)


def test_the_code_of_a_product_is_its_files_and_the_shared_packages_they_import(
    tmp_path: Path,
) -> None:
    assert sorted(product(tmp_path).code) == [
        "_units/si.py",
        "_weather/deep/more.py",
        "_weather/scales.py",
        "rain/features.py",
    ]


def test_the_code_hash_changes_with_shared_code_and_the_spec_hash_with_the_spec(
    tmp_path: Path,
) -> None:
    first = product(tmp_path)
    again = product(tmp_path)
    assert (first.code_hash, first.spec_hash) == (again.code_hash, again.spec_hash)

    recoded = product(tmp_path, scales="FACTOR = 2\n")
    assert recoded.code_hash != first.code_hash
    assert recoded.spec_hash == first.spec_hash

    respecified = product(tmp_path, spec=SPEC + "train: {min_rows: 50}\n")
    assert respecified.code_hash == first.code_hash
    assert respecified.spec_hash != first.spec_hash


def test_the_text_of_a_spec_is_kept_with_its_comments(tmp_path: Path) -> None:
    text = "# how wet?\n" + SPEC
    assert product(tmp_path, spec=text).spec_text == text
