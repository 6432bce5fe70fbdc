"""Isotypic blocks and the lifted group against families and groups whose answer is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

import conserved as cq
from conserved.arithmetic.exact import rank
from conserved.arithmetic.primes import BLAS_PRIMES
from conserved.arithmetic.residues import residues
from conserved.errors import InputError
from conserved.fields import moment_space
from conserved.lifted import splitting_scalars
from conserved.symmetry.isotypic import isotypic_blocks

SCALARS = residues(BLAS_PRIMES[0])
UNITS = {
    "real": [np.eye(1)],
    "complex": [np.eye(2), np.array([[0, -1], [1, 0]])],
    "quaternionic": [
        np.eye(4),
        np.kron(np.array([[0, -1], [1, 0]]), np.array([[1, 0], [0, -1]])),
        np.kron(np.array([[0, -1], [1, 0]]), np.array([[0, 1], [1, 0]])),
        np.kron(np.eye(2), np.array([[0, -1], [1, 0]])),
    ],
}


def hermitian(kind, multiplicity, copies):
    """A basis of Hermitian matrices over R, C or H, as real matrices, times the identity."""
    one, *imaginary = UNITS[kind]
    family = []
    for i in range(multiplicity):
        for j in range(i, multiplicity):
            unit = np.zeros((multiplicity, multiplicity))
            unit[i, j] = 1
            family.append(np.kron(unit + unit.T, one))
            if i < j:
                family += [np.kron(unit - unit.T, u) for u in imaginary]
    return np.array([np.kron(m, np.eye(copies)) for m in family])


@pytest.mark.parametrize("copies", [1, 2, 3])
@pytest.mark.parametrize("multiplicity", [2, 3])
@pytest.mark.parametrize(
    "kind, algebra",
    [
        ("real", lambda c: f"so({c})"),
        ("complex", lambda c: f"u({c})"),
        ("quaternionic", lambda c: f"sp({c})"),
    ],
)
def test_types(kind, algebra, multiplicity, copies):
    family = hermitian(kind, multiplicity, copies)
    assert all(np.array_equal(m, m.T) for m in family)
    ones = np.ones(family.shape[1])
    (block,) = isotypic_blocks(SCALARS, family, ones, np.random.default_rng(0))
    assert (block.kind, block.multiplicity) == (kind, multiplicity)
    assert block.dimension == copies * len(UNITS[kind])
    assert block.symmetry[0] == algebra(copies)


def test_two_blocks_are_kept_apart():
    first, second = hermitian("real", 2, 3), hermitian("real", 1, 3)
    family = np.zeros((len(first) + len(second), 9, 9))
    family[: len(first), :6, :6] = first
    family[len(first) :, 6:, 6:] = second
    blocks = isotypic_blocks(SCALARS, family, np.ones(9), np.random.default_rng(0))
    assert [(b.dimension, b.multiplicity) for b in blocks] == [(3, 2), (3, 1)]


@pytest.mark.parametrize("outputs", [1, 2, 3, 5, 9])
def test_moments_of_low_rank_do_not_hide_a_block(outputs):
    """All outputs and the mean of the inputs are one block, though yΦᵀ has rank one."""
    problem = cq.Problem.from_text(f"linear:5-{outputs}", symmetry="permutation")
    blocks = [(b.dimension, b.multiplicity) for b in problem.lift.blocks]
    assert blocks == [(4, 1), (1, 1 + outputs)]
    analysis = cq.analyze(problem)
    assert analysis.from_data_symmetry == sum(law.independent for law in analysis.laws)
    assert analysis.from_data_symmetry == 4 * outputs - 1


REPORTS = [
    ("linear:4-2-1", "permutation", "invariant", "so(3)", 3),
    ("linear:10-3-2", "permutation", "invariant", "so(9)", 36),
    ("linear:3-1", "shift", "invariant", "so(2)", 1),
    ("linear:5-1-1", "shift", "invariant", "so(2) ⊕ so(2)", 2),
    ("linear:7-1-1", "shift", "invariant", "so(2) ⊕ so(2) ⊕ so(2)", 3),
    ("linear:4-2-1", "signflip", "invariant", "0", 0),
    ("linear:3-1-3", "hyperoctahedral", "equivariant", "so(3)", 3),
    ("linear:2-2-1", "rotation:3", "invariant", "so(2)", 1),
    ("linear:2-2-1", "rotation:97", "invariant", "so(2)", 1),
]


@pytest.mark.parametrize("network, symmetry, labels, algebra, dimension", REPORTS)
def test_lifted_groups(network, symmetry, labels, algebra, dimension):
    problem = cq.Problem.from_text(network, symmetry=symmetry, labels=labels)
    assert problem.lift.algebra == (algebra, dimension)


@pytest.mark.parametrize(
    "network, symmetry, labels",
    [row[:3] for row in REPORTS if row[1] != "rotation:97"]
    + [
        ("poly:2-1-1,power=2", "rotation:3", "invariant"),
        ("poly:2-1-1,power=3", "rotation:5", "invariant"),
        ("poly:3-1-1,power=2", "octahedral", "invariant"),
        ("linear:4-1-4", "permutation", "equivariant"),
        ("linear:6-1-1", "2xpermutation:3", "invariant"),
    ],
)
def test_dimension_by_a_plain_linear_solve(network, symmetry, labels):
    """All (X, Z) with D-antisymmetric X, antisymmetric Z, XS + SXᵀ = 0 and ZC + CXᵀ = 0."""
    problem = cq.Problem.from_text(network, symmetry=symmetry, labels=labels)
    scalars = splitting_scalars(problem)
    space = moment_space(problem, scalars)
    tau, m = space.lift.dimension, space.lift.outputs
    inverse = [pow(int(d), -1, int(scalars.prime)) for d in space.lift.metric]
    rows = []
    for i, j in combinations(range(tau), 2):
        x = np.zeros((tau, tau))
        x[i, j], x[j, i] = scalars.from_integers([inverse[i], -inverse[j]])  # D⁻¹·antisymmetric
        parts = [scalars.reduce(x @ s + s @ x.T) for s in space.quadratic]
        parts += [scalars.reduce(c @ x.T) for c in space.mixed]
        rows.append(np.concatenate([p.ravel() for p in parts]))
    for i, j in combinations(range(m), 2):
        z = np.zeros((m, m))
        z[i, j], z[j, i] = 1, -1
        parts = [np.zeros((tau, tau)) for _ in space.quadratic] + [z @ c for c in space.mixed]
        rows.append(np.concatenate([p.ravel() for p in parts]))
    unknowns = len(rows)
    solved = unknowns - rank(np.array(rows), scalars.prime) if unknowns else 0
    assert problem.lift.algebra[1] == solved


def test_the_report_needs_a_lift():
    with pytest.raises(InputError, match="a lift needs squared error"):
        _ = cq.Problem.from_text("mlp:3-2-1,act=tanh").lift
