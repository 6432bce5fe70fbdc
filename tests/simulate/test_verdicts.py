"""No true law is called violated and no planted false one conserved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import conserved as cq
from conserved.law import (
    Layout,
    Polynomial,
    RationalLaw,
    SpanLaw,
    SpanPart,
)
from conserved.simulate import (
    Adam,
    Dynamics,
    GradientDescent,
    GradientFlow,
    Momentum,
    Simulation,
    StochasticDescent,
    simulate,
)
from tests.simulate.planted import PLANTED, Planted, column_sums, gram

FLOW = GradientFlow(time=1.0)
DESCENTS: tuple[Dynamics, ...] = (
    GradientDescent(rate=0.02, steps=60),
    StochasticDescent(rate=0.02, steps=60, size=4),
    StochasticDescent(rate=0.02, steps=60, size=5, decay=0.1),
    Momentum(rate=0.004, steps=60),
    Momentum(rate=0.004, steps=60, size=4, decay=0.1, momentum=0.8),
)


def check(planted: Planted, dynamics: Dynamics, seed: int, wanted: str) -> None:
    true, false = planted.laws()
    found = simulate(planted.problem, true + false, dynamics=dynamics, seed=seed, samples=12)
    assert [v.outcome for v in found.verdicts[: len(true)]] == [wanted] * len(true), [
        v.reason for v in found.verdicts
    ]
    assert [v.outcome for v in found.verdicts[len(true) :]] == ["violated"] * len(false), [
        v.reason for v in found.verdicts
    ]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda p: p.network)
def test_along_the_flow(planted: Planted) -> None:
    time = 0.2 if planted.network.startswith("relu") else 1.0  # kinks are slow to follow
    check(planted, GradientFlow(time=time), 0, "conserved")


DESCENDING = [  # one kind of steps for each network, and the others with the slow tests
    pytest.param(
        planted,
        dynamics,
        id=f"{planted.network}-{dynamics.text}",
        marks=[pytest.mark.slow] * ((n + 2 * k) % len(DESCENTS) > 0),
    )
    for n, planted in enumerate(PLANTED)
    for k, dynamics in enumerate(DESCENTS)
]


@pytest.mark.parametrize("planted, dynamics", DESCENDING)
def test_along_descent(planted: Planted, dynamics: Dynamics) -> None:
    check(planted, dynamics, 1, "drifting as predicted")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
@pytest.mark.parametrize("planted", PLANTED, ids=lambda p: p.network)
def test_over_many_starts(planted: Planted, seed: int) -> None:
    """Long runs, too: some blow up, some stop at a kink; none may be judged wrongly."""
    true, false = planted.laws()
    for dynamics in (GradientFlow(time=3.0), *DESCENTS):
        found = simulate(planted.problem, true + false, dynamics=dynamics, seed=seed)
        outcomes = [v.outcome for v in found.verdicts]
        assert "violated" not in outcomes[: len(true)], (dynamics.text, outcomes)
        assert set(outcomes[len(true) :]) <= {"violated", "not tested"}, (dynamics.text, outcomes)


@settings(max_examples=5)
@given(
    widths=st.lists(st.integers(1, 4), min_size=3, max_size=4),
    seed=st.integers(0, 10**6),
    scale=st.floats(0.1, 2.0),
    time=st.floats(0.1, 3.0),
)
def test_over_random_linear_networks(
    widths: list[int], seed: int, scale: float, time: float
) -> None:
    problem = cq.Problem(network=cq.networks.Linear(*widths))
    layout = Layout.of(problem.network.parameters)
    true = gram(layout, "symmetric: W1.0 -1*W2.1")
    false = gram(layout, "symmetric: W1.0 1*W2.1")
    for dynamics in (GradientFlow(time=time), StochasticDescent(rate=0.01, steps=40)):
        found = simulate(problem, [true, false], dynamics=dynamics, seed=seed, scale=scale)
        assert found.verdicts[0].outcome != "violated", found.verdicts[0].reason
        assert not found.verdicts[1].holds, found.verdicts[1].reason


# ------------------------------------------------------------------ laws due to the symmetry


def direction(layout: Layout, last: int) -> RationalLaw:
    """(W1 − W2)/(W1 + W2 + last·W3); −2 is the true one (theory §6)."""
    above = Polynomial.of({(0,): 1, (1,): -1})
    below = Polynomial.of({(0,): 1, (1,): 1, (2,): last})
    return RationalLaw(layout=layout, components=((above, below),), origin="data symmetry")


def shifted(dynamics: Dynamics, **more: object) -> Simulation:
    problem = cq.Problem.from_text("linear:3-1", symmetry="shift")
    layout = Layout.of(problem.network.parameters)
    laws = [direction(layout, -2), direction(layout, -1)]
    return simulate(problem, laws, dynamics=dynamics, samples=6, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "dynamics",
    [FLOW, GradientDescent(steps=80), StochasticDescent(steps=80, size=2), Momentum(steps=80)],
    ids=lambda d: d.name,
)
def test_the_direction_under_cyclic_shifts(dynamics: Dynamics) -> None:
    """Kept by descent exactly: the update is affine in W and the all-ones vector."""
    found = shifted(dynamics)
    assert [v.outcome for v in found.verdicts] == ["conserved", "violated"]
    assert found.verdicts[0].drift < 1e-9


def test_no_average_no_law() -> None:
    for augment in ("none", "random"):
        found = shifted(GradientDescent(steps=80), augment=augment)
        assert [v.outcome for v in found.verdicts] == ["drifting as predicted", "violated"]
        assert "breaks the symmetry" in found.verdicts[0].reason
    for augment in ("none", "random"):  # steps whose drift is not worked out
        found = shifted(Momentum(steps=80), augment=augment)
        assert [v.outcome for v in found.verdicts] == ["violated", "violated"]
    assert "law of the exact average" in found.verdicts[0].reason
    assert "law of the exact average" not in found.verdicts[1].reason


def spans(problem: cq.Problem) -> tuple[SpanLaw, SpanLaw]:
    """The range of W1 on the zero-sum part (true under permutations), and on all of it (false)."""
    layout = Layout.of(problem.network.parameters)
    zero_sum = tuple(tuple({i: "1", 3: "-1"}.get(j, "0") for j in range(4)) for i in range(3))
    first = tuple(tuple("1" if i == j else "0" for j in range(4)) for i in range(3))
    true, false = (
        SpanLaw(
            layout=layout,
            what="range",
            parts=(SpanPart("W1", 1, rows),),
            vectors=(0, 1),
            pivots=(0, 1),
            origin="data symmetry",
        )
        for rows in (zero_sum, first)
    )
    return true, false


@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_ranges_under_permutations(decay: float) -> None:
    """Weight decay leaves a range where it is and shrinks a quadratic law at a known rate."""
    problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    balance = gram(Layout.of(problem.network.parameters), "symmetric: W1.0 -1*W2.1")
    flow = GradientFlow(time=1.0, decay=decay)
    found = simulate(problem, [*spans(problem), balance], dynamics=flow)
    kept = "drifting as predicted" if decay else "conserved"
    assert [v.outcome for v in found.verdicts] == ["conserved", "violated", kept]
    if decay:
        values = found.trajectory.values[2]
        np.testing.assert_allclose(values[-1], np.exp(-2 * decay) * values[0], rtol=1e-9)


def test_linear_laws_of_cross_entropy() -> None:
    """Column sums of the last layer: kept by every descent, not by weight decay or Adam."""
    problem = cq.Problem.from_text("relu:3-4-3", loss="cross-entropy")
    layout = Layout.of(problem.network.parameters)
    laws = [column_sums(layout, "W2"), column_sums(layout, "W1")]
    plain = simulate(problem, laws, dynamics=Momentum(steps=60, rate=0.01))
    assert [v.outcome for v in plain.verdicts] == ["conserved", "violated"]
    decaying = simulate(problem, laws, dynamics=GradientDescent(steps=60, decay=0.1))
    assert [v.outcome for v in decaying.verdicts] == ["drifting as predicted", "violated"]


@pytest.mark.parametrize("planted", PLANTED[:3], ids=lambda p: p.network)
def test_adam_moves_a_true_law_and_that_is_no_error(planted: Planted) -> None:
    check(planted, Adam(steps=60), 0, "drifting")
    true, _ = planted.laws()
    found = simulate(planted.problem, true, dynamics=Adam(steps=60))
    assert "Adam rescales" in found.verdicts[0].reason
    assert found.holds
    assert found.verdicts[0].tangency is not None
    assert found.verdicts[0].tangency.units < 100
