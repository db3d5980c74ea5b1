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
        ("![x](http://y)", "!\\[x\\](http:\u200b//y)"),
        ("see #12 or GH-12", "see #\u200b12 or GH-\u200b12"),
        ("of owner/repository#12", "of owner/repository#\u200b12"),
        ("www.example.com", "www\u200b.example.com"),
        ("_www.example.com_", "\\_www\u200b.example.com\\_"),
        ("*x* and **x**", "\\*x\\* and \\*\\*x\\*\\*"),
        ("_x_, __x__ and arr_delay", "\\_x\\_, \\_\\_x\\_\\_ and arr_delay"),
        ("~~x~~", "\\~\\~x\\~\\~"),
        (":tada: at 15:30", ":\u200btada: at 15:30"),
        ("arr_delay > 15 min.", "arr_delay &gt; 15 min."),
    ],
)
def test_words_are_shown_and_mean_nothing(given: str, shown: str) -> None:
    assert plain(given) == shown
