"""Isotypic blocks of families that are made block by block, over R, C and H."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES, prime_with_roots
from conserved.kernel.residues import residues
from conserved.kernel.rowspace import inverse_matrix
from conserved.symmetry.isotypic import isotypic_blocks
from tests.moments.oracles import (
    LEFT_I,
    LEFT_J,
    QUARTER,
    rank,
    rotations,
    shapes,
)

RIGHT_J = np.array([[0, 0, -1, 0], [0, 0, 0, -1], [1, 0, 0, 0], [0, 1, 0, 0]])
RIGHT_I = np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, -1, 0]])
UNITS = {
    "real": [np.eye(1, dtype=int)],
    "complex": [np.eye(2, dtype=int), QUARTER],
    "quaternionic": [np.eye(4, dtype=int), RIGHT_I, RIGHT_J, RIGHT_I @ RIGHT_J],
}
TYPE_DIMENSION = {"real": 1, "complex": 2, "quaternionic": 4}


def hermitian(kind, mu):
    """A basis of the μ × μ Hermitian matrices over R, C or H, as real matrices."""
    units = UNITS[kind]
    out = []
    for i in range(mu):
        for j in range(i + 1):
            for q, unit in enumerate(units):
                e = np.zeros((mu, mu), dtype=int)
                e[i, j] = 1
                if i == j and q:
                    continue
                one = np.kron(e, unit)
                out.append(one if i == j else one + one.T)
    return out


def family(kind, mu, kappa):
    """Hermitian μ × μ ⊗ 1_κ: a block of dimension k = d·κ and multiplicity μ."""
    return np.array([np.kron(h, np.eye(kappa, dtype=int)) for h in hermitian(kind, mu)])


def side_by_side(families):
    size = sum(f.shape[-1] for f in families)
    out, start = [], 0
    for f in families:
        for one in f:
            big = np.zeros((size, size), dtype=int)
            stop = start + len(one)
            big[start:stop, start:stop] = one
            out.append(big)
        start += f.shape[-1]
    return np.array(out)


def test_the_quaternion_units_commute_with_those_of_the_groups():
    for left in (LEFT_I, LEFT_J):
        for right in (RIGHT_I, RIGHT_J):
            np.testing.assert_array_equal(left @ right, right @ left)


def test_hermitian_matrices_are_counted():
    for mu in (1, 2, 3):
        sizes = [len(hermitian(kind, mu)) for kind in UNITS]
        assert sizes == [mu * (mu + 1) // 2, mu * mu, mu * (2 * mu - 1)]


@pytest.mark.parametrize("prime", [BLAS_PRIMES[0], BLAS_PRIMES[1], INT64_PRIMES[0]])
@pytest.mark.parametrize("kind", UNITS)
@pytest.mark.parametrize("mu", [1, 2, 3])
@pytest.mark.parametrize("kappa", [1, 2, 3])
def test_one_block(kind, mu, kappa, prime):
    """In general position: the family turned by a random orthogonal matrix."""
    scalars, rng = residues(prime), np.random.default_rng(0)
    forms = scalars.from_integers(family(kind, mu, kappa))
    size = forms.shape[-1]
    (g,) = rotations(scalars, rng, size, 1)
    turned = scalars.matmul(scalars.matmul(g, forms), g.T)
    (block,) = isotypic_blocks(scalars, turned, np.ones(size, scalars.dtype), rng)
    k = TYPE_DIMENSION[kind] * kappa
    # a Hermitian 1 × 1 matrix is real, whatever the algebra
    expected = kind if mu > 1 else "real"
    assert (block.dimension, block.multiplicity, block.kind) == (k, mu, expected)
    assert block.size == size
    algebra = {"real": comb(k, 2), "complex": kappa**2, "quaternionic": kappa * (2 * kappa + 1)}
    assert block.symmetry[1] == algebra[expected]


def test_blocks_of_all_types_side_by_side():
    scalars, rng = residues(BLAS_PRIMES[0]), np.random.default_rng(5)
    parts = [
        family("quaternionic", 2, 1),
        family("complex", 2, 2),
        family("real", 3, 2),
        family("real", 1, 3),
        family("complex", 3, 1),
    ]
    forms = scalars.from_integers(side_by_side(parts))
    (g,) = rotations(scalars, rng, forms.shape[-1], 1)
    turned = scalars.matmul(scalars.matmul(g, forms), g.T)
    blocks = isotypic_blocks(scalars, turned, np.ones(len(g), scalars.dtype), rng)
    assert sorted(shapes(blocks)) == sorted(
        [
            (4, 2, "quaternionic"),
            (4, 2, "complex"),
            (2, 3, "real"),
            (3, 1, "real"),
            (2, 3, "complex"),
        ]
    )


@pytest.mark.parametrize("mu, kappa", [(1, 3), (2, 2), (3, 2)])
def test_copies_share_one_basis(mu, kappa):
    """copies[i]·O = Σ_j c_ij·copies[j] with numbers c_ij, for every operator O of a real block."""
    scalars, rng = residues(BLAS_PRIMES[0]), np.random.default_rng(2)
    forms = scalars.from_integers(family("real", mu, kappa))
    (g,) = rotations(scalars, rng, mu * kappa, 1)
    turned = scalars.matmul(scalars.matmul(g, forms), g.T)
    (block,) = isotypic_blocks(scalars, turned, np.ones(len(g), scalars.dtype), rng)
    assert block.copies.shape == (mu, kappa, mu * kappa)
    assert rank(scalars, block.copies.reshape(-1, mu * kappa)) == mu * kappa
    flat = block.copies.reshape(mu, -1)
    for operator in turned:
        moved = scalars.matmul(block.copies, operator).reshape(mu, -1)
        assert rank(scalars, np.concatenate([flat, moved])) == mu


def test_a_metric_that_is_not_the_identity():
    """Operators O with diag(d)·O symmetric: the same blocks, and the metric of E beside them."""
    scalars, rng = residues(BLAS_PRIMES[0]), np.random.default_rng(1)
    forms = scalars.from_integers(side_by_side([family("real", 2, 2), family("real", 1, 3)]))
    size = forms.shape[-1]
    scale = scalars.from_integers(np.arange(1, size + 1))  # x = diag(s) x′: metric s²
    back = scalars.inverse(scale)
    operators = scalars.mul(scalars.mul(back[:, None], forms), scale)
    metric = scalars.mul(scale, scale)
    symmetric = scalars.mul(metric[:, None], operators)
    assert not scalars.reduce(symmetric - symmetric.swapaxes(-1, -2)).any()
    blocks = isotypic_blocks(scalars, operators, metric, rng)
    assert shapes(blocks) == [(3, 1, "real"), (2, 2, "real")]
    for block in blocks:
        (unit,) = block.units
        assert inverse_matrix(scalars, unit).any(), "over the reals only multiples of 1"
        assert not scalars.reduce(unit - unit[0, 0] * np.eye(len(unit), dtype=unit.dtype)).any()


@pytest.mark.parametrize("n", [5, 7, 9, pytest.param(11, marks=pytest.mark.slow)])
def test_conjugate_blocks_without_their_roots_of_unity(n):
    """Mod a prime without cos 2π/n the planes share a factor; all are found even so."""
    rows = np.array([np.roll(np.eye(n, dtype=int), s, axis=0) for s in range(n)])
    operators = rows + rows.swapaxes(-1, -2)
    planes = (n - 1) // 2
    for prime in (*BLAS_PRIMES[:4], prime_with_roots(n)):
        scalars = residues(prime)
        found = isotypic_blocks(
            scalars,
            scalars.from_integers(operators),
            np.ones(n, scalars.dtype),
            np.random.default_rng(0),
        )
        assert shapes(found) == [(2, 1, "real")] * planes + [(1, 1, "real")]
