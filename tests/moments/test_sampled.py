"""Averages over sampled elements are no averages: they are refused (theory §5)."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.closure.span import LieSpan
from conserved.errors import ConservedError
from conserved.fields import (
    MomentFields,
    MomentSpace,
    moment_space,
)
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.residues import residues
from conserved.symmetry.invariants import check_invariance
from tests.moments.oracles import rotations
from tests.search.due import owed_along


def sampled_space(exact: MomentSpace, scalars, count: int) -> MomentSpace:
    """Monte Carlo: means over random rotations, exact mod p, in place of the Haar average."""
    rng = np.random.default_rng(4)
    lift = exact.lift
    rho = lift.representation(scalars, rotations(scalars, rng, lift.input_shape[-1], count))
    quadratic, mixed = [], []
    for _ in range(len(exact.quadratic) + 1):
        phi = lift.features(scalars, scalars.random(rng, (1, *lift.input_shape)))[0]
        moved = scalars.matmul(rho, phi.T)  # (rotation, τ, rows)
        squares = scalars.matmul(moved, moved.swapaxes(-1, -2))
        quadratic.append(scalars.reduce(squares.sum(axis=0)))
    for _ in range(len(exact.mixed)):
        phi = lift.features(scalars, scalars.random(rng, (1, *lift.input_shape)))[0]
        y = scalars.random(rng, (lift.rows, lift.outputs))
        products = scalars.matmul(scalars.matmul(rho, phi.T), y)
        mixed.append(scalars.reduce(products.sum(axis=0)).T)
    mixed_array = np.stack(mixed) if mixed else exact.mixed
    return MomentSpace(lift, exact.inputs, exact.outputs, np.stack(quadratic), mixed_array)


class SampledFields(MomentFields):
    """Moments averaged over a thousand random rotations."""

    def __init__(self, problem, scalars, rng, count=1000):
        super().__init__(problem, scalars, rng)
        self.space = sampled_space(self.space, scalars, count)
        self._quadratic = self.space.lift.change_basis(scalars, self.space.quadratic)
        self._mixed = self.space.lift.change_basis_mixed(scalars, self.space.mixed)
        self.generators = len(self._quadratic) + len(self._mixed)


SAMPLED = ["linear:4-2-1", "poly:3-1-1,power=2", "lightning:dim=4,tokens=2,head=1,out=1"]


@pytest.mark.parametrize("network", SAMPLED)
class TestSampledAverages:
    """Theory §5: never sample Haar. A sampled mean is not symmetric, and is not accepted."""

    @staticmethod
    def setting(network):
        problem = cq.Problem.from_text(network, symmetry="orthogonal")
        return problem, residues(BLAS_PRIMES[0])

    def test_the_invariance_check_refuses_them(self, network):
        problem, scalars = self.setting(network)
        exact = moment_space(problem, scalars)
        check_invariance(scalars, exact.inputs, exact.inputs, exact.quadratic)
        sampled = sampled_space(exact, scalars, 1000)
        assert sampled.quadratic.shape[1:] == exact.quadratic.shape[1:]
        with pytest.raises(ConservedError, match="not invariant"):
            check_invariance(scalars, exact.inputs, exact.inputs, sampled.quadratic)

    def test_their_range_laws_are_refused(self, network):
        problem, scalars = self.setting(network)
        exact = MomentFields(problem, scalars, np.random.default_rng(0))
        assert sum(law.independent for law in owed_along(exact)) > 0
        assert owed_along(SampledFields(problem, scalars, np.random.default_rng(0))) == []

    def test_the_laws_of_the_symmetry_are_gone_from_the_count(self, network):
        problem, scalars = self.setting(network)
        sampled = SampledFields(problem, scalars, np.random.default_rng(0))
        run = LieSpan(sampled)
        run.close()
        left = problem.network.size - run.space.rank
        assert left == cq.lie_closure(problem.architecture()).upper
        assert left < cq.lie_closure(problem).upper
