"""What steps must do to one law of any degree: its ledger, at one rate and at several."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import comb
from typing import Any

import pytest

import conserved as cq
from conserved.law import Layout, Polynomial, PolynomialLaw
from tests.watching.runs import SGD

torch = pytest.importorskip("torch", reason="needs the extra torch")
slow = pytest.mark.slow


def polynomial_of(degree: int) -> PolynomialLaw:
    """(w₁² − w₂²)^{k/2} of a product of two numbers, of degree k = 2, 4 or 6."""
    terms = {
        (0,) * (2 * k) + (1,) * (degree - 2 * k): comb(degree // 2, k) * (-1) ** (degree // 2 - k)
        for k in range(degree // 2 + 1)
    }
    layout = Layout((("0.weight", (1, 1)), ("1.weight", (1, 1))))
    return PolynomialLaw(layout=layout, components=(Polynomial.of(terms),))


@pytest.mark.parametrize("options", SGD, ids=lambda o: "-".join(o))
@pytest.mark.parametrize("degree", [4, pytest.param(2, marks=slow), pytest.param(6, marks=slow)])
def test_a_law_of_any_degree_has_a_ledger(degree: int, options: dict[str, Any]) -> None:
    from torch import nn

    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    optimizer = torch.optim.SGD(net.parameters(), **{**options, "lr": 0.05})
    with cq.watch(net, optimizer, laws=polynomial_of(degree)) as watched:
        for k in range(20):
            optimizer.zero_grad()
            x = torch.tensor([[1.0 + k % 3]], dtype=torch.float64)
            (0.5 * (net(x) - 1.0) ** 2).sum().backward()
            optimizer.step()
    (track,) = watched.tracks
    assert track.outcome == "drifting as predicted", watched.verdict()
    assert track.residual < 5
    assert abs(track.drift) > 1e-6 * track.size
    assert track.predicted == pytest.approx(track.value, rel=1e-10)


def test_a_false_law_of_higher_degree_is_violated() -> None:
    right = polynomial_of(4)
    terms = dict(right.components[0].terms)
    terms[(0, 0, 0, 0)] *= Fraction(1001, 1000)
    wrong = replace(right, components=(Polynomial.of(terms),))
    from torch import nn

    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    with cq.watch(net, optimizer, laws=[right, wrong]) as watched:
        (net(torch.ones(1, 1, dtype=torch.float64)) - 1).square().sum().backward()
        optimizer.step()
    assert [t.since for t in watched.tracks] == [None, 1]


def rated(laws: Any, options: dict[str, Any], late: float = 1.0, wrong: float = 1.0) -> Any:
    """Layers with rates 0.04 and 0.01, both halved on the way, the second times ``late``."""
    from torch import nn

    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2, bias=False)).double()
    groups = [
        {"params": [p], "lr": lr} for p, lr in zip(net.parameters(), (0.04, 0.01), strict=True)
    ]
    optimizer = torch.optim.SGD(groups, **{**options, "lr": 0.1})
    with cq.watch(net, optimizer, laws=laws) as watched:
        for k in range(20):
            if k == 10:
                groups[0]["lr"] *= 0.5
                groups[1]["lr"] *= 0.5 * late
            optimizer.zero_grad()
            x = torch.randn(8, 4, dtype=torch.float64)
            (net(x) - torch.sin(3 * x[:, :2])).square().mean().backward()
            optimizer.step()
            if k == 15:
                net[1].weight.data *= wrong
    return watched


@cache
def two_layers() -> cq.Analysis:
    from torch import nn

    net = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2, bias=False))
    return cq.analyze(cq.from_torch(net, torch.zeros(1, 4)))


@pytest.mark.parametrize("options", SGD, ids=lambda o: "-".join(o))
def test_laws_whose_terms_have_rates_of_their_own_have_a_ledger(options: dict[str, Any]) -> None:
    """Σ h_c/η_c, as of laws of blocks; and these agree."""
    laws = two_layers().laws
    watched = rated(laws, options)
    assert watched.tracks
    for track in watched.tracks:
        assert track.outcome == "drifting as predicted", watched.verdict()
        assert track.residual < 5
        assert track.predicted == pytest.approx(track.value, rel=1e-9)
        assert abs(track.drift) > 1e-6 * track.size
    assert rated(laws, options, wrong=1.001).violated


def test_rates_that_change_their_ratio_end_the_ledger() -> None:
    laws = two_layers().laws
    for track in rated(laws, SGD[0], late=0.5).tracks:
        assert track.outcome == "drifting"
        assert track.why_not == "the rates of its tensors changed their ratio"


def test_a_law_whose_terms_mix_rates_says_so() -> None:
    from torch import nn

    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    groups = [
        {"params": [p], "lr": lr} for p, lr in zip(net.parameters(), (0.04, 0.01), strict=True)
    ]
    laws = [polynomial_of(2), polynomial_of(4)]
    optimizer = torch.optim.SGD(groups)
    with cq.watch(net, optimizer, laws=laws) as watched:
        for _ in range(5):
            optimizer.zero_grad()
            (net(torch.ones(1, 1, dtype=torch.float64)) - 1).square().sum().backward()
            optimizer.step()
    separate, mixed = watched.tracks
    assert separate.outcome == "drifting as predicted", separate.verdict()
    assert separate.residual < 5
    assert mixed.outcome == "drifting"
    assert "its terms mix parameters of different rates" in mixed.verdict()
