"""Ways to find the rows that break rules. Each is run in a process of its own.

    python ways.py WAY FILE FOLDER

It prints seconds (without the start of Python and imports), peak memory, and for each rule how many
rows break it, and a digest of their numbers in the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rules import RULES

Found = list[Iterable[int]]
Way = Callable[[], Found]
NAME = "big"


def ours(file: Path, folder: Path, *, profile: bool = True) -> Way:
    """Validate a partition: bad rows go to the quarantine, a page is written, others go on.

    Args:
        profile: whether the partition is profiled beside, which none of the others does.
    """
    place = folder / "products" / NAME
    place.mkdir(parents=True)
    rules = "\n".join(f"    - {json.dumps(rule)}" for rule in RULES)
    place.joinpath("product.yaml").write_text(
        f"""
apiVersion: mlfactory/v1
name: {NAME}
partition: {{every: day, start: 2026-01-01}}
sources: {{rows: {{kind: parquet, path: "{file}", event_time: at}}}}
expect:
  quarantine_budget: 50%
  rows:
{rules}
features: {{key: [number], event_time: at, numeric: [x00]}}
label: {{column: x01, kind: regression}}
"""
    )
    place.joinpath("features.py").write_text("def build(sources): ...\n")
    os.environ["MLFACTORY_HOME"] = str(folder)
    from mlfactory import ingest, validate
    from mlfactory.lake.tables import Lake
    from mlfactory.product.loader import load_product
    from mlfactory.validate.rules import rules_for

    if not profile:
        from mlfactory.profiles.kept import Profiling

        Profiling.look = lambda *_: None  # type: ignore[method-assign, assignment]
    product = load_product(NAME, folder / "products")
    partition = product.calendar.parse("2026-01-01")
    ingest.run(product, partition)

    def found() -> Found:
        validate.run(product, partition)
        return []

    def told() -> Found:
        rows = Lake(NAME).read("quarantine")
        kinds = rows[["row", "kinds"]].explode("kinds").groupby("kinds")["row"]
        by_kind = {str(kind): numbers.to_numpy() for kind, numbers in kinds}
        return [by_kind.get(str(rule), []) for rule in rules_for(product, "rows") if rule.path]

    found.told = told  # type: ignore[attr-defined]
    return found


def great_expectations(file: Path, ids: bool) -> Way:
    """Ask Great Expectations for all rows, by their place or by the column `number`."""
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    format_: dict[str, Any] = {"result_format": "COMPLETE"}
    if ids:
        format_["unexpected_index_column_names"] = ["number"]

    def found() -> Found:
        frame = pd.read_parquet(file)
        context = gx.get_context(mode="ephemeral")
        batch = (
            context.data_sources.add_pandas("pandas")
            .add_dataframe_asset("rows")
            .add_batch_definition_whole_dataframe("all")
            .get_batch({"dataframe": frame})
        )
        suite = gx.ExpectationSuite("rules")
        for rule in RULES:
            arguments = {name: value for name, value in rule.items() if name != "type"}
            suite.add_expectation_configuration(
                ExpectationConfiguration(type=rule["type"], kwargs=arguments)
            )
        results = batch.validate(suite, result_format=format_).results
        by_rule = {
            _named(each.expectation_config.type, each.expectation_config.kwargs): each
            for each in results
        }
        lists = [
            by_rule[_named(rule["type"], rule)].result["unexpected_index_list"] or []
            for rule in RULES
        ]
        return [[row["number"] for row in each] for each in lists] if ids else lists

    return found


def _named(kind: str, arguments: Any) -> str:
    return f"{kind} {arguments.get('column')}"


def pandera(file: Path) -> Way:
    """Ask pandera for all failure cases, lazily."""
    import pandera.pandas as pa

    def checks(rule: dict[str, Any]) -> pa.Check:
        match rule["type"].removeprefix("expect_column_value"):
            case "s_to_be_between":
                return pa.Check.in_range(rule["min_value"], rule["max_value"])
            case "s_to_be_in_set":
                return pa.Check.isin(rule["value_set"])
            case "s_to_match_regex":
                return pa.Check.str_matches(rule["regex"])
            case "_lengths_to_equal":
                return pa.Check.str_length(rule["value"], rule["value"])
        raise AssertionError(rule)

    own = {"s_to_not_be_null", "s_to_be_unique"}

    def found() -> Found:
        frame = pd.read_parquet(file)
        columns: dict[str, dict[str, Any]] = {}
        for place, rule in enumerate(RULES):
            name = rule.get("column")
            if name is None:
                continue
            column = columns.setdefault(name, {"nullable": True, "checks": [], "places": []})
            kind = rule["type"].removeprefix("expect_column_value")
            if kind == "s_to_not_be_null":
                column["nullable"] = False
            elif kind == "s_to_be_unique":
                column["unique"] = True
            else:
                column["checks"].append(checks(rule))
                column["places"].append(place)
        pair = pa.Check(
            lambda rows: (rows["x10"] > rows["x09"]) | rows[["x09", "x10"]].isna().any(axis=1)
        )
        schema = pa.DataFrameSchema(
            {
                name: pa.Column(
                    None,
                    checks=each["checks"],
                    nullable=each["nullable"],
                    unique=each.get("unique", False),
                )
                for name, each in columns.items()
            },
            checks=[pair],
        )
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as errors:
            cases = errors.failure_cases
        else:
            return [[] for _ in RULES]
        return [_cases(cases, columns, place, rule) for place, rule in enumerate(RULES)]

    def _cases(
        cases: pd.DataFrame, columns: dict[str, Any], place: int, rule: dict[str, Any]
    ) -> Any:
        name = rule.get("column")
        if name is None:
            return cases[cases["schema_context"] == "DataFrameSchema"]["index"].unique()
        mine = cases[(cases["column"] == name) & (cases["schema_context"] == "Column")]
        kind = rule["type"].removeprefix("expect_column_value")
        if kind in own:
            word = {"s_to_not_be_null": "not_nullable", "s_to_be_unique": "field_uniqueness"}[kind]
            return mine[mine["check"] == word]["index"]
        number = columns[name]["places"].index(place)
        return mine[mine["check_number"] == number]["index"]

    return found


def duckdb(file: Path) -> Way:
    """Ask DuckDB, in SQL, a query a rule over the file."""
    import duckdb as db

    def wanted(rule: dict[str, Any]) -> str:
        column = rule.get("column")
        match rule["type"].removeprefix("expect_column_value"):
            case "s_to_be_between":
                return f"{column} < {rule['min_value']} or {column} > {rule['max_value']}"
            case "s_to_not_be_null":
                return f"{column} is null"
            case "s_to_be_in_set":
                return f"{column} not in ({', '.join(repr(each) for each in rule['value_set'])})"
            case "s_to_match_regex":
                return f"not regexp_matches({column}, '{rule['regex']}')"
            case "_lengths_to_equal":
                return f"length({column}) <> {rule['value']}"
            case "s_to_be_unique":
                several = f"select {column} from rows group by 1 having count(*) > 1"  # noqa: S608
                return f"{column} in ({several})"
        return "x10 <= x09"

    def found() -> Found:
        link = db.connect()
        link.execute(f"create table rows as select * from read_parquet('{file}')")  # noqa: S608
        asked = [f"select number from rows where {wanted(rule)}" for rule in RULES]  # noqa: S608
        return [link.execute(query).fetchnumpy()["number"] for query in asked]

    return found


def main() -> None:
    """Run one way, and print what was measured."""
    way, file, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    ways: dict[str, Callable[[], Way]] = {
        "ours": lambda: ours(file, folder, profile=False),
        "profiled": lambda: ours(file, folder),
        "gx": lambda: great_expectations(file, ids=False),
        "gx_ids": lambda: great_expectations(file, ids=True),
        "pandera": lambda: pandera(file),
        "duckdb": lambda: duckdb(file),
    }
    find = ways[way]()
    start, processor = time.perf_counter(), time.process_time()
    found = find()
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    found = getattr(find, "told", lambda: found)()
    rules = []
    for rows in found:
        numbers = np.unique(np.asarray(list(rows), dtype=np.int64))
        rules.append([len(numbers), hashlib.sha256(numbers.tobytes()).hexdigest()[:12]])
    print(json.dumps({"seconds": seconds, "processor": processor, "peak": peak, "rules": rules}))


if __name__ == "__main__":
    main()
