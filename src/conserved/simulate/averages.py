"""Exact averages of moments over a group, in float64 (theory §5).

The average of ΦΦᵀ or yΦᵀ over a compact group is its orthogonal projection on the invariant forms,
so data averaged over O(8) or S_10 cost one projection and no sampling. The invariants come from
generators: signed permutation matrices leave exact orbit sums, found mod p, whose entries are 0
and ±1; the other generators are linear conditions on these, solved by singular values.

Moments are written in coordinates Φ̃ = √d Φ, d the metric of the lift, in which the group acts by
orthogonal matrices.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.errors import ConservedError, LimitError
from conserved.kernel.evaluate import Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues, residues
from conserved.kernel.scalars import Array
from conserved.networks.lift import MonomialLift
from conserved.networks.linear_form import Lift
from conserved.problem import Problem
from conserved.symmetry.invariants import Action, invariant_forms, is_monomial, with_quarter_turns

_ZERO, _GAP = 1e-11, 1e-5  # singular values of integer conditions lie below or above, not between
_SPARE = 16  # more random conditions than unknowns
_CANDIDATES = 12  # points tried for each one kept
_TRIED = 3  # inputs for each coordinate, where a matrix is read off them
_ENTRIES = 2 * 10**8  # of all conditions on the candidates together; 1.6 GB


class Readout:
    """How Ãᵀ, with A(θ) Φ = Ã Φ̃, is read off a network, over the reals.

    Law it obeys: ``lifted`` is linear and ``pulled_back`` its transpose.

    A polynomial network is evaluated at τ points at which the monomials are well conditioned: a
    pivoted QR decomposition picks them from many.

    Args:
        lift: of the network.
    """

    def __init__(self, lift: Lift) -> None:
        self.lift = lift
        self.scale = np.sqrt(lift.metric.astype(np.float64))
        self.points, self.back = None, None
        if isinstance(lift, MonomialLift):
            self.points, chosen = _good_points(lift, self.scale)
            values = self.features(self.points).reshape(-1, lift.dimension)
            self.back = np.zeros(values.T.shape)
            self.back[:, chosen] = np.linalg.inv(values[chosen])

    def features(self, x: Array) -> Array:
        """Φ̃: inputs (N, *input) → (N, rows, τ)."""
        return self.lift.features(Reals(), x) * self.scale

    def outputs_at(self, ring: FormalRing, theta: Array) -> Run:
        """F, from which ``lifted`` makes Ãᵀ, rows of m for each sample; θ (1, batch, D)."""
        if self.points is None:
            return self.lift.outputs_at(ring, theta)
        points = np.broadcast_to(self.points, (theta.shape[1], *self.points.shape))
        return Run(self.lift.program, ring, theta, (points,))

    def lifted(self, outputs: Array) -> Array:
        """Ãᵀ (batch, τ, m) from F (batch, rows, m)."""
        return outputs / self.scale[:, None] if self.back is None else self.back @ outputs

    def pulled_back(self, slopes: Array) -> Array:
        """Gradients in F from those in Ãᵀ."""
        return slopes / self.scale[:, None] if self.back is None else self.back.T @ slopes

    def representation(self, matrices: Array) -> Array:
        """ρ(g) on the Φ̃ that inputs reach, orthogonal there: (g, n, n) → (g, τ, τ)."""
        if not len(matrices):
            return np.zeros((0, len(self.scale), len(self.scale)))
        tau, lift = len(self.scale), self.lift
        count = -(-_TRIED * tau // lift.rows)
        rng = np.random.default_rng(tau)  # any inputs span the same Φ̃
        x = rng.standard_normal((count, *lift.input_shape))
        back = np.linalg.pinv(self.features(x).reshape(-1, tau), rcond=_ZERO)
        moved = np.stack([self.features(x @ g.T).reshape(-1, tau) for g in matrices])
        matrix: Array = (back @ moved).swapaxes(-1, -2)
        return matrix

    def derivative(self, generators: Array) -> Array:
        """dρ(X) on Φ̃, antisymmetric."""
        return self.lift.derivative(Reals(), generators) * self.scale[:, None] / self.scale


def _good_points(lift: MonomialLift, scale: Array) -> tuple[Array, NDArray[np.intp]]:
    """Inputs, and τ rows of their Φ that are well conditioned."""
    from scipy.linalg import qr

    shape, tau = lift.input_shape, lift.dimension
    if lift.power == 1:
        return np.eye(tau), np.arange(tau)
    rng = np.random.default_rng([*shape, tau])  # any points do, the same ones each time
    tried = rng.standard_normal((_CANDIDATES * -(-tau // lift.rows), *shape))
    if lift.power:  # of one degree: no use in points near 0
        tried /= np.linalg.norm(tried, axis=-1, keepdims=True)
    values = (lift.features(Reals(), tried) * scale).reshape(-1, tau)
    places = qr(values.T, mode="r", pivoting=True)[1][:tau]
    inputs, at = np.unique(places // lift.rows, return_inverse=True)
    return tried[inputs], at * lift.rows + places % lift.rows


@dataclass(frozen=True, eq=False)
class RealSpace:
    """Orthonormal bases of the invariant forms.

    Args:
        quadratic: (k, τ, τ), symmetric.
        mixed: (l, m, τ).
    """

    quadratic: Array
    mixed: Array

    def quadratic_coordinates(self, phi: Array) -> Array:
        """Of the average of Σ_rows Φ̃Φ̃ᵀ for each datum: Φ̃ (N, rows, τ) → (N, k)."""
        return flattened(phi.swapaxes(-1, -2) @ phi) @ flattened(self.quadratic).T

    def mixed_coordinates(self, y: Array, phi: Array) -> Array:
        """Of the average of Σ_rows yΦ̃ᵀ: labels (N, rows, m), Φ̃ (N, rows, τ) → (N, l)."""
        return flattened(y.swapaxes(-1, -2) @ phi) @ flattened(self.mixed).T


def flattened(forms: Array) -> Array:
    """(k, a, b) as (k, a·b), also where k is 0."""
    return forms.reshape(len(forms), forms.shape[1] * forms.shape[2])


# runs of one problem from several starts share its averages; by identity, since two networks of one
# spec need not compute the same
_RECENT: deque[tuple[Problem, Readout, RealSpace]] = deque(maxlen=4)


def averages(problem: Problem, lift: Lift) -> tuple[Readout, RealSpace]:
    """How the lift is read off the network, and the invariant forms of its moments."""
    for known, readout, space in _RECENT:
        if known is problem:
            return readout, space
    readout = Readout(lift)
    _RECENT.append((problem, readout, real_space(problem, readout)))
    return _RECENT[-1][1:]


def real_space(problem: Problem, readout: Readout) -> RealSpace:
    """The invariant forms of a problem's group on moments.

    Raises:
        LimitError: too many of them for memory.
        ConservedError: a basis that some generator moves.

    Example:
        >>> from conserved.networks import Lightning
        >>> from conserved.symmetry import Orthogonal
        >>> problem = Problem(network=Lightning(dim=3, tokens=2), symmetry=Orthogonal(3))
        >>> space = real_space(problem, Readout(problem.network.lift()))
        >>> space.quadratic.shape, space.mixed.shape
        ((5, 18, 18), (0, 1, 18))
    """
    group, labels, m = problem.group, problem.labels, readout.lift.outputs
    ring = residues(prime_with_roots(group.roots))
    features, outputs = with_quarter_turns(
        ring,
        Action(group.generators(ring), group.infinitesimal(ring)),
        Action(labels.matrices(group, ring, m), labels.infinitesimal(group, ring, m)),
    )
    moves = [
        i
        for i, pair in enumerate(zip(features.group, outputs.group, strict=True))
        if is_monomial(ring, *pair)
    ]
    none = Action(features.group[:0], features.algebra[:0])
    lifted = Action(
        readout.lift.representation(ring, features.group[moves]),
        readout.lift.derivative(ring, none.algebra),
    )
    exact_outputs = Action(outputs.group[moves], outputs.algebra[:0])
    others = [i for i in range(len(group.signs)) if i not in moves]
    real = Reals()
    inputs_left = Action(
        readout.representation(group.generators(real)[others]),
        readout.derivative(group.infinitesimal(real)),
    )
    outputs_left = Action(
        labels.matrices(group, real, m)[others], labels.infinitesimal(group, real, m)
    )
    quadratic = _centred(ring, invariant_forms(ring, lifted, lifted, symmetric=True))
    mixed = _centred(ring, invariant_forms(ring, exact_outputs, lifted))
    quadratic = quadratic * readout.scale[:, None] * readout.scale
    return RealSpace(
        _projected(quadratic, inputs_left, inputs_left),
        _projected(mixed * readout.scale, outputs_left, inputs_left),
    )


def _centred(ring: Residues, values: Array) -> Array:
    """Residues as the integers next to 0, in float64."""
    p = int(ring.prime)
    whole = np.remainder(values, p)
    return np.where(whole > p // 2, whole - p, whole).astype(np.float64)


def _projected(forms: Array, left: Action, right: Action) -> Array:
    """An orthonormal basis of the combinations that the remaining generators leave alone."""
    forms = _orthonormal(forms)
    for g, h in zip(left.group, right.group, strict=True):
        forms = _kept(forms, g @ forms @ h.T - forms)
    for x, z in zip(left.algebra, right.algebra, strict=True):
        forms = _kept(forms, x @ forms + forms @ z.T)
    forms = _orthonormal(forms)
    for g, h in zip(left.group, right.group, strict=True):
        _require_small(g @ forms @ h.T - forms)
    for x, z in zip(left.algebra, right.algebra, strict=True):
        _require_small(x @ forms + forms @ z.T)
    return forms


def _kept(forms: Array, defects: Array) -> Array:
    count = len(forms)
    if not count:
        return forms
    conditions = defects.reshape(count, -1)
    if conditions.shape[1] > count + _SPARE:
        if conditions.shape[1] * (count + _SPARE) > _ENTRIES:
            raise LimitError(f"{count:,} invariant candidates exceed the memory limit")
        rng = np.random.default_rng(count)
        conditions = conditions @ rng.standard_normal((conditions.shape[1], count + _SPARE))
    vectors, values, _ = np.linalg.svd(conditions)
    values = np.concatenate([values, np.zeros(count - len(values))])
    top = max(float(values.max()), 1.0)
    if ((values > _ZERO * top) & (values < _GAP * top)).any():
        raise ConservedError("the invariants of this group cannot be told apart in float64")
    kept: Array = vectors[:, values <= _ZERO * top].T @ forms.reshape(count, -1)
    return kept.reshape(-1, *forms.shape[1:])


def _orthonormal(forms: Array) -> Array:
    if not len(forms):
        return forms
    basis = np.linalg.qr(forms.reshape(len(forms), -1).T)[0].T
    return np.ascontiguousarray(basis).reshape(-1, *forms.shape[1:])


def _require_small(defect: Array) -> None:
    if np.abs(defect).max(initial=0.0) > _ZERO:
        raise ConservedError("an averaged moment is not invariant under a group generator")
