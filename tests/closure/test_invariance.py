"""A count belongs to the problem: not to the prime, the point, the order or the basis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

import conserved as cq
from conserved.kernel.functions import FormalRing
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES, Prime, prime_with_roots
from conserved.kernel.real import Reals
from tests.cases import ENGINE
from tests.closure.variants import ChangedBasis, Conjugated, Fractions, Reordered, turned
from tests.fuzz import fuzzed

# one of each family and kind of data, small
SAMPLE = [
    ("linear:3-2-2", "none", "invariant", "mse"),
    ("linear:1-2-2-1", "none", "invariant", "mse"),
    ("relu:2-3-2,bias", "none", "invariant", "mse"),
    ("relu:3-2-1", "permutation", "invariant", "mse"),
    ("poly:2-3-1,power=2", "none", "invariant", "mse"),
    ("mlp:2-3-2,act=tanh", "none", "invariant", "mse"),
    ("swiglu:2-3-2", "none", "invariant", "mse"),
    ("attention:dim=2,tokens=2,head=1", "none", "invariant", "mse"),
    ("lightning:dim=3,tokens=2,head=1,out=1", "negation", "invariant", "mse"),
    ("linear:4-2-1", "permutation", "invariant", "mse"),
    ("linear:4-1-1", "permutation", "invariant", "poly:3"),
    ("linear:3-1-3", "hyperoctahedral", "equivariant", "mse"),
    ("linear:3-2-1", "shift", "sign", "logistic"),
    ("linear:3-1-2", "signflip", "invariant", "any"),
]
TURNING = [
    ("poly:2-1-1,power=2", "rotation:5", "invariant", "mse"),
    ("poly:2-1-1,power=3", "rotation:6", "invariant", "mse"),
    ("linear:2-2-2", "rotation:4", "invariant", "mse"),
    ("linear:2-2-2", "dihedral:3", "equivariant", "mse"),
]
Row = tuple[str, str, str, str]


def problem_of(row: Row) -> cq.Problem:
    network, symmetry, labels, loss = row
    return cq.Problem.from_text(network, symmetry=symmetry, labels=labels, loss=loss)


def assert_same_run(first: cq.Closure, second: cq.Closure) -> None:
    """Same ranks at every level, not only the same end."""
    assert second.ranks == first.ranks
    assert (second.upper, second.closed) == (first.upper, first.closed)


@pytest.mark.parametrize("row", SAMPLE, ids=" ".join)
def test_prime(row: Row) -> None:
    problem = problem_of(row)
    first = cq.lie_closure(problem)
    # the int64 layout below is a second road: other arithmetic, other random numbers
    for prime in (*BLAS_PRIMES[1:3], BLAS_PRIMES[-1], *INT64_PRIMES[:2], INT64_PRIMES[-1]):
        closure = cq.lie_closure(problem, prime=prime)
        assert closure.prime == prime
        assert_same_run(first, closure)


@pytest.mark.parametrize("row", TURNING, ids=" ".join)
def test_prime_with_roots(row: Row) -> None:
    problem = problem_of(row)
    roots = problem.group.roots
    first = cq.lie_closure(problem)
    assert first.prime == prime_with_roots(roots)
    others: list[Prime] = [prime_with_roots(roots, index=i) for i in (1, 2, 7)]
    others += [prime_with_roots(roots, below=2**31, index=i) for i in (0, 3)]
    for prime in others:
        assert_same_run(first, cq.lie_closure(problem, prime=prime))


@fuzzed(
    25, 80, derandomize=True, row=st.sampled_from(SAMPLE + TURNING), seed=st.integers(0, 2**100)
)
def test_seed(row: Row, seed: int) -> None:
    """The ranks on the way may differ where a level is cut by chance; the bound may not."""
    problem = problem_of(row)
    assert cq.lie_closure(problem, seed=seed).upper == cq.lie_closure(problem, seed=1).upper


@pytest.mark.parametrize("row", SAMPLE[:4] + TURNING[:2], ids=" ".join)
def test_same_seed_same_run(row: Row) -> None:
    first, second = (cq.lie_closure(problem_of(row), seed=5) for _ in range(2))
    assert replace(first, seconds=0.0) == replace(second, seconds=0.0)


@pytest.mark.parametrize(
    "network, symmetry, laws, seeds",
    [
        # all gates open, the only pattern with a field: once in 8 rows, or once in 1024
        ("relu:1-1-1-1-1", "none", 3, 60),
        ("relu:2-1-1-1-1-1-1-1-1-1-1-1", "none", 10, 4),
        # a kink far out: a unit that few inputs switch
        ("relu:1-2-1,bias", "negation", 2, 30),
        ("relu:2-3-1,bias", "rotation:3", 3, 30),
    ],
)
def test_seed_of_rare_patterns(network: str, symmetry: str, laws: int, seeds: int) -> None:
    """Rows without a rise mean little when most rows see the same few patterns."""
    problem = cq.Problem.from_text(network, symmetry=symmetry)
    assert {cq.lie_closure(problem, seed=seed).upper for seed in range(seeds)} == {laws}


FEEDFORWARD = [
    row
    for row in (*SAMPLE, *TURNING, *((c.network, c.symmetry, c.labels, c.loss) for c in ENGINE))
    if row[0].partition(":")[0] in ("linear", "relu", "poly", "mlp")
    and row[0].count("-") <= 3
    and row[2] == "invariant"
    and row[0] != "linear:30-30-30"
]


@fuzzed(20, 60, derandomize=True, row=st.sampled_from(FEEDFORWARD), seed=st.integers(0, 2**32))
def test_order_of_neurons(row: Row, seed: int) -> None:
    problem = problem_of(row)
    shuffled = replace(problem, network=Reordered(problem.network, np.random.default_rng(seed)))
    assert cq.lie_closure(shuffled).upper == cq.lie_closure(problem).upper


def test_reordering_is_felt() -> None:
    """The wrapper is not the identity: at the same θ the outputs differ."""
    inner = cq.networks.Linear(2, 4, 3)
    wrapped = Reordered(inner, np.random.default_rng(3))
    rng = np.random.default_rng(0)
    theta, x = rng.standard_normal((1, 1, inner.size)), rng.standard_normal((1, 1, 2))
    plain, other = (n.run(FormalRing(Reals()), theta, x).output for n in (inner, wrapped))
    assert not np.allclose(plain, other)


CHANGED = [
    ("linear:4-2-1", "permutation", "invariant", "mse"),
    ("linear:4-1-1", "shift", "invariant", "mse"),
    ("linear:3-1", "shift", "invariant", "mse"),
    ("poly:3-2-1,power=2", "hyperoctahedral", "invariant", "mse"),
    ("poly:2-1-1,power=2", "rotation:5", "invariant", "mse"),
    ("relu:3-2-1", "signflip", "invariant", "mse"),
    ("linear:4-1-1", "permutation", "invariant", "logistic"),
    ("lightning:dim=3,tokens=2,head=1,out=1", "permutation", "invariant", "mse"),
]


@pytest.mark.parametrize("row", CHANGED, ids=" ".join)
def test_orthogonal_change_of_basis_of_the_inputs(row: Row) -> None:
    """f(M x) with the group Mᵀ G M has the laws of f(x) with G: the inputs got other names."""
    problem = problem_of(row)
    matrix = turned(problem.group.dimension)
    network = ChangedBasis(problem.network, matrix)
    moved = replace(problem, network=network, symmetry=Conjugated(problem.group, matrix))
    assert cq.lie_closure(moved).upper == cq.lie_closure(problem).upper
    assert cq.lie_closure(moved.architecture()).upper == (
        cq.lie_closure(problem.architecture()).upper
    )


@pytest.mark.parametrize("row", CHANGED, ids=" ".join)
def test_turning_the_group_alone(row: Row) -> None:
    """f(x) with Mᵀ G M, M orthogonal: W1 ↦ W1 M is an isometry of θ that undoes the turn.

    For ReLU it is one as well, since M acts before the first layer.
    """
    problem = problem_of(row)
    turned_group = Conjugated(problem.group, turned(problem.group.dimension))
    moved = replace(problem, symmetry=turned_group)
    assert cq.lie_closure(moved).upper == cq.lie_closure(problem).upper


def test_a_change_that_is_not_orthogonal_shows() -> None:
    """Negative control: stretched inputs are another problem (gradient flow knows lengths)."""
    problem = problem_of(("linear:4-2-1", "permutation", "invariant", "mse"))
    stretch = Fractions(tuple(tuple((i + 1) * (i == j) for j in range(4)) for i in range(4)))
    moved = replace(problem, network=ChangedBasis(problem.network, stretch))
    assert cq.lie_closure(problem).upper == 5
    assert cq.lie_closure(moved).upper < 5
    assert cq.lie_closure(moved.architecture()).upper == 3
