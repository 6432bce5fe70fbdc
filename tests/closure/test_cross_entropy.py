"""Cross-entropy: V_ℓ = 1^⊥ (2307.00144), one-hot labels, and Theorem 3 for it."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.kernel.functions import FormalRing
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.residues import residues

ENTROPY = cq.losses.CrossEntropy()


@pytest.mark.parametrize("n, m", [(1, 2), (2, 2), (3, 2), (2, 4), (4, 3)])
def test_column_sums_of_one_layer(n, m):
    """W′ = −(softmax − y) xᵀ has column sums 0: n laws, and no more."""
    closure = cq.lie_closure(cq.Problem(network=cq.networks.Linear(n, m), loss=ENTROPY))
    assert closure.upper == n
    assert cq.lie_closure(cq.Problem(network=cq.networks.Linear(n, m))).upper == 0


@pytest.mark.parametrize("n, h, m", [(3, 2, 3), (2, 4, 2), (4, 3, 5)])
def test_column_sums_of_the_last_layer_of_a_perceptron(n, h, m):
    network = cq.networks.MLP(n, h, m, act="tanh")
    assert cq.lie_closure(cq.Problem(network=network, loss=ENTROPY)).upper == h


@pytest.mark.parametrize("n, h, m", [(3, 2, 3), (4, 3, 2)])
def test_a_bias_adds_its_own_sum(n, h, m):
    network = cq.networks.MLP(n, h, m, act="tanh", bias=True)
    assert cq.lie_closure(cq.Problem(network=network, loss=ENTROPY)).upper == h + 1


@pytest.mark.parametrize(
    "network, symmetry, labels",
    [
        ("linear:3-2", "shift", "invariant"),
        ("linear:2-2", "negation", "invariant"),
        ("linear:3-3", "shift", "equivariant"),
        ("linear:3-3", "permutation", "equivariant"),
        ("mlp:2-2-2,act=tanh", "negation", "invariant"),
    ],
)
def test_theorem_3(network, symmetry, labels):
    """Cross-entropy is no polynomial: the symmetry adds nothing."""
    problem = cq.Problem.from_text(network, symmetry=symmetry, labels=labels, loss="cross-entropy")
    counts = (cq.lie_closure(problem).upper, cq.lie_closure(problem.architecture()).upper)
    assert counts[0] == counts[1]


def test_gradients_sum_to_zero_and_labels_are_one_hot():
    scalars = residues(BLAS_PRIMES[0])
    rng = np.random.default_rng(0)
    labels = ENTROPY.labels(scalars.random(rng, (50, 4)))
    assert set(np.unique(labels)) == {0.0, 1.0}
    assert (labels.sum(axis=1) == 1).all()
    assert (labels.sum(axis=0) > 0).all(), "every class occurs"
    prediction = scalars.random(rng, (1, 50, 1, 4))
    keys = np.zeros(50, dtype=np.uint64)
    gradient = ENTROPY.gradient(FormalRing(scalars), prediction, labels[None, :, None], keys)
    assert not scalars.reduce(gradient.sum(axis=-1)).any()
    pulls = ENTROPY.pulls(scalars, scalars.random(rng, (50, 4)))
    assert not scalars.reduce(pulls.sum(axis=-1)).any()
    assert pulls.any()


@pytest.mark.parametrize(
    "network, symmetry, labels, words",
    [
        ("linear:3-1", "none", "invariant", "at least 2 outputs"),
        ("linear:3-3", "permutation", "sign", "does not permute them"),
        ("linear:3-3", "hyperoctahedral", "equivariant", "does not permute them"),
        ("linear:2-2", "rotation:5", "equivariant", "does not permute them"),
        ("linear:2-2", "orthogonal", "equivariant", "does not permute them"),
    ],
)
def test_refusals(network, symmetry, labels, words):
    with pytest.raises(InputError, match=words):
        cq.Problem.from_text(network, symmetry=symmetry, labels=labels, loss="cross-entropy")
