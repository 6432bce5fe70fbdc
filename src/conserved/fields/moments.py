"""Fields from averaged moments: squared error and tensorizable networks (theory §5).

L = ½⟨A S, A⟩ − ⟨A, C⟩ + const, so every field is ∇⟨A S, A⟩/2 − ∇⟨A, C⟩ for an averaged moment pair
(S, C), and the averages are invariant forms: the group is known by its generators alone and may
be infinite. Cost of one evaluation: one pass over τ points, whatever the order of the group.
"""

from __future__ import annotations

import numpy as np

from conserved.fields.averages import moment_space
from conserved.kernel.fields import Fields, Leaves
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array
from conserved.problem import Problem

_FEW = 16  # up to so many moments, one shared product each beats a matrix per sample


class MomentFields(Fields):
    """Random members of the averaged loss family.

    Leaves hold the coefficients (batch, k) of S and (batch, l) of C.
    """

    def __init__(self, problem: Problem, scalars: Residues, rng: np.random.Generator) -> None:
        super().__init__(problem.network.program, scalars, rng)
        self.problem = problem
        self.space = moment_space(problem, scalars)
        lift = self.space.lift
        self._quadratic = lift.change_basis(scalars, self.space.quadratic)
        self._mixed = lift.change_basis_mixed(scalars, self.space.mixed)
        self.generators = len(self._quadratic) + len(self._mixed)
        self.route = (
            f"lifted moments, τ = {lift.dimension}: "
            f"{len(self._quadratic)} of ΦΦᵀ, {len(self._mixed)} of yΦᵀ"
        )
        per_sample = lift.dimension**2 if len(self._quadratic) > _FEW else 0
        self.sample_bytes = 8 * (5 * problem.network.size + 3 * lift.volume + 2 * per_sample)

    def draw_leaves(self, count: int) -> Leaves:
        quadratic = self.scalars.random(self.rng, (count, len(self._quadratic)))
        return Leaves((quadratic, self.scalars.random(self.rng, (count, len(self._mixed)))))

    def pull(self, leaves: Leaves, theta: Array) -> Array:
        quadratic, mixed = leaves.arrays
        run = self.space.lift.outputs_at(self.ring, theta)
        tau, m = self._mixed.shape[1:]
        value = run.output.reshape(*run.output.shape[:2], tau, m)
        constant = self.scalars.matmul(mixed, self._mixed.reshape(len(self._mixed), tau * m))
        seed = self.ring.sub(self._stretched(quadratic, value), constant.reshape(1, -1, tau, m))
        return run.gradient(seed.reshape(run.output.shape))

    def _stretched(self, weights: Array, value: Array) -> Array:
        """S F for each sample: weights (batch, k), F (jet, batch, τ, m)."""
        scalars = self.scalars
        jets, batch, tau, m = value.shape
        if len(self._quadratic) > _FEW:
            flat = self._quadratic.reshape(len(self._quadratic), tau * tau)
            matrices = scalars.matmul(weights, flat).reshape(1, batch, tau, tau)
            return self.ring.matmul(matrices, value)
        columns = value.transpose(2, 0, 1, 3).reshape(tau, -1)
        total = np.zeros_like(value)
        for moment, weight in zip(self._quadratic, weights.T, strict=True):
            moved = scalars.matmul(moment, columns).reshape(tau, jets, batch, m)
            total += scalars.mul(moved.transpose(1, 2, 0, 3), weight[None, :, None, None])
        return scalars.reduce(total)
