from __future__ import annotations

import io

from mlfactory.report.style import new_figure, titled


def test_a_sign_of_money_in_a_name_is_no_formula() -> None:
    figure, (axes,) = new_figure(2, 2)
    titled(axes, "cash_$_$", "a $ and $\\frac{", "$x$")
    axes.set_yticks([0, 1], ["$_$", "100 $ or $ more"])
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg")
    assert b"cash_$_$" in drawn.getvalue()
