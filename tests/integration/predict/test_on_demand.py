from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tests.integration.predict.bakeries import orders

from mlfactory.lake.store import product_store
from mlfactory.predict.on_demand import predict_on_demand
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.settings import settings


def test_answers_and_their_page_lie_in_the_lake(bakery: Product) -> None:
    """Names and values of strangers stand in the page as text."""
    store = product_store("bakery")
    new = orders(days=4).iloc[1440:].head(20).drop(columns="returned").astype(object)
    new.loc[new.index[3], "at"] = "<img src=x onerror=alert(1)>"
    store.write("inbox/new.csv", new.to_csv(index=False, sep=";").encode())
    kept = predict_on_demand(bakery, "inbox/new.csv", "mine.csv")
    assert (kept.rows, kept.scored, kept.version) == (20, 19, "1")
    assert kept.file == store.address("predictions_on_demand/mine.csv")
    table = pd.read_csv(kept.file)
    assert len(table) == 20 and table["score"].notna().sum() == 19
    page = store.read(kept.page).decode()
    assert "<img" not in page and "&lt;img src=x onerror" in page
    assert 'href="mine.csv"' in page


def test_answers_of_the_same_name_are_numbered_and_none_is_lost(bakery: Product) -> None:
    store = product_store("bakery")
    new = orders(days=4).iloc[1440:].head(20).drop(columns="returned")
    for name, rows in {"first": new.head(5), "second": new.tail(5)}.items():
        store.write(f"inbox/{name}.csv", rows.to_csv(index=False, sep=";").encode())
    first, second, again = (
        predict_on_demand(bakery, f"inbox/{name}.csv", "ours.csv")
        for name in ("first", "second", "first")
    )
    # what is tried again finds its own answers
    assert again == first and first.file.endswith("/ours.csv")
    assert second.file == store.address("predictions_on_demand/ours-2.csv")
    assert len(pd.read_csv(first.file)) == len(pd.read_csv(second.file)) == 5
    assert not pd.read_csv(first.file).equals(pd.read_csv(second.file))
    assert second.page.endswith("/ours-2.csv.html")
    assert 'href="ours-2.csv"' in store.read(second.page).decode()


def test_no_file_of_the_machine_is_read_but_those_of_the_factory(
    bakery: Product, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("password\n")
    for file, says in (
        (str(secret), "no other file is read here"),
        ("/etc/passwd", "no other file is read here"),
        (str(settings().home / "airflow" / "logins.json"), "no other file is read here"),
        ("s3://another-bucket/secret.csv", "no other file is read here"),
        ("../../../etc/passwd", "no other file is read here"),
        ("inbox/../../../etc/passwd", "leads out"),
        ("inbox/none.csv", "there is no file"),
    ):
        with pytest.raises(UsageError, match=says) as caught:
            predict_on_demand(bakery, file, "mine.csv")
        assert "password" not in str(caught.value)
    for output in ("../mine.csv", "mine", ".mine.csv", "mine.html"):
        with pytest.raises(UsageError):
            predict_on_demand(bakery, str(secret), output)
