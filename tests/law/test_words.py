"""Text and LaTeX of known laws, as on paper."""

from __future__ import annotations

import pytest

from conserved.errors import InputError
from conserved.law import (
    GramLaw,
    GramTerm,
    Layout,
    Polynomial,
    PolynomialLaw,
    RationalLaw,
    SpanLaw,
    SpanPart,
)

TWO = Layout((("W1", (2, 3)), ("W2", (1, 2))))
BIASED = Layout((("W1", (4, 3)), ("b1", (4,)), ("W2", (1, 4))))
HEADS = Layout((("Q", (8, 5)), ("K", (8, 5))))
CONV = Layout((("K1", (4, 3, 2)), ("K2", (5, 4, 2))))


def gram(layout, *terms, part="symmetric"):
    return GramLaw(layout=layout, terms=tuple(GramTerm(*term) for term in terms), part=part)


WORDS = [
    (
        gram(TWO, ("W1", 0), ("W2", 1, -1)),
        "W1 W1ᵀ − W2ᵀ W2",
        r"W_{1} W_{1}^\top - W_{2}^\top W_{2}",
    ),
    (
        gram(BIASED, ("W1", 0), ("b1", 0), ("W2", 1, -1), part="diagonal"),
        "‖W1[j,:]‖² + b1[j]² − ‖W2[:,j]‖², j = 1 … 4",
        r"\left\|{W_{1}}_{j,:}\right\|^2 + {b_{1}}_{j}^2 - \left\|{W_{2}}_{:,j}\right\|^2"
        r",\; j = 1, \dots, 4",
    ),
    (
        gram(HEADS, ("Q", 0, 1, (0, 4, 1)), ("K", 0, -1, (0, 4, 1))),
        "Q[1:4] Q[1:4]ᵀ − K[1:4] K[1:4]ᵀ",
        r"{Q}_{1:4,:} {Q}_{1:4,:}^\top - {K}_{1:4,:} {K}_{1:4,:}^\top",
    ),
    (
        gram(HEADS, ("Q", 1, 1, (1, 4, 2)), ("K", 1, -2, (1, 4, 2))),
        "Q[:,2:4:2]ᵀ Q[:,2:4:2] − 2 K[:,2:4:2]ᵀ K[:,2:4:2]",
        r"{Q}_{:,2:4:2}^\top {Q}_{:,2:4:2} - 2 {K}_{:,2:4:2}^\top {K}_{:,2:4:2}",
    ),
    (
        gram(HEADS, ("Q", 0, 1, (4, 8, 1)), ("K", 0, -1, (4, 8, 1)), part="diagonal"),
        "‖Q[j+4,:]‖² − ‖K[j+4,:]‖², j = 1 … 4",
        r"\left\|{Q}_{j+4,:}\right\|^2 - \left\|{K}_{j+4,:}\right\|^2,\; j = 1, \dots, 4",
    ),
    (gram(HEADS, ("Q", 0), ("K", 0, -1), part="trace"), "‖Q‖² − ‖K‖²", None),
    (gram(CONV, ("K1", 0), ("K2", 1, -1)), "K1 ·₁ K1 − K2 ·₂ K2", None),
    (
        gram(CONV, ("K1", 0), ("K2", 1, -1), part="diagonal"),
        "‖K1[j,:,:]‖² − ‖K2[:,j,:]‖², j = 1 … 4",
        None,
    ),
]


@pytest.mark.parametrize("law, text, latex", WORDS, ids=lambda v: v if isinstance(v, str) else "")
def test_matrix_forms(law, text, latex):
    assert law.text == text
    if latex is not None:
        assert " ".join(law.latex.split()) == latex


def test_names_count_what_a_matrix_holds():
    assert gram(TWO, ("W1", 0), ("W2", 1, -1)).name == "W1 W1ᵀ − W2ᵀ W2, symmetric 2×2"


def test_the_quotient_of_figure_2():
    """2606.10913, figure 2: C_3 on R^3, one output."""
    layout = Layout((("W1", (1, 3)),))
    pair = Polynomial.of({(0,): 1, (1,): -1}), Polynomial.of({(0,): 1, (1,): 1, (2,): -2})
    law = RationalLaw(layout=layout, components=(pair,))
    assert law.text == "(W1[1,1] − W1[1,2]) / (W1[1,1] + W1[1,2] − 2 W1[1,3])"
    assert " ".join(law.latex.split()) == (
        r"\frac{{W_{1}}_{1,1} - {W_{1}}_{1,2}}"
        r"{{W_{1}}_{1,1} + {W_{1}}_{1,2} - 2 {W_{1}}_{1,3}}"
    )


def test_long_polynomials_are_cut_and_say_so():
    layout = Layout((("w", (40,)),))
    squares = {(i, i): 1 for i in range(40)}
    law = PolynomialLaw(layout=layout, components=(Polynomial.of(squares),))
    assert law.text == "‖w‖²"
    scattered = Polynomial.of({(i, i): i * i + 1 for i in range(40)})
    law = PolynomialLaw(layout=layout, components=(scattered,), title="the norm of w")
    assert law.text.endswith("+ 122 w[12]² + … (28 more terms)")
    assert law.name == "the norm of w"


def test_html_escapes():
    layout = Layout((("<b>", (1,)),))
    assert "<b>" not in gram(layout, ("<b>", 0))._repr_html_()


EYE = (("1", "0"), ("0", "1"))
REFUSED = [
    (lambda: gram(TWO), "at least one term"),
    (lambda: gram(TWO, ("W1", 0), ("W2", 0)), "equal numbers of rows"),
    (lambda: gram(TWO, ("W1", 2)), "has 2 axes"),
    (lambda: gram(TWO, ("W9", 0)), "no such parameter"),
    (lambda: gram(TWO, ("W1", 0, 0)), "non-zero"),
    (lambda: PolynomialLaw(layout=TWO, components=()), "polynomials"),
    (lambda: PolynomialLaw(layout=TWO, components=(Polynomial.of({(): 3}),)), "constant"),
    (lambda: PolynomialLaw(layout=TWO, components=(Polynomial.of({(8,): 1}),)), "0 to 7"),
    (lambda: span(SpanPart("W1", 0, EYE), vectors=(3,)), "there are 3"),
    (lambda: span(SpanPart("W1", 0, EYE), vectors=(0, 0)), "once"),
    (lambda: span(SpanPart("W1", 1, EYE)), "3 entries"),
    (lambda: span(SpanPart("W1", 4, EYE)), "2 axes"),
    (lambda: span(SpanPart("W1", 0, EYE), pivots=(2,)), "0 to 1"),
    (lambda: span(SpanPart("W1", 0, EYE), vectors=(0, 1), pivots=(0, 1)), "distinct ones below 2"),
    (lambda: span(SpanPart("W1", 0, EYE), field="complex"), "multiples"),
    (lambda: Layout((("a", (1,)), ("a", (2,)))), "distinct"),
]


def span(part, **changes):
    settings = {"what": "range", "vectors": (0,), "pivots": (0,)} | changes
    return SpanLaw(layout=TWO, parts=(part,), **settings)


@pytest.mark.parametrize("build, advice", REFUSED)
def test_what_does_not_fit_is_refused(build, advice):
    with pytest.raises(InputError, match=advice):
        build()


def test_no_index_is_called_as_a_tensor():
    layout = Layout((("j", (3, 2)), ("h", (4, 2)), ("K", (2, 2))))
    assert gram(layout, ("j", 0), part="diagonal").text == "‖j[i,:]‖², i = 1 … 3"
    halves = [("h", 0, 1, (0, 2, 1)), ("h", 0, 1, (2, 4, 1)), ("K", 0, -1)]
    assert gram(layout, *halves).text == "Σ_k h_k h_kᵀ − K Kᵀ, k = 1 … 2"
