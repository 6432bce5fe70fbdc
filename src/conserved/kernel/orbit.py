"""The points of one datum: its orbit under a finite group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from conserved.kernel.scalars import Array, Scalars

Move = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Orbit:
    """How a datum becomes the points of its orbit.

    Attributes:
        order: how many points.
        inputs: x (B, *input) ↦ (B, order, *input), over the residues of the fields.
        labels: y (B, *output) ↦ (B, order, *output), likewise.
        real: as ``inputs`` over the reals; activation patterns are those of real points.
    """

    order: int
    inputs: Move
    labels: Move
    real: Move


def moved(matrices: Array, x: Array, scalars: Scalars) -> Array:
    """x gᵀ on the last axis for every g: matrices (G, n, n), x (B, …, n) → (B, G, …, n)."""
    count, n, _ = matrices.shape
    # one flat product: far faster than G · B small ones
    rows = scalars.matmul(x.reshape(-1, x.shape[-1]), matrices.reshape(count * n, n).T)
    return np.moveaxis(rows.reshape(*x.shape[:-1], count, n), -2, 1)
