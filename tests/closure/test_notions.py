"""What a bound of a piecewise, normalised or mixed network claims, and what it must not claim."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.networks import Network, Parameter


class Custom(Network):
    """A third-party network given by its parameters and a function."""

    family = "custom"

    def __init__(self, parameters, forward, inputs=2, outputs=1):
        self._forward = forward
        named = [Parameter(name, shape) for name, shape in parameters]
        self._declare("custom:0", named, (inputs,), (outputs,))

    def forward(self, parameters, x):
        return self._forward(parameters, x)


def test_a_narrow_relu_net_says_which_laws_it_counts():
    """relu:1-2-1 with positive weights also keeps w1·u2 − w2·u1: its patterns are few."""
    closure = cq.lie_closure(cq.Problem.from_text("relu:1-2-1"))
    assert closure.upper == 2
    assert "every activation pattern" in closure.note
    for wide in ("relu:2-3-1", "relu:1-3-1,bias", "relu:9-7-2"):
        assert cq.lie_closure(cq.Problem.from_text(wide)).note == ""
    for deep in ("relu:2-2-2-1", "relu:2-3-7-3-7,bias"):
        assert "every activation pattern" in cq.lie_closure(cq.Problem.from_text(deep)).note


def test_patterns_under_a_symmetry_are_never_called_closed():
    closure = cq.lie_closure(cq.Problem.from_text("relu:3-2-1", symmetry="shift"))
    assert not closure.closed
    assert "one cell" in closure.note
    assert "do not compare" in closure.note


def test_gates_of_other_networks_are_those_of_real_inputs():
    """relu(z) − relu(−z) = z: a linear net 2-2-1 in disguise, with the 3 laws of one."""

    def disguised(p, x):
        z = x @ p["W1"].T
        return (z.relu() - (-z).relu()) @ p["W2"].T

    network = Custom([("W1", (2, 2)), ("W2", (1, 2))], disguised)
    assert cq.lie_closure(cq.Problem(network=network)).upper == 3
    assert cq.lie_closure(cq.Problem.from_text("linear:2-2-1")).upper == 3


def test_a_dead_unit_is_said_and_not_fatal():
    closure = cq.lie_closure(cq.Problem.from_text("relu:2-1-12-1", symmetry="negation"))
    assert closure.upper >= 13


def test_square_roots_are_no_proof():
    """a√s + b√(4s) keeps b − 2a, which independent roots would miss."""

    def rooted(p, x):
        s = x @ p["S"].T
        square = s * s
        return square.sqrt() * p["A"] + square.scale(4).sqrt() * p["B"]

    network = Custom([("S", (1, 2)), ("A", (1,)), ("B", (1,))], rooted)
    closure = cq.lie_closure(cq.Problem(network=network))
    assert not closure.rigorous
    assert "square roots" in closure.note


def test_two_related_constants_are_no_proof():
    def mixed(p, x):
        z = x @ p["A"].T
        first = z.scale("2/√π")
        return first + (x @ p["B"].T).scale("√(2/π)")

    network = Custom([("A", (1, 2)), ("B", (1, 2))], mixed)
    closure = cq.lie_closure(cq.Problem(network=network))
    assert not closure.rigorous
    assert "2/√π" in closure.note


def test_each_family_of_functions_is_tested():
    """tanh of independent arguments beside sines of dependent ones."""

    def mixed(p, x):
        z = x @ p["W"].T
        w = x @ p["V"].T
        total = (w + w).function("sin") + w.function("sin") + (w + w + w).function("sin")
        return (z.function("tanh") + total) @ p["U"].T

    parameters = [("W", (2, 2)), ("V", (2, 2)), ("U", (1, 2))]
    network = Custom(parameters, mixed)
    closure = cq.lie_closure(cq.Problem(network=network))
    assert not closure.rigorous
    assert "sin and cos" in closure.note


def test_rotations_need_a_prime_with_all_their_roots():
    """61 ≡ 1 mod 5 is not enough: cos and sin need p ≡ 1 mod 20."""
    from conserved.kernel.primes import is_prime

    half = next(p for p in range(2**21 + 1, 2**22) if p % 20 == 11 and is_prime(p))
    problem = cq.Problem.from_text("linear:2-1-1", symmetry="rotation:5")
    with pytest.raises(InputError, match="1 mod 20"):
        cq.lie_closure(problem, prime=half)


def test_budget_and_seed_take_numpy_numbers():
    problem = cq.Problem.from_text("linear:3-2-1")
    closure = cq.lie_closure(problem, seed=np.int64(3), budget=np.float32(60))
    assert (closure.upper, closure.seed) == (3, 3)
