from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from tests.integration.predict.bakeries import DAYS, orders
from tests.s3.server import free_port
from typer.testing import CliRunner

from mlfactory import predict
from mlfactory.cli.main import app
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.product.loader import Product, load_folder
from mlfactory.settings import REPOSITORY, settings

README = (REPOSITORY / "README.md").read_text()
PORT = 5001
"""That of the page."""


@pytest.fixture
def new(tmp_path: Path) -> pd.DataFrame:
    """Give orders of the day after the last, whose outcome nobody knows."""
    frame = orders(days=4).iloc[1440:].head(120).reset_index(drop=True)
    return frame.drop(columns="returned")


def write(tmp_path: Path, frame: pd.DataFrame, name: str = "new.csv") -> Path:
    path = tmp_path / name
    if name.endswith(".csv"):
        frame.to_csv(path, index=False, sep=";")
    else:
        frame.to_parquet(path, index=False)
    return path


def key_of(product: Product, row: pd.Series) -> str:
    return str(row["id"]) if product.spec.features.key == ("id",) else f"E{row['id']}"


@pytest.mark.parametrize("name", ["new.csv", "new.parquet"])
def test_new_rows_are_scored_in_the_order_of_the_file(
    bakery: Product, new: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    shuffled = new.sample(frac=1, random_state=1)
    done = predict.run(bakery, write(tmp_path, shuffled, name))
    table = done.table
    assert (done.rows, done.scored, done.version) == (len(new), len(new), "1")
    assert list(table["row"]) == list(range(1, len(new) + 1))
    key = bakery.spec.features.key[0]
    assert list(table[key].astype(str)) == [key_of(bakery, row) for _, row in shuffled.iterrows()]
    assert table["score"].between(0, 1).all() and table["score"].nunique() > 100
    assert table["decision"].isin([0, 1]).all() and table["reason"].isna().all()
    # dear orders come back more often, which the model knows
    dear = (shuffled["amount"] > 200).to_numpy()
    assert table["score"][dear].mean() > table["score"][~dear].mean() + 0.2
    assert any("lacks returned" in note for note in done.notes)


def test_rows_of_the_lake_are_answered_as_the_batch_answers_them(
    bakery: Product, tmp_path: Path
) -> None:
    """History, register, threshold and the text Yes and No are the same on both ways."""
    batch = Lake("bakery").read("predictions", [DAYS[-1]])
    file = orders()
    file = file[file["at"].str.startswith(DAYS[-1])]
    table = predict.run(bakery, write(tmp_path, file)).table
    key = bakery.spec.features.key[0]
    both = batch.merge(table, on=key, suffixes=("_batch", ""))
    assert len(both) == len(batch) == len(file)
    assert np.array_equal(both["score"], both["score_batch"])
    assert (both["decision"] == both["prediction"]).all()
    assert both["decision"].nunique() == 2


def test_every_row_that_cannot_be_scored_says_why(
    bakery: Product, new: pd.DataFrame, tmp_path: Path
) -> None:
    file = new.head(11).astype(object)
    file.loc[1, "amount"] = "a lot"
    file.loc[2, "at"] = "some day"
    file.loc[3, "id"] = None
    file.loc[4, "id"] = file.loc[0, "id"]
    file.loc[5, "amount"] = 950
    file.loc[6, "customer"] = "nobody"
    # a rule of the source is broken; and what cannot be used keeps no later row from its key
    file.loc[8, "amount"] = 6000
    file.loc[9, "id"] = file.loc[8, "id"]
    file.loc[10, "id"] = file.loc[1, "id"] = 9999
    done = predict.run(bakery, write(tmp_path, file))
    told = dict(zip(done.table["row"], done.table["reason"].fillna(""), strict=True))
    assert told[2] == "amount: 'a lot' cannot be read as integer"
    assert told[3] == "at: 'some day' cannot be read as datetime"
    assert told[4] == "'id' is empty"
    assert told[5] == "an earlier row has the same key ['id']"
    assert told[6] == "build made no event of it"
    # an unknown customer has no loyalty, which the model can live with
    assert told[1] == told[7] == told[8] == told[10] == told[11] == ""
    assert told[9].startswith("amount=6000")
    assert told[9].endswith("breaks expect_column_values_to_be_between(max_value=5000)")
    assert (done.rows, done.scored, len(done.table)) == (11, 5, 11)
    assert done.table["score"].notna().sum() == 5


def test_a_champion_that_learned_from_other_code_answers_and_that_is_told(
    bakery: Product, new: pd.DataFrame, tmp_path: Path
) -> None:
    assert not any("other code" in note for note in predict.run(bakery, write(tmp_path, new)).notes)
    folder = tmp_path / bakery.name
    shutil.copytree(bakery.folder, folder)
    with (folder / "features.py").open("a") as file:
        file.write("\nDEAR = 20\n")
    done = predict.run(load_folder(folder), write(tmp_path, new))
    assert "version 1 learned from features of other code of the product" in done.notes[0]
    assert done.scored == len(new)


def test_rules_about_what_the_file_is_not_are_named(
    bakery: Product, new: pd.DataFrame, tmp_path: Path
) -> None:
    notes = predict.run(bakery, write(tmp_path, new)).notes
    told = next(note for note in notes if "were not asked of its rows" in note)
    assert "expect_column_values_to_be_unique" in told and "returned: expect_column" in told
    assert "max_value=5000" not in told


def test_a_file_of_which_no_row_can_be_scored_is_still_answered(
    bakery: Product, new: pd.DataFrame, tmp_path: Path
) -> None:
    done = predict.run(bakery, write(tmp_path, new.head(3).assign(at="never")))
    assert (done.rows, done.scored) == (3, 0)
    assert done.table["reason"].str.contains("cannot be read as datetime").all()


def test_a_column_that_features_are_made_of_may_not_be_absent(
    bakery: Product, new: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(ContractError) as caught:
        predict.run(bakery, write(tmp_path, new.rename(columns={"amount": "amuont"})))
    assert "lacks the column 'amount' (did you mean 'amuont'?)" in caught.value.problem
    assert "of which build makes" in caught.value.problem
    # what no feature is made of may be
    done = predict.run(bakery, write(tmp_path, new.drop(columns="note")))
    assert done.scored == len(new)


@pytest.mark.parametrize("absent", ["at", "id"])
def test_time_and_key_are_needed(
    bakery: Product, new: pd.DataFrame, tmp_path: Path, absent: str
) -> None:
    with pytest.raises(ContractError, match=f"lacks the column '{absent}'"):
        predict.run(bakery, write(tmp_path, new.drop(columns=absent)))


def test_a_broken_file_is_refused_by_its_line(bakery: Product, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("id;at;customer;amount;express;note\n1;2026-01-04T00:00:00Z;c1;5;No;x\n2;3\n")
    with pytest.raises(ContractError, match="Expected 6 columns, got 2"):
        predict.run(bakery, path)


def test_what_there_is_not_is_told(bakery: Product, new: pd.DataFrame, tmp_path: Path) -> None:
    file = write(tmp_path, new)
    with pytest.raises(UsageError, match=r"no source 'order' \(did you mean 'orders'\?\)"):
        predict.run(bakery, file, source="order")
    with pytest.raises(UsageError, match="no version 7"):
        predict.run(bakery, file, version="7")
    with pytest.raises(UsageError, match="there is no file"):
        predict.run(bakery, tmp_path / "none.csv")


def test_the_command_writes_a_file_or_shows_the_first_rows(
    bakery: Product, new: pd.DataFrame, tmp_path: Path
) -> None:
    file, runner = write(tmp_path, new), CliRunner()
    shown = runner.invoke(app, ["predict", "bakery", str(file)])
    assert shown.exit_code == 0, shown.output
    assert "120 of 120 rows scored by version 1" in shown.stdout
    for name in ("out.csv", "out.parquet"):
        out = tmp_path / name
        done = runner.invoke(app, ["predict", "bakery", str(file), "--out", str(out)])
        assert done.exit_code == 0, done.output
        table = pd.read_csv(out) if name.endswith("csv") else pd.read_parquet(out)
        assert len(table) == 120 and table["score"].notna().all()
    for arguments, says in (
        (["--out", str(tmp_path / "out.xlsx")], "let its name end in .csv or .parquet"),
        (["--out", str(tmp_path / "no" / "out.csv")], "there is no folder"),
    ):
        refused = runner.invoke(app, ["predict", "bakery", str(file), *arguments])
        assert refused.exit_code == 1 and says in refused.stderr


def test_a_refused_file_leaves_the_output_as_it_was(
    bakery: Product, new: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine")
    file = write(tmp_path, new.drop(columns="at"))
    done = CliRunner().invoke(app, ["predict", "bakery", str(file), "--out", str(out)])
    assert done.exit_code == 1 and "lacks the column 'at'" in done.stderr
    assert out.read_text() == "mine"


def test_mlflow_answers_what_the_batch_and_the_file_were_answered(bakery: Product) -> None:
    """The text Yes and No is the same in training and on every way of asking."""
    batch = Lake("bakery").read("predictions", [DAYS[-1]])
    features = Lake("bakery").read("features", [DAYS[-1]])
    assert set(features["express"]) == {"Yes", "No"}
    mlflow.set_tracking_uri(settings().tracking_uri)
    model = mlflow.pyfunc.load_model(f"models:/bakery/{batch['model_version'].iloc[0]}")
    said = model.predict(features[["amount", "rate_before", "loyalty", "express"]])
    assert np.array_equal(said["score"], batch["score"])
    assert (said["decision"] == batch["prediction"]).all()


@pytest.mark.parametrize("bakery", ["id"], indirect=True, scope="module")
def test_mlflow_serves_the_model_as_the_readme_says(bakery: Product, tmp_path: Path) -> None:
    """The lines are the page's own, but for the product, the place of its home and the port."""
    blocks = [part.split("```")[0] for part in README.split("```sh\n")[1:]]
    place = next(number for number, block in enumerate(blocks) if "models serve" in block)
    serve, ask = blocks[place], blocks[place + 1]
    port = free_port()
    serve = serve.replace("sqlite:///var/", f"sqlite:///{settings().home}/")
    serve = serve.replace("loan_default", "bakery").replace("\nmlflow", "\nexec mlflow")
    assert f"--port {PORT}" in serve and f":{PORT}/" in ask
    features = Lake("bakery").read("features", [DAYS[-1]]).head(3)
    rows = features[["amount", "rate_before", "loyalty", "express"]].to_dict("records")
    asked = ask[: ask.index("-d '")] + f"-d '{json.dumps({'dataframe_records': rows})}'"
    place_of_python = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (tmp_path / "serve.log").open("w") as log:
        server = subprocess.Popen(
            ["bash", "-c", serve.replace(str(PORT), str(port))],
            env={**os.environ, **place_of_python},
            stdout=log,
            stderr=log,
        )
    try:
        answer = _answer(asked.replace(str(PORT), str(port)), server)
    finally:
        server.terminate()
        server.wait(30)
    batch = Lake("bakery").read("predictions", [DAYS[-1]]).set_index(bakery.spec.features.key[0])
    expected = batch.loc[features[bakery.spec.features.key[0]], "score"]
    assert [said["score"] for said in answer["predictions"]] == pytest.approx(list(expected))


def _answer(command: str, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    until = time.monotonic() + 300
    while True:
        done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
        if done.returncode == 0:
            answer: dict[str, Any] = json.loads(done.stdout)
            return answer
        assert server.poll() is None and time.monotonic() < until
        time.sleep(0.5)


def test_the_table_of_predictions_is_read_as_the_readme_says(bakery: Product) -> None:
    blocks = [part.split("```")[0] for part in README.split("```python\n")[1:]]
    code = next(block for block in blocks if "predictions" in block)
    code = code.replace("var/lake/loan_default", f"{settings().lake_uri}/bakery")
    found: dict[str, pd.DataFrame] = {}
    exec(code.replace("2024-06-01", DAYS[-1]), found)
    assert len(found["answers"]) == 480
    for column in found["answers"].columns:
        assert f"`{column}`" in README or column in bakery.spec.features.columns
