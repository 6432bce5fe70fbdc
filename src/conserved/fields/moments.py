"""Fields from averaged moments: squared error and tensorizable networks (theory §5).

L = ½⟨A S, A⟩ − ⟨A, C⟩ + const, so every field is ∇⟨A S, A⟩/2 − ∇⟨A, C⟩ for an averaged moment pair
(S, C), and the averages are invariant forms: the group is known by its generators alone and may
be infinite. Cost of one evaluation: one pass over τ points, whatever the order of the group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from conserved.arithmetic.functions import FormalRing
from conserved.arithmetic.residues import Residues
from conserved.arithmetic.rowspace import RowSpace, inverse_matrix
from conserved.arithmetic.scalars import Array
from conserved.arithmetic.tape import Tape
from conserved.errors import ConservedError, InputError
from conserved.fields.base import Fields, Leaves
from conserved.networks.lift import Lift
from conserved.problem import Problem
from conserved.symmetry.invariants import Action, invariant_forms, with_quarter_turns

_SPARE = 8
_FEW = 16  # up to so many moments, one shared product each beats a matrix per sample


@dataclass(frozen=True, eq=False)
class MomentSpace:
    """The averaged moments that data of the class can have.

    Args:
        lift: the network as A(θ) Φ(x).
        inputs, outputs: how the group acts on T and on Y.
        quadratic: basis (k, τ, τ) of the span of averaged Σ ΦΦᵀ.
        mixed: basis (l, m, τ) of the span of averaged Σ yΦᵀ.
    """

    lift: Lift
    inputs: Action
    outputs: Action
    quadratic: Array
    mixed: Array


# the count, the reasons and the report of one problem share its averages; by identity, since two
# networks of one spec need not compute the same
_RECENT: deque[tuple[Problem, Residues, MomentSpace]] = deque(maxlen=4)


def moment_space(problem: Problem, scalars: Residues) -> MomentSpace:
    """Average the moments of a problem exactly, from the generators of its group.

    Raises:
        LimitError: the invariants do not fit in memory.
        ConservedError: the network has no lift.
    """
    for known, over, space in _RECENT:
        if known is problem and over == scalars:
            return space
    space = _averaged(problem, scalars)
    _RECENT.append((problem, scalars, space))
    return space


def _averaged(problem: Problem, scalars: Residues) -> MomentSpace:
    rng = np.random.default_rng(0)  # any data in general position span the same moments
    lift = problem.network.lift()
    if lift is None:
        raise ConservedError(f"network '{problem.network.spec}' has no lift")
    group, labels = problem.group, problem.labels
    features, outputs = with_quarter_turns(
        scalars,
        Action(group.generators(scalars), group.infinitesimal(scalars)),
        Action(
            labels.matrices(group, scalars, lift.outputs),
            labels.infinitesimal(group, scalars, lift.outputs),
        ),
    )
    inputs = Action(
        lift.representation(scalars, features.group),
        lift.derivative(scalars, features.algebra),
    )
    check_lift(scalars, lift, features.group, inputs.group, rng)
    metric = scalars.from_integers(lift.metric.astype(object))
    quadratic = invariant_forms(scalars, inputs, inputs, symmetric=True)
    mixed = invariant_forms(scalars, outputs, inputs)

    def square(count: int) -> Array:
        phi = _features(scalars, rng, lift, count, metric)
        return _pairings(scalars, quadratic, phi, phi)

    def product(count: int) -> Array:
        phi = _features(scalars, rng, lift, count, metric)
        y = scalars.random(rng, (count, lift.rows, lift.outputs))
        return _pairings(scalars, mixed, y, phi)

    ones = np.ones(lift.outputs, dtype=scalars.dtype)
    quadratic = _realised(scalars, quadratic, metric, metric, square)
    mixed = _realised(scalars, mixed, ones, metric, product)
    return MomentSpace(lift, inputs, outputs, quadratic, mixed)


def check_lift(
    scalars: Residues, lift: Lift, group: Array, represented: Array, rng: np.random.Generator
) -> None:
    """Refuse a lift that is not one: A(θ) Φ(x) = f(θ, x) and Φ(gx) = ρ(g) Φ(x), at random points.

    Raises:
        InputError: naming the network and which of the two fails.
    """
    network, count = lift.network, 4
    theta = scalars.random(rng, (1, count, network.size))
    x = scalars.random(rng, (count, *network.input_shape))
    y = scalars.random(rng, (count, lift.rows, lift.outputs))
    phi = lift.features(scalars, x)
    pull = lift.change_basis_mixed(scalars, scalars.matmul(y.swapaxes(-1, -2), phi))
    ring = FormalRing(scalars)
    lifted, _ = lift.outputs_at(Tape(ring), theta)
    direct, _ = network.run(Tape(ring), theta, x[:, None])
    one = scalars.mul(lifted.value.reshape(count, -1), pull.reshape(count, -1)).sum(axis=1)
    other = scalars.mul(direct.value.reshape(count, -1), y.reshape(count, -1)).sum(axis=1)
    if scalars.reduce(one - other).any():
        advice = "its lift is wrong: A(θ) Φ(x) is not f(θ, x); check the degree it declares"
        raise InputError("network", network.spec, advice)
    for g, rho in zip(group, represented, strict=True):
        moved = lift.features(scalars, scalars.matmul(x, g.T))
        if scalars.reduce(moved - scalars.matmul(phi, rho.T)).any():
            advice = "its lift is wrong: Φ(gx) is not ρ(g) Φ(x)"
            raise InputError("network", network.spec, advice)


class MomentFields(Fields):
    """Random members of the averaged loss family.

    Leaves hold the coefficients (batch, k) of S and (batch, l) of C.
    """

    def __init__(self, problem: Problem, scalars: Residues, rng: np.random.Generator) -> None:
        super().__init__(problem, scalars, rng)
        self.space = moment_space(problem, scalars)
        lift = self.space.lift
        self._quadratic = lift.change_basis(scalars, self.space.quadratic)
        self._mixed = lift.change_basis_mixed(scalars, self.space.mixed)
        self.generators = len(self._quadratic) + len(self._mixed)
        self.route = (
            f"lifted moments, τ = {lift.dimension}: "
            f"{len(self._quadratic)} of ΦΦᵀ, {len(self._mixed)} of yΦᵀ"
        )
        network = problem.network
        forward = lift.dimension * (network.activations() - network.size)
        per_sample = lift.dimension**2 if len(self._quadratic) > _FEW else 0
        self.sample_bytes = 8 * (5 * network.size + 3 * forward + 2 * per_sample)

    def draw_leaves(self, count: int) -> Leaves:
        quadratic = self.scalars.random(self.rng, (count, len(self._quadratic)))
        return Leaves((quadratic, self.scalars.random(self.rng, (count, len(self._mixed)))))

    def pull(self, leaves: Leaves, theta: Array) -> Array:
        quadratic, mixed = leaves.arrays
        tape = Tape(self.ring)
        output, variables = self.space.lift.outputs_at(tape, theta)
        tau, m = self._mixed.shape[1:]
        value = output.value.reshape(*output.value.shape[:2], tau, m)
        constant = self.scalars.matmul(mixed, self._mixed.reshape(len(self._mixed), tau * m))
        seed = self.ring.sub(self._stretched(quadratic, value), constant.reshape(1, -1, tau, m))
        return self.flat_gradient(tape, output, seed.reshape(output.value.shape), variables)

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


def _features(
    scalars: Residues, rng: np.random.Generator, lift: Lift, count: int, metric: Array
) -> Array:
    """diag(metric)·Φ at random inputs, (count, rows, τ)."""
    x = scalars.random(rng, (count, *lift.network.input_shape))
    return scalars.mul(lift.features(scalars, x), metric)


def _pairings(scalars: Residues, forms: Array, left: Array, right: Array) -> Array:
    """Σ_rows leftᵀ M right for each form M (k, a, b): (count, k)."""
    stacked = scalars.matmul(forms, right.reshape(-1, right.shape[-1]).T)  # (k, a, count·rows)
    paired = scalars.mul(stacked, left.reshape(-1, left.shape[-1]).T)
    sums = scalars.reduce(paired.sum(axis=1)).reshape(len(forms), *right.shape[:2])
    return scalars.reduce(sums.sum(axis=2)).T


def _realised(
    scalars: Residues,
    forms: Array,
    left_metric: Array,
    right_metric: Array,
    pairings: Callable[[int], Array],
) -> Array:
    """The span of the averages of actual data: project each datum on the invariants, exactly."""
    count = len(forms)
    if not count:
        return forms
    weighted = scalars.mul(scalars.mul(forms, left_metric[:, None]), right_metric)
    flat = forms.reshape(count, -1)
    gram = scalars.matmul(flat, weighted.reshape(count, -1).T)
    coefficients = scalars.matmul(pairings(count + _SPARE), inverse_matrix(scalars, gram))
    space = RowSpace(scalars, count)
    space.add(coefficients)
    if space.rank == count:
        return forms
    return scalars.matmul(space.basis, flat).reshape(-1, *forms.shape[1:])
