"""Continuous groups: the infinitesimal generators span so(n) under brackets, exactly."""

from math import inf

import numpy as np
import pytest
from scipy.linalg import expm

from conserved.arithmetic.exact import rank
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.real import Reals
from conserved.kernel.residues import IntResidues, residues
from conserved.symmetry import (
    Copies,
    Icosahedral,
    Orthogonal,
    Permutation,
    SpecialOrthogonal,
    Trivial,
)

RING = residues(BLAS_PRIMES[0])
LEAVES = [Orthogonal, SpecialOrthogonal]


def lie_dimension(matrices):
    """The dimension of the Lie algebra that matrices (h, n, n) generate, by exact rank."""
    basis = matrices
    while True:
        products = RING.matmul(basis[:, None], matrices[None])
        brackets = RING.reduce(products - RING.matmul(matrices[None], basis[:, None]))
        n = matrices.shape[-1]
        both = np.concatenate([basis, brackets.reshape(-1, n, n)])
        # greedy choice of independent ones keeps the next round small
        kept = [0] * 0
        for i in range(len(both)):
            if rank(both[[*kept, i]].reshape(len(kept) + 1, -1), RING.prime) > len(kept):
                kept.append(i)
        if len(kept) == len(basis):
            return len(kept)
        basis = both[kept]


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_the_lie_algebra_is_so_n(leaf, n):
    assert lie_dimension(leaf(n).infinitesimal(RING)) == n * (n - 1) // 2


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("scalars", [Reals(), RING, IntResidues(BLAS_PRIMES[1])], ids=repr)
def test_infinitesimal_generators_are_antisymmetric(leaf, n, scalars):
    group = leaf(n)
    turns = group.infinitesimal(scalars)
    assert turns.shape == (n - 1, n, n)
    assert turns.dtype == scalars.dtype
    assert group.infinitesimal_count == n - 1
    assert scalars.is_zero(scalars.reduce(turns + turns.swapaxes(1, 2))).all()


def test_they_are_the_same_in_all_scalars():
    for scalars in (RING, IntResidues(BLAS_PRIMES[1])):
        for group in (Orthogonal(4), Copies(2, SpecialOrthogonal(3)) * Orthogonal(2)):
            wanted = scalars.from_integers(group.infinitesimal(Reals()).astype(int))
            difference = scalars.reduce(group.infinitesimal(scalars) - wanted)
            assert scalars.is_zero(difference).all()


def test_components():
    assert np.linalg.det(Orthogonal(4).generators(Reals())[0]) == -1
    assert len(SpecialOrthogonal(4).generators(Reals())) == 0
    turn = expm(0.7 * SpecialOrthogonal(2).infinitesimal(Reals())[0])
    np.testing.assert_allclose(turn @ turn.T, np.eye(2), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


@pytest.mark.parametrize(
    "group, order, finite, trivial",
    [
        (Orthogonal(1), 2, True, False),
        (SpecialOrthogonal(1), 1, True, True),
        (Orthogonal(2), inf, False, False),
        (SpecialOrthogonal(2), inf, False, False),
        (Trivial(3), 1, True, True),
        (Trivial(3) * Trivial(1), 1, True, True),
        (Trivial(3) * SpecialOrthogonal(2), inf, False, False),
        (Permutation(300) * Orthogonal(2), inf, False, False),
        (Copies(2, Orthogonal(2)), inf, False, False),
        (Icosahedral(), 60, True, False),
    ],
    ids=lambda value: getattr(value, "sized", None),
)
def test_orders(group, order, finite, trivial):
    assert (group.order, group.finite, group.trivial) == (order, finite, trivial)
    assert finite == (len(group.infinitesimal(Reals())) == 0)
