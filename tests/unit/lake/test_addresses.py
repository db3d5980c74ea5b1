from __future__ import annotations

from pathlib import Path

import pytest

from mlfactory.lake.addresses import one_spelling, overlap


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://mlflow:5000", "http://MLflow:5000/"),
        ("http://mlflow:5000", "http://ann:secret@mlflow:5000"),
        ("s3://bucket/lake", "s3://bucket/lake/"),
        ("/srv/lake", "/srv/other/../lake/"),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/x/../mlflow.db"),
    ],
)
def test_one_place_is_one_however_it_is_written(one: str, other: str) -> None:
    assert one_spelling(one) == one_spelling(other)


def test_a_link_leads_to_the_same_place(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    assert one_spelling(str(tmp_path / "link" / "x")) == str(tmp_path.resolve() / "there" / "x")
    database = f"sqlite:///{tmp_path}/link/mlflow.db"
    assert one_spelling(database) == f"sqlite:///{tmp_path.resolve()}/there/mlflow.db"


def test_places_overlap_where_one_holds_the_other_and_not_by_the_beginning_of_a_name() -> None:
    assert overlap("s3://bucket", "s3://bucket/backups/1")
    assert overlap("/srv/lake/old", "/srv/lake")
    assert not overlap("/srv/lake", "/srv/lake2")
    assert not overlap("s3://bucket/lake", "s3://bucket/lake-backups")
    assert one_spelling("http://a:5000") != one_spelling("http://a:5001")
