"""Formulas: every law of ours is typeset, and nothing but a formula gets through."""

from __future__ import annotations

import pytest

from conserved.law import Law
from conserved.report.mathml import mathml
from tests.report import samples
from tests.report.reading import parsed


def laws() -> list[Law]:
    cases = [
        ("linear:3-2-2", "none"),
        ("linear:4-2-1", "permutation"),
        ("linear:3-1", "shift"),
        ("relu:2-3-1,bias", "none"),
        ("poly:2-3-1,power=2", "none"),
        ("lightning:dim=2,tokens=2,head=1,out=1", "negation"),
    ]
    return [law for case in cases for law in samples.analysis(*case).laws]


def test_every_law_is_typeset() -> None:
    found = laws()
    assert len({law.kind for law in found}) > 1
    for law in found:
        formula = mathml(law.latex, law.text)
        assert formula is not None, law.latex
        (math,) = parsed(formula).children
        assert math["alttext"] == law.text
        assert math.text.strip()


@pytest.mark.parametrize(
    "latex, text",
    [
        (r"\arg\det\left[V\right]", "argdet[V]"),
        (r"\tfrac{3}{2} x", "32x"),
        ("a < b", "a<b"),
        (r"\operatorname{range}\left[W_{1}\right]", "range[W1]"),
    ],
)
def test_formulas_say_what_they_should(latex: str, text: str) -> None:
    formula = mathml(latex, "t")
    assert formula is not None
    assert parsed(formula).text == text


@pytest.mark.parametrize(
    "latex",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\text{<img src=x onerror=alert(1)>}",
        r"\text{<script>alert(1)</script>}",
        r"\text{</mtext></math><script>alert(1)</script>}",
        r"\style{color:red}{x}",
        r"\class{big}{x}",
        r"\color{red}{x}",
        r"\frac{a",
        r"\frac{a}",
        r"\nosuchcommand x",
        r"\text{<mi>a</mi>loose}",
        "x" * 100_000,
        "{" * 5000,
    ],
)
def test_what_is_no_plain_formula_is_left_as_text(latex: str) -> None:
    assert mathml(latex, "t") is None


def test_the_plain_text_is_escaped() -> None:
    formula = mathml("x", '"><script>')
    assert formula is not None
    assert [e.tag for e in parsed(formula).walk()] == ["", "math", "mrow", "mi"]
