"""Blocks that vectors of parameters fill: κ after dependence, over their own algebra, told once."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.closure import lie_closure
from conserved.explain import explain
from conserved.explain.reasons import _vectors
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.residues import residues
from conserved.kernel.rowspace import RowSpace
from conserved.search.lifted import Lifted, splitting_scalars
from conserved.symmetry.isotypic import isotypic_blocks
from tests.moments.oracles import monomial_generators, write_group


def problem_of(network: str, symmetry: str, labels: str = "invariant") -> cq.Problem:
    return cq.Problem.from_text(network, symmetry=symmetry, labels=labels)


def reasons(problem: cq.Problem) -> str:
    closures = lie_closure(problem), lie_closure(problem.architecture())
    return " ".join(explain(problem, *closures).reasons)


@pytest.mark.parametrize(
    "network, symmetry, labels, words",
    [
        (
            "linear:6-1-6",
            "2xorthogonal:3",
            "equivariant",
            "The block of inputs and outputs of dimension k = 3, multiplicity 4, "
            "is filled by κ = 4 vectors",
        ),
        (
            "linear:4-3-2",
            "permutation",
            "invariant",
            "The block of dimension k = 3, multiplicity 1, is filled by κ = 3 vectors",
        ),
        (
            "linear:60-2-1",
            "shift",
            "invariant",
            "Each of the 29 blocks of dimension k = 2, multiplicity 1, is filled by κ = 2 vectors",
        ),
        (
            "linear:4-2-2",
            "2xrotation:5",
            "invariant",
            "The block of the outputs of dimension k = 2, multiplicity 1, is filled by κ = 2",
        ),
        (
            "linear:4-1-1",
            "2xrotation:3",
            "invariant",
            "The complex block of dimension k = 1, multiplicity 2, is filled by κ = 2 vectors",
        ),
        (
            "linear:10-1-1",
            "2xshift:5",
            "invariant",
            "Each of the 2 complex blocks of dimension k = 1, multiplicity 2, is filled by κ = 2",
        ),
    ],
)
def test_filled_blocks(network, symmetry, labels, words):
    text = reasons(problem_of(network, symmetry, labels))
    assert words in text
    assert text.count("is filled by") == (2 if "the outputs" in words else 1)


def test_quaternionic_blocks_are_counted_over_h(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_group(tmp_path / "g.json", monomial_generators("quaternionic", 2, 2), [])
    text = reasons(problem_of("linear:16-1-1", "g.json"))
    assert "The quaternionic block of dimension k = 2, multiplicity 2, is filled by κ = 2" in text


def test_a_block_with_room_is_not_called_filled():
    assert "is filled by" not in reasons(problem_of("linear:6-2-1", "permutation"))


DEPENDENCE = [
    ("linear:6-1-6", "2xorthogonal:3", "equivariant"),
    ("linear:5-2-5", "hyperoctahedral", "equivariant"),
    ("linear:6-2-6", "2xrotation:5+none:2", "equivariant"),
    ("linear:4-2-3", "permutation", "invariant"),
    ("lightning:dim=3,tokens=2,head=1,out=2", "orthogonal", "invariant"),
    ("lightning:dim=3,tokens=2,head=1,out=3", "orthogonal", "equivariant"),
    ("linear:4-4", "permutation", "equivariant"),
]


def functionals(scalars, network, block):
    """Entries of the vectors of a block as functionals of θ, one a row."""
    n = network.input_shape[-1]
    rows, start, places = [], 0, {}
    for parameter in network.parameters:
        stop = start + parameter.size
        places[parameter.name] = np.arange(start, stop).reshape(parameter.shape)
        start = stop
    for name, axis, side in network.feature_axes():
        columns = slice(0, n) if side == "input" else slice(n, None)
        for fibre in np.moveaxis(places[name], axis, -1).reshape(-1, places[name].shape[axis]):
            for row in block.copies[:, :, columns].reshape(-1, len(fibre)):
                out = np.zeros(start, dtype=scalars.dtype)
                out[fibre] = row
                rows.append(out)
    return np.stack(rows)


@pytest.mark.parametrize("network, symmetry, labels", DEPENDENCE)
def test_kappa_counts_after_dependence(network, symmetry, labels):
    """κ·k is the rank of the entries of the vectors, as functions of θ."""
    problem = problem_of(network, symmetry, labels)
    scalars = splitting_scalars(problem)
    blocks, _ = Lifted(problem, scalars).features
    n = problem.network.input_shape[-1]
    for block in blocks:
        for copy in block.copies:  # on one side alone
            assert not (copy[:, :n].any() and copy[:, n:].any())
        space = RowSpace(scalars, problem.network.size)
        space.add(functionals(scalars, problem.network, block))
        assert space.rank == _vectors(problem.network, block) * block.dimension


@pytest.mark.parametrize("multiplicity", [6, 15, 40])
def test_blocks_of_high_multiplicity_are_taken_apart(multiplicity):
    """Their eigenvalues never all lie in GF(p); one is enough."""
    scalars, rng = residues(BLAS_PRIMES[0]), np.random.default_rng(0)
    family = []
    for _ in range(3):
        half = scalars.random(rng, (multiplicity, multiplicity))
        family.append(np.kron(scalars.reduce(half + half.T), np.eye(2)))
    size = 2 * multiplicity
    (block,) = isotypic_blocks(scalars, np.stack(family), np.ones(size), rng)
    assert (block.dimension, block.multiplicity, block.kind) == (2, multiplicity, "real")
    assert block.copies.shape == (multiplicity, 2, size)
    space = RowSpace(scalars, size)
    space.add(block.copies.reshape(-1, size))
    assert space.rank == size
    for operator in family:  # each copy is a map that the family moves to other copies
        moved = scalars.matmul(block.copies.reshape(-1, size), operator)
        inside = RowSpace(scalars, 2 * size)
        inside.add(block.copies.reshape(multiplicity, -1))
        assert not inside.remainder(moved.reshape(multiplicity, -1)).any()
