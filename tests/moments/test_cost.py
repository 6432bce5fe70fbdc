"""Estimates under a symmetry: right to within a small factor of what a closure takes."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest

import conserved as cq
from conserved.closure.cost import estimate
from conserved.kernel.functions import FormalRing
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.residues import residues


def problem_of(network: str, symmetry: str, labels: str = "invariant") -> cq.Problem:
    return cq.Problem.from_text(network, symmetry=symmetry, labels=labels)


MEASURED = [
    ("linear:200-3-1", "permutation", "invariant"),  # estimated at 394 s once
    ("linear:5-2-5", "hyperoctahedral", "equivariant"),
    pytest.param("linear:7-3-7", "hyperoctahedral", "equivariant", marks=pytest.mark.slow),
    ("linear:60-3-2", "shift", "invariant"),
    pytest.param("linear:24-24-24", "permutation", "invariant", marks=pytest.mark.slow),
    ("poly:14-3-1,power=2", "orthogonal", "invariant"),
    pytest.param(
        *("lightning:dim=8,tokens=5,head=1,out=1", "orthogonal", "invariant"),
        marks=pytest.mark.slow,
    ),
    ("lightning:dim=6,tokens=4,head=2,out=2", "orthogonal", "invariant"),
]


@pytest.mark.parametrize("network, symmetry, labels", MEASURED)
def test_estimates_are_honest(network, symmetry, labels):
    cq.lie_closure(problem_of("linear:4-2-1", "permutation"))  # imports are not counted
    problem = problem_of(network, symmetry, labels)
    start = process_time()
    cq.lie_closure(problem)
    seconds = process_time() - start
    expected = estimate(problem).seconds
    assert expected < 5 * seconds + 0.1
    assert seconds < 8 * expected + 0.1  # a busy machine takes more of a processor too


def test_an_estimate_takes_no_time():
    start = process_time()
    estimate(problem_of("linear:200-3-1", "permutation"))
    assert process_time() - start < 0.2


@pytest.mark.parametrize(
    "spec",
    ["linear:5-3-2", "poly:3-2-2,power=2", "lightning:dim=3,tokens=2,head=2,out=2"],
)
def test_the_values_of_a_pass_are_counted(spec):
    """Against an evaluation."""
    network = cq.Problem.from_text(spec).network
    lift = network.lift()
    ring, theta = FormalRing(residues(BLAS_PRIMES[0])), np.zeros((1, 1, network.size))
    assert lift.outputs_at(ring, theta).volume == lift.volume
    for inputs in (1, 2, 7):
        run = network.run(ring, theta, np.zeros((1, inputs, *network.input_shape)))
        assert network.activations(inputs) == run.volume
