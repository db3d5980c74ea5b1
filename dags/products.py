"""Every product's DAGs. To see what they do, read mlfactory.pipeline.dags."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from mlfactory.pipeline.dags import build_dags
from mlfactory.product.errors import SpecError
from mlfactory.product.loader import find_folder, load_folder, product_folders

# A task parses this file again when it starts, and then needs only its own product.
_wanted = get_parsing_context().dag_id
_only = find_folder(_wanted.partition(".")[0]) if _wanted is not None else None

for _folder in product_folders() if _wanted is None else filter(None, [_only]):
    try:
        for _dag in build_dags(load_folder(_folder)):
            globals()[_dag.dag_id] = _dag
    except SpecError:
        # told by broken_products.py, so that one broken product takes no other down
        continue
