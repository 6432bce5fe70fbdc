"""Runs that test nothing, blow up, underflow or stand still: verdicts see through them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import conserved as cq
from conserved.law import (
    GramLaw,
    GramTerm,
    Layout,
    Polynomial,
    PolynomialLaw,
)
from conserved.simulate import (
    Dataset,
    Dynamics,
    GradientDescent,
    GradientFlow,
    Momentum,
    StochasticDescent,
    make_dataset,
    simulate,
)
from tests.simulate.planted import gram

FLOW = GradientFlow(time=1.0)


def small() -> tuple[cq.Problem, Layout]:
    problem = cq.Problem(network=cq.networks.Linear(3, 2, 1))
    return problem, Layout.of(problem.network.parameters)


def test_nothing_moves_nothing_is_tested() -> None:
    problem, layout = small()
    laws = [gram(layout, "symmetric: W1.0 -1*W2.1"), gram(layout, "symmetric: W1.0 W2.1")]
    for dynamics in (FLOW, GradientDescent(steps=20), Momentum(steps=20)):
        still = simulate(problem, laws, dynamics=dynamics, start=np.zeros(8))
        assert [v.outcome for v in still.verdicts] == ["not tested", "not tested"]
        assert not still.holds


@pytest.mark.parametrize(
    "dynamics", [GradientFlow(time=1e-8), GradientDescent(rate=1e-13, steps=5)]
)
def test_a_path_too_short_tests_nothing(dynamics: Dynamics) -> None:
    problem, layout = small()
    found = simulate(problem, [gram(layout, "symmetric: W1.0 -1*W2.1")], dynamics=dynamics)
    assert found.verdicts[0].outcome == "not tested", found.verdicts[0].reason


def test_a_coarse_tolerance_names_its_remedy() -> None:
    """A smaller rtol where that would do, else a longer time; the remedy works."""
    problem, layout = small()
    laws = [gram(layout, "symmetric: W1.0 -1*W2.1")]
    coarse = simulate(problem, laws, dynamics=GradientFlow(rtol=1e-6)).verdicts[0]
    assert coarse.outcome == "not tested"
    assert coarse.reason.startswith("rtol 1e-06 is too coarse: it could move ")
    assert coarse.reason.endswith("; take a smaller rtol, such as 1e-13")
    assert simulate(problem, laws, dynamics=GradientFlow(rtol=1e-13)).holds
    short = simulate(problem, laws, dynamics=GradientFlow(time=1e-8, rtol=1e-6)).verdicts[0]
    assert short.reason.startswith("path too short: ")
    assert short.reason.endswith("; take a longer time")


def test_why_nothing_was_tested() -> None:
    """No reason speaks of steps that were not taken, or of numbers that are none."""
    problem, layout = small()
    law = gram(layout, "symmetric: W1.0 -1*W2.1")
    far = simulate(problem, [law], dynamics=GradientFlow(time=1e9, rtol=1e-6))
    assert far.trajectory.stopped.startswith("stuck")
    assert "before the first moment" in far.verdicts[0].reason
    wild = simulate(problem, [law], dynamics=GradientDescent(rate=1e300))
    assert wild.verdicts[0].reason == "no step was taken"


def test_an_overflow_is_called_one() -> None:
    """Every ∇L overflows: not a word of it on stderr, where warnings are errors here."""
    problem = cq.Problem.from_text("relu:2-3-2-1,bias", loss="exponential")
    laws = [gram(Layout.of(problem.network.parameters), "diagonal: W1.0 b1.0 -1*W2.1")]
    found = simulate(
        problem,
        laws,
        dynamics=GradientFlow(time=0.001, rtol=0.001),
        start=np.full(problem.network.size, 5.0),
        seed=55,
    )
    assert found.verdicts[0].outcome == "not tested"
    assert "overflow" in found.verdicts[0].reason, found.verdicts[0].reason


def test_a_law_that_is_zero_throughout() -> None:
    """A balanced start: h = 0 gives no scale, and the verdict needs none."""
    problem, layout = small()
    start = np.concatenate([np.outer([0.6, 0.8], [0.0, 0.6, 0.8]).ravel(), [0.6, 0.8]])
    laws = [gram(layout, "symmetric: W1.0 -1*W2.1"), gram(layout, "symmetric: W1.0 -2*W2.1")]
    found = simulate(problem, laws, dynamics=FLOW, start=start)
    assert found.verdicts[0].start < 1e-15
    assert [v.outcome for v in found.verdicts] == ["conserved", "violated"]


def test_a_start_with_equal_units_hides_nothing() -> None:
    """‖w_1‖² − a_2² holds while both units stay equal, and nowhere else."""
    problem, layout = small()
    row, weight = [0.3, -0.5, 0.9], 0.7
    start = np.array([*row, *row, weight, weight])
    crossed = GramTerm("W1", 0, 1, (0, 1, 1)), GramTerm("W2", 1, -1, (1, 2, 1))
    law = GramLaw(layout=layout, terms=crossed, part="trace")
    for dynamics in (FLOW, GradientDescent(steps=50)):
        found = simulate(problem, [law], dynamics=dynamics, start=start)
        assert found.verdicts[0].outcome == "violated"
        assert "this trajectory only" in found.verdicts[0].reason


def test_a_dead_unit_is_not_counted_as_tested() -> None:
    problem = cq.Problem.from_text("relu:2-3-1")
    layout = Layout.of(problem.network.parameters)
    rng = np.random.default_rng(0)
    inputs = np.abs(rng.standard_normal((8, 2)))
    data = Dataset("positive", "positive inputs", inputs, rng.standard_normal((8, 1)))
    start = np.array([-1.0, -2.0, 0.6, 0.8, 0.4, -0.1, 0.5, 0.7, -0.3])  # the first unit is dead
    law = gram(layout, "diagonal: W1.0 -1*W2.1")
    found = simulate(problem, [law], dynamics=GradientDescent(steps=50), data=data, start=start)
    assert found.verdicts[0].outcome == "drifting as predicted"
    flow = simulate(problem, [law], dynamics=GradientFlow(time=0.2), data=data, start=start)
    assert "2 of 3 functions move" in flow.verdicts[0].reason


def test_a_violation_in_the_ninth_digit_is_seen() -> None:
    problem, layout = small()
    true = gram(layout, "diagonal: W1.0 -1*W2.1").polynomials()[0]
    bent = Polynomial.of({**dict(true.terms), (0,): Fraction(1, 10**8)})
    law = PolynomialLaw(layout=layout, components=(bent,))
    found = simulate(problem, [law], dynamics=GradientFlow(time=2.0))
    assert found.verdicts[0].outcome == "violated"
    assert 0 < found.verdicts[0].drift < 1e-7
    steps = simulate(problem, [law], dynamics=StochasticDescent(steps=60))
    assert not steps.verdicts[0].holds


def test_a_flow_that_blows_up() -> None:
    """A cubic loss has no lower bound: θ goes to infinity in finite time."""
    problem = cq.Problem.from_text("linear:2-2-1", loss="poly:3")
    layout = Layout.of(problem.network.parameters)
    laws = [gram(layout, "symmetric: W1.0 -1*W2.1"), gram(layout, "symmetric: W1.0 W2.1")]
    for dynamics in (GradientFlow(time=50.0), GradientDescent(rate=0.05, steps=5000)):
        found = simulate(problem, laws, dynamics=dynamics, seed=3, samples=8)
        assert found.trajectory.stopped.startswith("blew up"), found.trajectory.stopped
        assert not found.trajectory.complete
        assert found.verdicts[0].outcome != "violated", found.verdicts[0].reason
        assert not found.verdicts[1].holds


def test_steps_that_blow_up_before_any_comparison() -> None:
    """The drift told is that of the steps that were taken, not that of none."""
    problem = cq.Problem.from_text("linear:2-2-1")
    laws = [gram(Layout.of(problem.network.parameters), "symmetric: W1.0 -1*W2.1")]
    found = simulate(problem, laws, dynamics=GradientDescent(rate=100.0, steps=1000))
    assert found.trajectory.stopped == "blew up at step 2"
    (verdict,) = found.verdicts
    values = found.trajectory.values[0][:, verdict.component]
    assert abs(values[1] - values[0]) > 1000
    assert verdict.drift == abs(values[1] - values[0])
    assert verdict.outcome == "drifting as predicted"
    assert "→" not in verdict.reason  # nothing was compared


@pytest.mark.parametrize("seed", [0, 10, 41])
def test_one_step_that_goes_very_far(seed: int) -> None:
    """The rounding error of h where a long step leads is that of h there, not that at its start."""
    problem = cq.Problem.from_text("linear:1-2-2-1", loss="poly:4")
    layout = Layout.of(problem.network.parameters)
    true = [gram(layout, "symmetric: W1.0 -1*W2.1"), gram(layout, "symmetric: W2.0 -1*W3.1")]
    false = [gram(layout, "symmetric: W1.0 -2*W2.1"), gram(layout, "trace: W2.0 W3.1")]
    dynamics = Momentum(rate=10.0, steps=10, momentum=0.5, size=4)
    found = simulate(problem, true + false, dynamics=dynamics, scale=5.0, samples=7, seed=seed)
    assert found.trajectory.stopped.startswith("blew up")
    outcomes = [v.outcome for v in found.verdicts]
    assert outcomes[:2] == ["drifting as predicted"] * 2, [v.reason for v in found.verdicts]
    assert outcomes[2:] == ["violated"] * 2, [v.reason for v in found.verdicts]


def test_a_stiff_problem() -> None:
    """Curvatures a factor 10^4 apart: an explicit solver needs many steps, and the law holds."""
    problem, layout = small()
    data = make_dataset(problem, "teacher", samples=8, rng=np.random.default_rng(0))
    inputs = data.inputs * np.array([30.0, 1.0, 0.3])
    stiff = Dataset("stiff", "inputs of very different size", inputs, data.labels)
    laws = [gram(layout, "symmetric: W1.0 -1*W2.1"), gram(layout, "symmetric: W1.0 W2.1")]
    found = simulate(problem, laws, dynamics=GradientFlow(time=0.5), data=stiff)
    assert [v.outcome for v in found.verdicts] == ["conserved", "violated"]
    assert found.trajectory.steps[-1] > 100


@pytest.mark.parametrize("rate", [0.9, 1.0])
def test_decay_down_to_underflow_breaks_no_true_law(rate: float) -> None:
    """Laws as small as 1e-300 lose their digits to underflow, which is no step's fault."""
    problem = cq.Problem.from_text("relu:3-4-1", symmetry="shift")
    law = gram(Layout.of(problem.network.parameters), "diagonal: W1.0 -1*W2.1")
    dynamics = GradientDescent(rate=rate, steps=300, decay=1.0)
    found = simulate(problem, [law], dynamics=dynamics, scale=0.1, seed=9)
    assert np.abs(found.trajectory.thetas[-1]).max() < 1e-160  # it does underflow
    assert found.verdicts[0].outcome == "drifting as predicted", found.verdicts[0].reason


def test_decay_hides_no_false_law_with_a_linear_part() -> None:
    """A linear function shrinks like θ, not like θ²: rounding errors late are none early."""
    problem = cq.Problem.from_text("linear:1-2-2-1", loss="poly:4", symmetry="hyperoctahedral")
    layout = Layout.of(problem.network.parameters)
    i, j = (int(layout.indices(name)[0, 0]) for name in ("W2", "W3"))
    shapes: tuple[dict[tuple[int, ...], int], ...] = ({(j,): 1}, {(i, j): 1, (j,): 1})
    false = [PolynomialLaw(layout=layout, components=(Polynomial.of(t),)) for t in shapes]
    for steps in 10, 100:
        found = simulate(
            problem,
            false,
            dynamics=GradientDescent(rate=10.0, steps=steps, decay=0.1),
            data="random",
            augment="random",
            samples=7,
            scale=1e-6,
            seed=33,
        )
        assert [v.outcome for v in found.verdicts] == ["violated", "violated"], [
            v.reason for v in found.verdicts
        ]


@pytest.mark.parametrize(
    "scale, outcomes", [(1.0, ["drifting as predicted", "violated"]), (1e-6, ["not tested"] * 2)]
)
def test_what_decay_alone_moves_tests_no_law(scale: float, outcomes: list[str]) -> None:
    """From a tiny start the loss pulls on nothing: every quadratic form decays alike."""
    problem = cq.Problem.from_text("poly:3-1-1,power=3", symmetry="negation")
    layout = Layout.of(problem.network.parameters)
    laws = [
        GramLaw(layout=layout, terms=(GramTerm("W1", 0, a), GramTerm("W2", 1, -3)), part="trace")
        for a in (1, 2)
    ]
    flow = GradientFlow(time=1, decay=1)
    run = simulate(problem, laws, dynamics=flow, samples=2, scale=scale, seed=46)
    assert [verdict.outcome for verdict in run.verdicts] == outcomes
