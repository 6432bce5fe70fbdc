"""Laws of whole networks as they are read: a pattern is one line, and none is a list of entries."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import conserved as cq
from conserved.certificate import check_certificate
from conserved.law import GramLaw, GramTerm, Layout, Polynomial, PolynomialLaw
from conserved.law.lines import condensed, lines, parameter_list, where
from conserved.networks import Network
from tests.law import blocks

SHOWN: dict[str, tuple[Network, list[tuple[str, int]], str]] = {
    "grouped queries": (
        blocks.attention(4, 2, 2),
        [
            ("Σ_h Q_{g,h} Q_{g,h}ᵀ − K_g K_gᵀ, h = 1 … 2, g = 1 … 2", 6),
            ("V_g V_gᵀ − Σ_h O_{g,h}ᵀ O_{g,h}, h = 1 … 2, g = 1 … 2", 6),
        ],
        "Q_{g,h} is Q[4g+2h−5:4g+2h−4]; K_g is K[2g−1:2g] (likewise V_g); "
        "O_{g,h} is O[:,4g+2h−5:4g+2h−4].",
    ),
    "heads": (
        blocks.attention(3, 3, 2, dim=3),
        [
            ("Q_h Q_hᵀ − K_h K_hᵀ, h = 1 … 3", 9),
            ("V_h V_hᵀ − O_hᵀ O_h, h = 1 … 3", 9),
        ],
        "Q_h is Q[2h−1:2h] (likewise K_h, V_h); O_h is O[:,2h−1:2h].",
    ),
    "one head": (
        blocks.attention(1, 1, 2),
        [("Q Qᵀ − K Kᵀ", 3), ("V Vᵀ − Oᵀ O", 3)],
        "",
    ),
    "rotary": (
        blocks.attention(1, 1, 4, dim=3, rotary=True),
        [("‖Q[{j,j+2},:]‖² − ‖K[{j,j+2},:]‖², j = 1 … 2", 2), ("V Vᵀ − Oᵀ O", 10)],
        "",
    ),
    "rotary, adjacent pairs": (
        blocks.attention(1, 1, 4, dim=3, rotary=True, adjacent=True),
        [("‖Q_j‖² − ‖K_j‖², j = 1 … 2", 2), ("V Vᵀ − Oᵀ O", 10)],
        "Q_j is Q[2j−1:2j] (likewise K_j).",
    ),
    "rotary heads": (
        blocks.attention(2, 2, 4, rotary=True),
        [
            ("‖Q_h[{j,j+2},:]‖² − ‖K_h[{j,j+2},:]‖², j = 1 … 2, h = 1 … 2", 4),
            ("V_h V_hᵀ − O_hᵀ O_h, h = 1 … 2", 20),
        ],
        "Q_h is Q[4h−3:4h] (likewise K_h, V_h); O_h is O[:,4h−3:4h].",
    ),
    "residual pair": (
        blocks.residual(["A0", "A1"]),
        [("(I + A0)(I + A0)ᵀ − (I + A1)ᵀ(I + A1)", 6)],
        "",
    ),
    "residual stack": (
        blocks.residual([f"blocks.{k}.weight" for k in range(4)], 2),
        [
            (
                "(I + blocks.{l}.weight)(I + blocks.{l}.weight)ᵀ − "
                "(I + blocks.{l+1}.weight)ᵀ(I + blocks.{l+1}.weight), l = 0 … 2",
                9,
            )
        ],
        "",
    ),
    "another multiple of x": (
        blocks.scaled_residual(),
        [("(1/2 I + A)(1/2 I + A)ᵀ − Bᵀ B", 6)],
        "",
    ),
    "gain of one": (
        blocks.gain_of_one(),
        [("(1 + g[j])² − ‖B[:,j]‖², j = 1 … 3", 3)],
        "",
    ),
    "scalar": (blocks.scalar(()), [("t² − ‖A‖²", 1)], ""),
    "one entry": (blocks.scalar((1,)), [("t² − ‖A‖²", 1)], ""),
    "many layers": (
        blocks.stack(5),
        [
            (
                "‖layers.{l}.weight[j,:]‖² − ‖layers.{l+1}.weight[:,j]‖², j = 1 … 2, l = 0 … 3",
                8,
            ),
            ("‖layers.4.weight[j,:]‖² − ‖head.weight[:,j]‖², j = 1 … 2", 2),
        ],
        "",
    ),
    "two biases": (blocks.gates(), [("b[j] − c[j], j = 1 … 5", 5)], ""),
}


@cache
def analysis(name: str) -> cq.Analysis:
    return cq.analyze(cq.Problem(network=SHOWN[name][0]))


@pytest.mark.parametrize("name", SHOWN)
def test_lines(name: str) -> None:
    found = analysis(name)
    _, expected, symbols = SHOWN[name]
    told = lines(found.laws)
    assert [(line.text, line.independent) for line in told] == expected
    assert where(told) == symbols
    assert found.count.certified
    assert found.count.written == found.count.upper == sum(count for _, count in expected)


@pytest.mark.parametrize(
    "name", ["residual pair", "another multiple of x", "gain of one", "scalar"]
)
def test_they_are_proved_from_the_file_alone(name: str) -> None:
    assert check_certificate(analysis(name).certificate, seed=1).status == "CERTIFIED"


def test_json_has_every_law() -> None:
    found = analysis("grouped queries")
    assert len(found.to_json()["laws"]) == len(found.laws) == 4
    assert found.to_latex().count(r"\\") == 2


def test_residual_pair_by_hand() -> None:
    (law,) = analysis("residual pair").laws
    theta = np.random.default_rng(0).standard_normal(18)
    one = np.eye(3) + theta[:9].reshape(3, 3)
    two = np.eye(3) + theta[9:].reshape(3, 3)
    np.testing.assert_allclose(law.value(theta), (one @ one.T - two.T @ two)[np.triu_indices(3)])


def scattered(count: int) -> list[PolynomialLaw]:
    """Laws of one pattern that no index runs through."""
    layout = Layout((("w", (count * count + 1,)),))
    return [
        PolynomialLaw(
            layout=layout, components=(Polynomial.of({(k * k, k * k): 1}),), independent=1
        )
        for k in range(1, count + 1)
    ]


def test_long_lists_are_told_by_pattern() -> None:
    told = lines(scattered(50))
    assert len(told) > 20
    ((first, others),) = condensed(told, 20)
    assert sum(line.independent for line in (first, *others)) == 50
    assert [more for _, more in condensed(told, 60)] == [()] * len(told)


def test_many_patterns_end_with_the_rest() -> None:
    layout = Layout(tuple((f"{letter}{letter}", (2, 3)) for letter in "abcdefgh"))
    laws = [
        GramLaw(layout=layout, terms=(GramTerm(name, 0),), independent=3)
        for name, _ in layout.tensors
    ]
    kept = condensed(lines(laws), 5)
    assert len(kept) == 5
    assert sum(line.independent for head, more in kept for line in (head, *more)) == 24


def test_remarks_that_differ_are_left_out() -> None:
    layout = Layout((("W1", (3, 5)), ("W2", (2, 3)), ("W3", (4, 2)), ("W4", (1, 4))))
    laws = [
        GramLaw(layout=layout, terms=(GramTerm(f"W{k}", 0), GramTerm(f"W{k + 1}", 1, -1)))
        for k in (1, 2, 3)
    ]
    (line,) = lines(laws)
    assert line.text == "W_l W_lᵀ − W_{l+1}ᵀ W_{l+1}, l = 1 … 3"
    assert line.remark == ""
    assert lines(laws[:1])[0].remark == "symmetric 3×3"


def test_parameters_of_one_pattern_and_shape() -> None:
    assert parameter_list(blocks.stack(4).parameters) == (
        "layers.{l}.weight 2×2 (l = 0 … 3), head.weight 2×2"
    )
    odd = blocks.Block({"a, b": (2, 2), "c": ()}, lambda p, x: x @ p["a, b"] * p["c"], (2,), (2,))
    assert parameter_list(odd.parameters) == "a, b 2×2, c"
