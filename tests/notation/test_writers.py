"""Every writer on every kind of formula; names come from users, and are escaped."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserved import notation
from conserved.notation import (
    Affine,
    Described,
    Formula,
    Item,
    Name,
    Operator,
    Row,
    Words,
    latex,
    mathml,
    text,
)
from conserved.notation.tree import nodes
from tests.notation.trees import TABLE

ALLOWED = {
    *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace"),
    *("msub", "msup", "msubsup", "munderover", "mfrac"),
}
CHILDREN = {"msub": 2, "msup": 2, "mfrac": 2, "munderover": 3, "msubsup": 3}


def parsed(formula: Formula) -> ElementTree.Element:
    """The MathML, which must be well-formed, known elements with as many children as they need."""
    root = ElementTree.fromstring(mathml(formula))
    for element in root.iter():
        assert element.tag in ALLOWED
        assert len(element) == CHILDREN.get(element.tag, len(element))
        assert set(element.keys()) <= {"display", "alttext", "fence", "width"}
    assert root.get("alttext") == text(formula)
    return root


@pytest.mark.parametrize("name", TABLE)
def test_text(name: str) -> None:
    formula, expected, _, _ = TABLE[name]
    assert text(formula) == expected


@pytest.mark.parametrize("name", TABLE)
def test_latex(name: str) -> None:
    formula, _, expected, _ = TABLE[name]
    if expected is None:
        pytest.skip("no other than the one above")
    assert latex(formula) == expected
    assert latex(formula).count("{") == latex(formula).count("}")


@pytest.mark.parametrize("name", TABLE)
def test_mathml(name: str) -> None:
    formula, _, _, expected = TABLE[name]
    assert "".join(parsed(formula).itertext()) == expected


def test_every_kind_of_node_is_in_the_table() -> None:
    kinds = {getattr(notation, name) for name in notation.__all__}
    kinds = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Formula)}
    there = {type(node) for formula, *_ in TABLE.values() for node in nodes(formula)}
    assert there == kinds - {Formula}


@pytest.mark.parametrize(
    "name, shown",
    [
        ("W12", "W_{12}"),
        ("Q", "Q"),
        ("b1", "b_{1}"),
        ("layer.0.weight", r"\mathrm{layer.0.weight}"),
        ("a_b", r"\mathrm{a\_b}"),
        ("x}y", r"\mathrm{x\_y}"),
        ("a007", r"\mathrm{a007}"),
        ("θ", r"\mathrm{θ}"),
    ],
)
def test_symbols(name: str, shown: str) -> None:
    assert latex(Name.of(name)) == shown


PAYLOADS = [
    "<script>alert(1)</script>",
    "</mtext></math><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "&amp;",
    r"\href{javascript:alert(1)}{x}",
    r"}\input{/etc/passwd}",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_users_name_is_only_a_name(payload: str) -> None:
    name = Name.of(payload)
    place = Described(
        "range of", Row((name,)), Operator("range", "real", Row((name,))), Words.of(payload)
    )
    for formula in (name, Item(name, (Affine.of("j"), None)), place):
        assert payload in "".join(parsed(formula).itertext())
        shown = latex(formula)
        commands = set(re.findall(r"\\[a-zA-Z]+", shown))
        assert commands <= {r"\mathrm", r"\operatorname", r"\left", r"\right", r"\text"} | {
            r"\textbackslash"
        }
        assert re.sub(r"\\[{}]", "", shown).count("{") == re.sub(r"\\[{}]", "", shown).count("}")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20))
def test_any_name_can_be_written(name: str) -> None:
    formula = Item(Name.of(name), (Affine(3), Affine.of("j") - 1))
    assert text(Name.of(name)) == name
    assert name.strip() in "".join(parsed(formula).itertext())
