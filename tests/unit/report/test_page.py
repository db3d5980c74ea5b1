from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

from mlfactory.report.drawing import drawn
from mlfactory.report.page import Link, Page, State

HOSTILE = "<script>alert('x')</script> & \"quoted\""


class Seen(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def classes(self, tag: str) -> list[str]:
        return [attrs.get("class") or "" for name, attrs in self.tags if name == tag]


def plot(points: int) -> Figure:
    figure = Figure(figsize=(4, 2))
    random = np.random.default_rng(1)
    figure.subplots().scatter(random.random(points), random.random(points), s=2)
    return figure


def test_everything_a_caller_writes_is_escaped():
    page = (
        Page(HOSTILE, HOSTILE)
        .section(HOSTILE)
        .paragraph(HOSTILE)
        .states([(HOSTILE, HOSTILE, HOSTILE)])
        .facts({HOSTILE: HOSTILE, "link": Link(HOSTILE, "http://localhost/?a=\"><script>")})
        .table([HOSTILE, "state"], [[HOSTILE, HOSTILE]], state_column="state")
        .figure(drawn(plot(3)), HOSTILE)
    )  # fmt: skip
    seen = Seen(page.render())
    assert "script" not in {tag for tag, _ in seen.tags}
    assert seen.text.count("<script>alert('x')</script>") == 15


def test_a_page_needs_nothing_from_outside():
    page = Page("t").figure(drawn(plot(3)), "small").figure(drawn(plot(20_000)), "large").render()
    assert page.startswith("<!doctype html>")
    loaded = [attrs.get("src") or attrs.get("href") for tag, attrs in Seen(page).tags if tag != "a"]
    assert all(source.startswith("data:image/") for source in loaded if source)
    assert not re.search(r"url\(|@import|<link|<script", page)
    assert "default-src 'none'" in page


def test_a_plot_of_few_lines_is_a_drawing_and_one_of_many_points_a_picture():
    page = Page("t").figure(drawn(plot(3))).figure(drawn(plot(20_000))).render()
    kinds = re.findall(r'src="data:image/([a-z+]+);base64,([^"]+)"', page)
    assert [kind for kind, _ in kinds] == ["svg+xml", "png"]
    assert base64.b64decode(kinds[1][1]).startswith(b"\x89PNG")
    assert len(page) < 1_000_000


def test_the_same_content_gives_the_same_page():
    def render() -> str:
        return Page("t").table(["a"], [[1.5]]).figure(drawn(plot(5))).render()

    assert render() == render()


@pytest.mark.parametrize(
    ("state", "tone"),
    [
        ("ok", "good"),
        ("pass", "good"),
        ("warn", "doubtful"),
        ("pass_with_quarantine", "doubtful"),
        ("alert", "bad"),
        ("stop", "bad"),
        ("fail", "bad"),
        ("no_data", "none"),
        ("no_labels", "none"),
        ("no_model", "none"),
        ("insufficient", "none"),
    ],
)
def test_a_state_has_the_colour_of_its_meaning(state, tone):
    page = Page("t").table(["what", "state"], [["drift", state]], state_column="state").render()
    assert f"chip {tone}" in Seen(page).classes("span")
    assert state.replace("_", " ") in Seen(page).text


def test_columns_of_figures_align_right_and_others_left():
    page = Page("t").table(["name", "n"], [["a", 27004], ["b", None]]).render()
    assert Seen(page).classes("td") == ["", "figure", "", "figure"]
    assert "27,004" in page


def test_facts_may_be_states_and_links():
    page = Page("t").facts({"verdict": State("stop"), "run": Link("run 3", "http://h/3")}).render()
    assert ("a", "http://h/3") in [(tag, attrs.get("href")) for tag, attrs in Seen(page).tags]
    assert Seen(page).classes("span") == ["chip bad"]


def test_a_link_to_a_script_is_refused():
    with pytest.raises(ValueError, match="cannot link"):
        Link("click", "javascript:alert(1)")


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="needs 2 cells"):
        Page("t").table(["a", "b"], [[1]])


def test_an_empty_table_says_so():
    assert "Nothing to show here" in Page("t").table(["a"], []).render()
