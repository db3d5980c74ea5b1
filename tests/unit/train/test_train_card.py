"""The model card as a page: names and values come from files of others."""

from __future__ import annotations

from mlfactory.train.card import Section, Table, as_page

HOSTILE = "<img src=x onerror=alert(1)>"


def test_names_and_values_of_others_stand_on_the_card_as_text():
    part = Section(
        HOSTILE,
        (HOSTILE,),
        {HOSTILE: HOSTILE},
        (Table((HOSTILE, "state"), ((HOSTILE, HOSTILE),)),),
        code=HOSTILE,
    )
    page = as_page(HOSTILE, HOSTILE, [part], {})
    assert "<img" not in page
    # the heading is the title of the page as well
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 10
