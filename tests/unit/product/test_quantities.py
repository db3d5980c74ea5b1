from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mlfactory.product.quantities import (
    Allowance,
    Duration,
    Fraction,
    KOfN,
    Partitions,
    Quota,
    Times,
)

CASES: list[tuple[Any, str, Any]] = [
    (Partitions, "6 partitions", 6),
    (Partitions, "1 partition", 1),
    (Partitions, "0 partitions", 0),
    (Duration, "1 minute", timedelta(minutes=1)),
    (Duration, "36 hours", timedelta(hours=36)),
    (Duration, "30 days", timedelta(days=30)),
    (Duration, "2 weeks", timedelta(weeks=2)),
    (Fraction, "2%", 0.02),
    (Fraction, "0.5%", 0.005),
    (Fraction, "100%", 1.0),
    (Times, "2 of 3", KOfN(2, 3)),
    (Allowance, "6 per 12 partitions", Quota(6, 12)),
]


@pytest.mark.parametrize(("kind", "text", "value"), CASES)
def test_a_phrase_is_read_as_its_value(kind: Any, text: str, value: Any) -> None:
    assert TypeAdapter(kind).validate_python(text) == value


@pytest.mark.parametrize(("kind", "text", "value"), CASES)
def test_a_phrase_written_and_read_again_is_the_same_value(
    kind: Any, text: str, value: Any
) -> None:
    adapter = TypeAdapter(kind)
    written = adapter.dump_python(value, mode="json")
    assert adapter.validate_python(written) == value


@pytest.mark.parametrize(
    ("kind", "text", "example"),
    [
        (Partitions, "6", "6 partitions"),
        (Partitions, "-1 partitions", "6 partitions"),
        (Partitions, "six partitions", "6 partitions"),
        (Duration, "1 month", "30 days"),
        (Duration, "1.5 days", "30 days"),
        (Duration, "", "30 days"),
        (Fraction, "two percent", "2%"),
        (Fraction, "2", "2%"),
        (Times, "2/3", "2 of 3"),
        (Allowance, "6", "6 per 12 partitions"),
    ],
)
def test_another_phrase_is_refused_with_an_example(kind: Any, text: str, example: str) -> None:
    with pytest.raises(ValidationError, match="expected something like") as caught:
        TypeAdapter(kind).validate_python(text)
    assert f"'{example}', got '{text}'" in str(caught.value)


@pytest.mark.parametrize(("kind", "text"), [(Times, "3 of 2"), (Times, "0 of 2")])
def test_more_than_there_are_cannot_be_asked_for(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError, match="asks for more than there are"):
        TypeAdapter(kind).validate_python(text)


def test_a_share_is_at_most_the_whole() -> None:
    with pytest.raises(ValidationError, match="101% is more than the whole"):
        TypeAdapter(Fraction).validate_python("101%")


@pytest.mark.parametrize(("kind", "text", "value"), CASES)
def test_the_schema_takes_the_phrases_that_are_read(kind: Any, text: str, value: Any) -> None:
    import re

    schema = TypeAdapter(kind).json_schema()
    assert re.match(schema["pattern"], text)
    assert re.match(schema["pattern"], schema["examples"][0])
