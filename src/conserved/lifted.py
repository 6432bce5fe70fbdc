"""The lifted group: the symmetry that the loss sees, often larger than that of the data.

Ĝ = {(U, V) ∈ O(T) × O(Y): U S Uᵀ = S and V C Uᵀ = C for all averaged moments} (theory §5). It is
read off the isotypic blocks of T ⊕ Y under the moments. The part of it that comes from orthogonal
maps of input and output features acts on the parameters, and is what range laws come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import lcm

import numpy as np

from conserved.arithmetic.primes import BLAS_PRIMES, prime_with_roots
from conserved.arithmetic.residues import Residues, residues
from conserved.arithmetic.scalars import Array
from conserved.errors import InputError
from conserved.fields import MomentSpace, moment_space
from conserved.problem import Problem
from conserved.symmetry.invariants import Action, applied, invariant_forms, kernel
from conserved.symmetry.isotypic import Block, isotypic_blocks

SOLVE_LIMIT = 2 * 10**8  # entries of the linear system for feature isometries


@dataclass(frozen=True, eq=False)
class LiftReport:
    """What the loss sees of a symmetric class of data.

    Attributes:
        name: Φ in words.
        dimension: τ, the length of Φ(x).
        quadratic, mixed: numbers of independent averaged moments ΦΦᵀ and yΦᵀ.
        blocks: isotypic blocks of T ⊕ Y under the moments.
        features: isotypic blocks of input ⊕ output features under everything that commutes with
            the isometries of features that the loss cannot see; None when not computed.
        unseen: dimension of the Lie algebra of those isometries; None when not computed.
    """

    name: str
    dimension: int
    quadratic: int
    mixed: int
    blocks: tuple[Block, ...]
    features: tuple[Block, ...] | None
    unseen: int | None

    @property
    def algebra(self) -> tuple[str, int]:
        """Lie algebra of the lifted group: its type and dimension."""
        parts = [block.symmetry for block in self.blocks]
        names = [name for name, dimension in parts if dimension]
        return " ⊕ ".join(names) or "0", sum(dimension for _, dimension in parts)

    @property
    def feature_algebra(self) -> tuple[str, int] | None:
        """The part of it that acts on input and output features: inside what, and its dimension.

        Inputs and outputs may have to turn together, so the dimension can be less than that of the
        algebra named.
        """
        if self.features is None or self.unseen is None:
            return None
        parts = [block.symmetry for block in self.features]
        names = [name for name, dimension in parts if dimension]
        return (" ⊕ ".join(names) if self.unseen else "") or "0", self.unseen


def lift_report(problem: Problem, seed: int = 0) -> LiftReport:
    """Moments, isotypic blocks and the lifted group of a problem under squared error.

    Raises:
        InputError: a network without a lift, or another loss.

    Example:
        >>> from conserved.networks import Linear
        >>> from conserved.symmetry import Permutation
        >>> lift_report(Problem(network=Linear(4, 2, 1), data=Permutation(4))).algebra
        ('so(3)', 3)
    """
    if problem.network.lift() is None or problem.loss.spec not in ("mse", "poly:2"):
        advice = "a lift needs squared error and a tensorizable network (linear, poly, lightning)"
        raise InputError("network", problem.network.spec, advice)
    scalars = splitting_scalars(problem)
    rng = np.random.default_rng(seed)
    return report_on(scalars, moment_space(problem, scalars), rng)


def splitting_scalars(problem: Problem) -> Residues:
    """GF(p) with the roots of unity that split the features into irreducible blocks."""
    roots = lcm(problem.group.roots, problem.group.splitting)
    return residues(BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots))


def report_on(scalars: Residues, space: MomentSpace, rng: np.random.Generator) -> LiftReport:
    """The report on averaged moments that are known already."""
    family, metric = moment_operators(scalars, space)
    features, unseen = feature_blocks(scalars, space, rng)
    return LiftReport(
        name=space.lift.name,
        dimension=space.lift.dimension,
        quadratic=len(space.quadratic),
        mixed=len(space.mixed),
        blocks=tuple(isotypic_blocks(scalars, family, metric, rng)),
        features=features,
        unseen=unseen,
    )


def moment_operators(scalars: Residues, space: MomentSpace) -> tuple[Array, Array]:
    """The moments as self-adjoint operators (f, τ+m, τ+m) on T ⊕ Y, and the metric (τ+m,).

    The projection on Y is among them: an isometry of inputs and outputs mixes the two nowhere.
    """
    tau, m = space.lift.dimension, space.lift.outputs
    count = len(space.quadratic) + len(space.mixed) + 1
    forms = np.zeros((count, tau + m, tau + m), scalars.dtype)
    forms[: len(space.quadratic), :tau, :tau] = space.quadratic
    forms[len(space.quadratic) : -1, tau:, :tau] = space.mixed
    forms[len(space.quadratic) : -1, :tau, tau:] = space.mixed.swapaxes(-1, -2)
    forms[-1, np.arange(tau, tau + m), np.arange(tau, tau + m)] = 1
    weights = scalars.from_integers(space.lift.metric.astype(object))
    metric = np.concatenate([weights, np.ones(m, dtype=scalars.dtype)])
    return scalars.mul(forms, metric), metric


def feature_blocks(
    scalars: Residues, space: MomentSpace, rng: np.random.Generator
) -> tuple[tuple[Block, ...] | None, int | None]:
    """Blocks of R^n ⊕ R^m (input and output features) on which unseen isometries act.

    Returns:
        The blocks and the dimension of the algebra of isometries; None where not computed.
    """
    n, m = space.lift.network.input_shape[-1], space.lift.outputs
    ones = np.ones(n + m, dtype=scalars.dtype)
    if space.lift.dimension == n:  # Φ(x) = x: the moments themselves live on the features
        family, _ = moment_operators(scalars, space)
        blocks = tuple(isotypic_blocks(scalars, family, ones, rng))
        return blocks, sum(block.symmetry[1] for block in blocks)
    unseen = _feature_isometries(scalars, space)
    if unseen is None:
        return None, None
    none = np.zeros((0, n + m, n + m), dtype=scalars.dtype)
    action = Action(none, unseen)
    family = invariant_forms(scalars, action, action, symmetric=True)
    return tuple(isotypic_blocks(scalars, family, ones, rng)), len(unseen)


def _feature_isometries(scalars: Residues, space: MomentSpace) -> Array | None:
    """Antisymmetric X ⊕ Z on features with dρ(X) S + S dρ(X)ᵀ = 0 and Z C + C dρ(X)ᵀ = 0.

    Returns:
        (s, n+m, n+m), or None where the linear system would be too large.
    """
    lift = space.lift
    n, m, tau = lift.network.input_shape[-1], lift.outputs, lift.dimension
    pairs = [*combinations(range(n), 2), *((n + i, n + j) for i, j in combinations(range(m), 2))]
    conditions = tau * (tau * len(space.quadratic) + m * len(space.mixed))
    if len(pairs) * conditions > SOLVE_LIMIT:
        return None
    basis = np.zeros((len(pairs), n + m, n + m), dtype=scalars.dtype)
    for one, (i, j) in zip(basis, pairs, strict=True):
        one[i, j], one[j, i] = scalars.from_integers([1, -1])
    turned = lift.derivative(scalars, basis[:, :n, :n])
    rows = []
    for one, moving in zip(basis, turned, strict=True):
        image = applied(scalars, moving, space.quadratic)
        image = scalars.reduce(image + image.swapaxes(-1, -2))
        mixed = applied(scalars, moving, space.mixed.swapaxes(-1, -2)).swapaxes(-1, -2)
        mixed = scalars.reduce(mixed + scalars.matmul(one[n:, n:], space.mixed))
        rows.append(np.concatenate([image.ravel(), mixed.ravel()]))
    solutions = kernel(scalars, np.stack(rows))
    return scalars.matmul(solutions, basis.reshape(len(pairs), -1)).reshape(-1, n + m, n + m)
