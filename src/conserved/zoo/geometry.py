"""Angles along a path: how far a vector or a subspace has turned, at a given path length."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from conserved.kernel.scalars import Array
from conserved.simulate import Simulation, Trajectory


def turned(vectors: Array) -> Array:
    """Signed angle in degrees from the first to each of these vectors of the plane, unwrapped.

    Args:
        vectors: (S, 2), none of them 0.

    Example:
        >>> turned(np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])).tolist()
        [0.0, 90.0, 180.0]
    """
    angles = np.degrees(np.unwrap(np.arctan2(vectors[:, 1], vectors[:, 0])))
    difference: Array = angles - angles[0]
    return difference


def span_turned(blocks: Array) -> Array:
    """Largest principal angle in degrees between the first and each of these column spans.

    The sine is the norm of what the projector on the first span leaves, so small angles keep their
    digits.

    Args:
        blocks: (S, n, κ) of full rank κ ≤ n.

    Example:
        >>> lines = np.array([[[1.0], [0.0]], [[3.0], [0.0]], [[1.0], [1.0]]])
        >>> span_turned(lines).round(9).tolist()
        [0.0, 0.0, 45.0]
    """
    bases = np.linalg.qr(blocks)[0]
    first = bases[0]
    left = bases - first @ (first.T @ bases)
    sines = np.linalg.norm(left, ord=2, axis=(1, 2)).clip(max=1.0)
    angles: Array = np.degrees(np.arcsin(sines))
    return angles


def at_length(trajectory: Trajectory, values: Array, length: float) -> float:
    """What a quantity (S,) was when the path had this length, linear in between."""
    return float(np.interp(length, trajectory.lengths, values))


def up_to(trajectory: Trajectory, values: Array, length: float) -> tuple[Array, Array]:
    """(lengths, values) as far as that length, its end included."""
    inside = trajectory.lengths < length
    ends = at_length(trajectory, values, length)
    return np.append(trajectory.lengths[inside], length), np.append(values[inside], ends)


def farthest(trajectory: Trajectory, values: Array, length: float) -> float:
    """The largest |value| up to that length."""
    return float(np.abs(up_to(trajectory, values, length)[1]).max())


def trajectories(runs: Iterable[Simulation]) -> tuple[Trajectory, ...]:
    """The main trajectory of each run."""
    return tuple(run.trajectory for run in runs)
