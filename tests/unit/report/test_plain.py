"""What data and specs are called means nothing in Markdown."""

from __future__ import annotations

import pytest

from mlfactory.report.plain import plain


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("two\nlines\r\nand more", "two lines and more"),
        ("<img src=x> & co", "&lt;img src=x&gt; &amp; co"),
        ("@somebody", "@\u200bsomebody"),
        ("a|b", "a\\|b"),
        ("a\\|b", "a\\\\\\|b"),
        ("`code`", "\\`code\\`"),
        ("![x](http://y)", "!\\[x\\](http://y)"),
        ("arr_delay > 15 min.", "arr_delay &gt; 15 min."),
    ],
)
def test_words_are_shown_and_mean_nothing(given: str, shown: str) -> None:
    assert plain(given) == shown
