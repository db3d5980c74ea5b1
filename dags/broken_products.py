"""Shows products whose files are wrong as one import error in the Airflow UI.

It stands apart from products.py because Airflow stops every dag of a file that has an import error.
"""

from __future__ import annotations

from mlfactory.product.loader import load_products

_, _errors = load_products()
if _errors:
    raise ImportError("\n".join(["", *(str(error) for error in _errors)]))
