"""How far rounding alone can move a law, and how far it could have moved at all.

Everything a verdict compares with is measured here, on the problem itself. The rounding error of
a gradient is the change under a random relative change of all its inputs (θ, data, labels) by an
amount κ, scaled from κ to the unit roundoff: backward error analysis by experiment. κ is far above
the roundoff, so that the change is resolved, and far below the scale on which gradients bend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.errors import DegenerateSampleError, LimitError
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.simulate.objective import Chosen, Objective

EPS = float(np.finfo(np.float64).eps)
_JITTER = 2.0**-38
_DRAWS = 2
_ENTRIES = 2 * 10**7  # of all law gradients together
_MATRIX_LIMIT = 5 * 10**7  # of the gradients of one law at one point; 0.4 GB


@dataclass(frozen=True, eq=False)
class Points:
    """Points at which laws are examined.

    Attributes:
        thetas: (P, D).
        gradients: (P, D), of the loss that was met there.
        noise: (P, D), rounding error of each entry of these.
    """

    thetas: Array
    gradients: Array
    noise: Array


def examined_points(
    objective: Objective,
    thetas: Array,
    rng: np.random.Generator,
    gradients: Array | None = None,
    chosen: Sequence[Chosen] | None = None,
) -> Points:
    """Gradients at θ (P, D), where they are not given, and their rounding errors."""
    if gradients is None:
        gradients = objective.evaluate(thetas)[1]
    # data moved at random differ by more than rounding; the same data unmoved round alike
    steady = objective.steady
    batches: Sequence[Chosen] = chosen or [None] * len(thetas)
    plain = _gradients(steady, thetas, batches)
    noise = np.zeros_like(gradients)
    for _ in range(_DRAWS):
        other = steady.jittered(rng, _JITTER)
        moved = _gradients(other, _moved(thetas, rng), batches)
        noise = np.maximum(noise, np.abs(moved - plain) * (EPS / _JITTER))
    return Points(thetas, gradients, noise)


def _gradients(objective: Objective, thetas: Array, chosen: Sequence[Chosen]) -> Array:
    if all(part is None for part in chosen):
        return objective.evaluate(thetas)[1]
    parts = [objective.evaluate(t[None], c)[1] for t, c in zip(thetas, chosen, strict=True)]
    return np.concatenate(parts)


def _moved(theta: Array, rng: np.random.Generator) -> Array:
    moved: Array = theta * (1 + _JITTER * rng.choice([-1.0, 1.0], theta.shape))
    return moved


@dataclass(frozen=True, eq=False)
class Sizes:
    """One law at P points; every array is (P, c).

    Attributes:
        size: Σ_i |∂_i h| |θ_i|; times the roundoff, the rounding error of h.
        spread: √D ‖(∂_i h θ_i)_i‖; times rtol, what a solver lets through in one step.
        slope: √D ‖∇h‖; times atol, the same.
        inner: ⟨∇h, ∇L⟩.
        gross: Σ_i |∂_i h| |∂_i L|.
        noise: rounding error of ``inner``.
        reach: Σ_i |∂_i h| · (how far θ_i has gone), summed over the points so far.
    """

    size: Array
    spread: Array
    slope: Array
    inner: Array
    gross: Array
    noise: Array
    reach: Array


def law_sizes(law: Law, points: Points, ways: Array, rng: np.random.Generator) -> Sizes:
    """Measure a law at points; rows are nan where it has no value.

    Args:
        law: with c functions.
        points: P of them.
        ways: (P, D) how far each parameter goes from one point to the next.
        rng: for the rounding error of ∇h.

    Raises:
        LimitError: gradients too large for memory.
    """
    if law.size * law.layout.size > _MATRIX_LIMIT:
        raise LimitError(
            f"law '{law.text}': {law.size:,} functions of {law.layout.size:,} parameters are more "
            f"than can be watched; the limit is {_MATRIX_LIMIT:,} derivatives"
        )
    rows = []
    root = np.sqrt(law.layout.size)
    for theta, gradient, noise, way in zip(
        points.thetas, points.gradients, points.noise, ways, strict=True
    ):
        slopes = _gradients_or_nan(law, theta)
        shift = np.abs(_gradients_or_nan(law, _moved(theta, rng)) - slopes) * (EPS / _JITTER)
        inner, steep, pull = slopes @ gradient, np.abs(slopes), np.abs(gradient)
        gross = steep @ pull
        rows.append(
            (
                steep @ np.abs(theta),
                root * np.linalg.norm(slopes * theta, axis=1),
                root * np.linalg.norm(slopes, axis=1),
                inner,
                gross,
                steep @ noise + shift @ pull + EPS * gross,
                steep @ way,
            )
        )
    columns = [np.stack(column) for column in zip(*rows, strict=True)]
    size, spread, slope, inner, gross, rounded, way = columns
    return Sizes(size, spread, slope, inner, gross, rounded, np.cumsum(way, axis=0))


def _gradients_or_nan(law: Law, theta: Array) -> Array:
    try:
        slopes = law.gradients(Reals(), theta)
    except (np.linalg.LinAlgError, DegenerateSampleError):
        return np.full((law.size, len(theta)), np.nan)
    return np.where(np.isfinite(slopes), slopes, np.nan)


def point_budget(laws: Sequence[Law]) -> int:
    """At how many points all these laws can be examined."""
    entries = max((law.size * law.layout.size for law in laws), default=1)
    return int(np.clip(_ENTRIES // max(entries, 1), 4, 48))


def spread_out(count: int, most: int, always: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Positions of at most about ``most`` of ``count`` rows: the first, the last, those marked."""
    chosen = np.linspace(0, count - 1, min(most, count)).round().astype(np.intp)
    return np.union1d(chosen, np.flatnonzero(always))


def law_values(law: Law, thetas: Array) -> Array:
    """h at θ (S, D): (S, c); where it has no value, nan."""
    try:
        return law.values(Reals(), thetas)
    except np.linalg.LinAlgError:
        rows = [_one_value(law, theta) for theta in thetas]
        return np.stack(rows)


def _one_value(law: Law, theta: Array) -> Array:
    try:
        value: Array = law.values(Reals(), theta[None])[0]
        return value
    except np.linalg.LinAlgError:
        return np.full(law.size, np.nan)
