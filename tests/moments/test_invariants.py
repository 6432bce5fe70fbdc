"""Averages from generators against averages over every element, and against pairings."""

from __future__ import annotations

from itertools import permutations
from math import comb

import numpy as np
import pytest

import conserved as cq
from conserved.arithmetic.primes import BLAS_PRIMES, prime_with_roots
from conserved.arithmetic.residues import residues
from conserved.arithmetic.rowspace import RowSpace
from conserved.networks import parse_network
from conserved.symmetry import enumerate_group, parse_symmetry
from conserved.symmetry.invariants import Action, invariant_forms

FINITE = [
    *(("negation", 3), ("signflip", 3), ("permutation", 4), ("shift", 5), ("hyperoctahedral", 3)),
    *(("rotation:3", 2), ("rotation:4", 2), ("rotation:7", 2), ("dihedral:5", 2)),
    *(("tetrahedral", 3), ("octahedral", 3), ("icosahedral", 3), ("grid-rotation:2x2", 4)),
    *(("grid-flip:2x3", 6), ("grid-shift:2x3", 6), ("permutation:3+none:2", 5)),
    *(("2xshift:3", 6), ("rotation:5+negation:1", 3)),
]


def ring_for(group):
    return residues(BLAS_PRIMES[0] if group.roots == 1 else prime_with_roots(group.roots))


def action_of(scalars, group, lift=None):
    moves, turns = group.generators(scalars), group.infinitesimal(scalars)
    if lift is None:
        return Action(moves, turns)
    return Action(lift.representation(scalars, moves), lift.derivative(scalars, turns))


def span(scalars, forms):
    space = RowSpace(scalars, int(np.prod(forms.shape[1:])))
    space.add(forms.reshape(len(forms), -1))
    return space


def averaged_over_elements(scalars, group, lift, rng, count):
    """Random symmetric forms, averaged over every element of the group one by one."""
    elements = lift.representation(scalars, enumerate_group(group, scalars).matrices)
    total = 0
    forms = scalars.random(rng, (count, lift.dimension, lift.dimension))
    forms = scalars.reduce(forms + forms.swapaxes(-1, -2))
    for g in elements:
        total = scalars.reduce(total + scalars.matmul(scalars.matmul(g, forms), g.T))
    return total


@pytest.mark.parametrize("network", ["linear:{n}-1", "poly:{n}-1-1,power=2"])
@pytest.mark.parametrize("name, n", FINITE)
def test_against_every_element(name, n, network):
    group = parse_symmetry(name, n)
    scalars = ring_for(group)
    lift = parse_network(network.format(n=n)).lift()
    action = action_of(scalars, group, lift)
    fast = invariant_forms(scalars, action, action, symmetric=True)
    rng = np.random.default_rng(0)
    slow = averaged_over_elements(scalars, group, lift, rng, len(fast) + 4)
    assert span(scalars, fast).rank == len(fast)
    assert span(scalars, slow).rank == len(fast)
    assert not span(scalars, fast).remainder(slow.reshape(len(slow), -1)).any()


def pairings(positions):
    """All ways to pair up positions."""
    if not positions:
        yield []
        return
    first, *rest = positions
    for i, other in enumerate(rest):
        for tail in pairings(rest[:i] + rest[i + 1 :]):
            yield [(first, other), *tail]


def brauer(n, order):
    """Products of Kronecker deltas on (R^n)^⊗order, flattened."""
    forms = []
    grid = np.indices((n,) * order)
    for pairing in pairings(list(range(order))):
        delta = np.ones((n,) * order)
        for a, b in pairing:
            delta *= grid[a] == grid[b]
        forms.append(delta.ravel())
    return np.array(forms)


@pytest.mark.parametrize(
    "n, half", [(2, 1), (3, 1), (2, 2), (3, 2), (5, 2), (2, 3), (3, 3), (4, 3)]
)
def test_orthogonal_invariants_are_spanned_by_pairings(n, half):
    """First fundamental theorem for O(n), on forms over (R^n)^⊗half."""
    group = cq.symmetry.Orthogonal(n)
    scalars = residues(BLAS_PRIMES[0])
    moves, turns = group.generators(scalars), group.infinitesimal(scalars)
    # signed permutations of the group keep the candidates few
    quarter = np.eye(n) + turns + scalars.matmul(turns, turns)
    moves = np.concatenate([moves, scalars.reduce(quarter)])
    one = np.eye(n)

    def power(g):
        out = g
        for _ in range(half - 1):
            out = np.kron(out, g)
        return scalars.reduce(out)

    def derivative(x):
        total = 0
        for place in range(half):
            out = np.ones((1, 1))
            for i in range(half):
                out = np.kron(out, x if i == place else one)
            total = total + out
        return scalars.reduce(total)

    size = n**half
    algebra = np.array([derivative(x) for x in turns]).reshape(-1, size, size)
    action = Action(np.array([power(g) for g in moves]), algebra)
    found = invariant_forms(scalars, action, action)
    expected = span(scalars, brauer(n, 2 * half))
    assert len(found) == expected.rank
    assert not expected.remainder(found.reshape(len(found), -1)).any()


@pytest.mark.parametrize("n", [2, 3, 4])
def test_special_orthogonal_has_the_volume_form_too(n):
    """On R^n ⊗ R^n: δ, and for n = 2 also ε."""
    scalars = residues(BLAS_PRIMES[0])
    action = action_of(scalars, cq.symmetry.SpecialOrthogonal(n))
    assert len(invariant_forms(scalars, action, action)) == (2 if n == 2 else 1)


@pytest.mark.parametrize("power", [1, 2, 3, 4])
@pytest.mark.parametrize("k", [2, 3, 4, 5, 8])
def test_dimension_by_counting_weights(power, k):
    """Sym²(Sym^r R²) under C_k: pairs of weights r, r−2, …, −r whose sum is 0 mod k."""
    group = cq.symmetry.Rotation(k)
    scalars = ring_for(group)
    lift = parse_network(f"poly:2-1-1,power={power}").lift()
    action = action_of(scalars, group, lift)
    weights = range(-power, power + 1, 2)
    expected = sum(a <= b and (a + b) % k == 0 for a in weights for b in weights)
    assert len(invariant_forms(scalars, action, action, symmetric=True)) == expected


def test_a_form_that_is_not_invariant_is_not_found():
    scalars = residues(BLAS_PRIMES[0])
    action = action_of(scalars, cq.symmetry.Permutation(4))
    found = span(scalars, invariant_forms(scalars, action, action, symmetric=True))
    planted = np.diag([1.0, 2.0, 3.0, 4.0]).reshape(1, -1)
    assert found.remainder(planted).any()


@pytest.mark.parametrize(
    "text", ["linear:4-2-2", "linear:3-2-2-1", "poly:3-2-2,power=2", "poly:2-2-2-1,power=2"]
)
def test_lifts_of_vectors(text):
    """ρ is a representation that keeps the metric, and dρ its derivative."""
    network = parse_network(text)
    lift, n = network.lift(), network.input_shape[0]
    scalars = residues(BLAS_PRIMES[0])
    assert lift.dimension == comb(n + lift.degree - 1, lift.degree)
    cycle = np.roll(np.eye(n), 1, axis=0)
    flip = np.diag([-1.0] + [1.0] * (n - 1))
    g, h, gh = lift.representation(scalars, np.stack([cycle, flip, cycle @ flip]))
    assert np.array_equal(scalars.matmul(g, h), gh)
    metric = np.diag(lift.metric.astype(float))
    assert np.array_equal(scalars.reduce(scalars.matmul(g.T @ metric, g)), scalars.reduce(metric))
    turn = np.zeros((1, n, n))
    turn[0, 0, 1], turn[0, 1, 0] = -1, 1
    (slope,) = lift.derivative(scalars, turn)
    skew = scalars.reduce(metric @ slope + slope.T @ metric)
    assert not skew.any()
    # dρ(gXg⁻¹) = ρ(g) dρ(X) ρ(g)⁻¹
    (moved,) = lift.derivative(scalars, cycle @ turn @ cycle.T)
    (back,) = lift.representation(scalars, cycle.T[None])
    assert np.array_equal(moved, scalars.matmul(scalars.matmul(g, slope), back))


def test_every_order_of_generators_gives_the_same_forms():
    scalars = residues(BLAS_PRIMES[0])
    moves = cq.symmetry.Hyperoctahedral(3).generators(scalars)
    none = np.zeros((0, 3, 3))
    spans = []
    for order in permutations(range(len(moves))):
        action = Action(moves[list(order)], none)
        spans.append(span(scalars, invariant_forms(scalars, action, action)))
    assert {space.rank for space in spans} == {1}
