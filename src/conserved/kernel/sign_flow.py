"""Sign descent, θ' = −sign ∇L(θ): which entries move together, exactly.

At a given θ the gradients of all datasets are a linear space W(θ) where every pull may point both
ways, and entry i of the gradient is a linear function w_i on it. Call entries alike where w_j is
λ w_i, λ ≠ 0. Beyond the hyperplane w_i = 0, away from all others, the signs of i and of what is
like i turn, and no others: so the vectors of signs that datasets reach span one vector for each
class of entries that are alike, and 0 where w_i = 0 identically. On a cell of θ, where the signs
of all λ stay, these vectors are constant, and D − (number of classes) laws exist there, linear
ones: θ_i − sign(λ) θ_j for i and j alike, and θ_i where it never moves.

Fields here are those of the cell where all λ are positive. Which entries are alike is found mod p:
two columns of gradients that are proportional at a random point, for random data, are so always,
but for the roots of their minors of size 2.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.extent import extent
from conserved.kernel.fields import Fields, Leaves
from conserved.kernel.loss import Loss
from conserved.kernel.losses import PolynomialLoss
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array

_DATA, _PATTERNS = 4, 64  # random pulls to compare by, more where they are of one pattern each
_POINTS = 16


class SignFields(Fields):
    """One vector of ±1 for each class of entries whose gradients are always proportional.

    Args:
        base: pulls on θ, of all data.
    """

    def __init__(self, base: Fields) -> None:
        super().__init__(base.program, base.scalars, base.rng, ring=base.ring)
        self.base = base
        self.route, self.note = f"signs of {base.route}", base.note
        self.sampled_patterns, self.one_cell = base.sampled_patterns, base.one_cell
        self.sample_bytes = 8 * self.dimension
        self.classes = _classes(base)
        self.count = int(self.classes.max(initial=0))
        self.generators = self.count
        _, slope = extent(base.program)
        pull = slope.summed(prod(base.program.shape))
        self.hidden = 2 * (pull.above + 1 + pull.below)  # of a minor of size 2

    def unproved_roots(self) -> str:
        return self.base.unproved_roots()

    def arguments(self, theta: Array) -> tuple[list[tuple[str, Array]], NDArray[np.bool_]]:
        return self.base.arguments(theta)

    def points(self, count: int) -> Array:
        return self.base.points(count)

    def draw_leaves(self, count: int) -> Leaves:
        return Leaves((self.scalars.random(self.rng, (count, self.count)),))

    def pull(self, leaves: Leaves, theta: Array) -> Array:
        field = np.zeros((len(theta), len(leaves), self.dimension), dtype=self.scalars.dtype)
        moving = self.classes > 0
        field[0][:, moving] = leaves.arrays[0][:, self.classes[moving] - 1]
        return field


def _classes(base: Fields) -> NDArray[np.intp]:
    """For each entry its class, from 1; 0 where nothing ever pulls."""
    scalars = base.scalars
    count = _PATTERNS if base.sampled_patterns else _DATA
    for _ in range(_POINTS):
        try:
            _, rows = base.draw(count, base.point())
        except DegenerateSampleError:
            continue
        return proportional(scalars, rows)
    raise DegenerateSampleError(f"no point at which the fields have values in {_POINTS} draws")


def proportional(scalars: Residues, rows: Array) -> NDArray[np.intp]:
    """For each column its class of proportional ones, from 1; 0 for a column of zeros.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> from conserved.kernel.residues import residues
        >>> rows = np.array([[1.0, 2.0, 0.0, 1.0], [3.0, 6.0, 0.0, 2.0]])
        >>> proportional(residues(BLAS_PRIMES[0]), rows).tolist()
        [1, 1, 0, 2]
    """
    moving = np.flatnonzero(rows.any(axis=0))
    columns = rows[:, moving]
    lead = np.take_along_axis(columns, (columns != 0).argmax(axis=0)[None], axis=0)
    scaled = scalars.canonical(scalars.mul(columns, scalars.inverse(lead)))
    _, first, inverse = np.unique(scaled, axis=1, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.intp)
    order[np.argsort(first)] = np.arange(1, len(first) + 1)
    classes = np.zeros(rows.shape[1], dtype=np.intp)
    classes[moving] = order[np.ravel(inverse)]
    return classes


def fault_of_signs(loss: Loss) -> str:
    """Why gradients of datasets under a loss are no linear space, or "".

    Squared error and all even degrees pull both ways; so do labels ±1 of a margin loss, and the
    pulls of all classes together, weighted by the softmax, are 0.
    """
    if isinstance(loss, PolynomialLoss) and loss.degree % 2:
        return f"gradients of {loss.spec} point one way only; take mse or another even degree"
    return ""
