"""What holds of a ledger in a folder holds of one in a bucket."""

from __future__ import annotations

from tests.unit.lake.test_ledger import (  # noqa: F401
    product,
    pytestmark,
    test_a_champion_judges_only_what_it_has_not_seen,
    test_a_decision_that_returns_is_written_each_time,
    test_a_ledger_begun_anew_is_read_anew,
    test_an_entry_of_another_revision_is_named,
    test_files_that_are_no_entries_are_none,
    test_of_many_who_promote_at_once_exactly_one_does,
    test_of_two_decisions_made_side_by_side_the_second_is_refused,
    test_the_same_decision_is_not_written_twice,
    test_writers_at_the_same_time_lose_nothing,
)
