"""What is written is what is proved: formulas, evaluated as mathematics, give the laws' values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

import conserved as cq
from conserved.law import GramLaw, Law, Layout
from conserved.law.lines import lines
from conserved.notation import Listed, Sum, nodes
from tests.fuzz import fuzzed
from tests.law.strategies import EXAMPLES, LAYOUT, gram_laws, polynomial_laws, rational_laws
from tests.law.test_lines import SHOWN, analysis
from tests.notation.meaning import Floats, flat, meaning


def tensors(layout: Layout, theta: Floats) -> dict[str, Floats]:
    return {name: theta[layout.indices(name)] for name, _ in layout.tensors}


def assert_says(formula: object, laws: list[Law], seed: int = 0) -> None:
    layout = laws[0].layout
    theta = np.random.default_rng(seed).standard_normal(layout.size) + 2
    said = flat(meaning(formula, tensors(layout, theta), {}))  # type: ignore[arg-type]
    true = np.concatenate([law.value(theta) for law in laws])
    np.testing.assert_allclose(np.sort(said), np.sort(true), rtol=1e-9, atol=1e-9)


def cut(law: Law) -> bool:
    return any(isinstance(node, Sum | Listed) and node.left for node in nodes(law.formula))


@fuzzed(20, 100, law=st.one_of(gram_laws(), polynomial_laws(), rational_laws()))
def test_any_law(law: Law) -> None:
    assert not cut(law)
    assert_says(law.formula, [law])


@pytest.mark.parametrize("name", ["gram", "diagonal", "trace", "shifted", "scalar", "polynomial"])
def test_examples(name: str) -> None:
    assert_says(EXAMPLES[name].formula, [EXAMPLES[name]])


@pytest.mark.parametrize("name", SHOWN)
def test_lines_of_networks(name: str) -> None:
    for line in lines(analysis(name).laws):
        assert_says(line.formula, list(line.laws))


@pytest.mark.parametrize(
    "spec, symmetry, loss",
    [
        ("linear:3-3-2-2", "none", "mse"),
        ("relu:5-7-4,bias", "none", "mse"),
        ("relu:3-3-3-3-3-1", "none", "mse"),
        ("swiglu:4-12-3", "none", "mse"),
        ("attention:dim=4,tokens=3,head=2,heads=2", "none", "mse"),
        ("poly:3-2-1,power=3", "none", "mse"),
        ("linear:4-3-3", "none", "cross-entropy"),
        ("linear:3-1", "shift", "mse"),
        ("poly:3-1-1,power=2", "hyperoctahedral", "mse"),
    ],
)
def test_lines_of_families(spec: str, symmetry: str, loss: str) -> None:
    found = cq.analyze(cq.Problem.from_text(spec, symmetry=symmetry, loss=loss))
    for line in lines(found.laws):
        if line.kind != "range":
            assert_says(line.formula, list(line.laws))


def test_a_wrong_formula_is_noticed() -> None:
    law = EXAMPLES["gram"]
    assert isinstance(law, GramLaw)
    other = GramLaw(layout=LAYOUT, terms=law.terms[:2])
    with pytest.raises(AssertionError):
        assert_says(other.formula, [law])
