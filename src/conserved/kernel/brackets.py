"""Nested Lie brackets of random fields, a whole batch at a time.

[v, w] = Dw·v − Dv·w (2307.00144, §3). A field of level j is u_j = c·l + [l, r] with l, r random
fields of level j−1 and c a random scalar, so the fields of level j span U_j = U_{j−1} + [U_{j−1},
U_{j−1}]: all brackets up to length 2^j. Evaluating a batch of level j costs 8^j evaluations of
its base fields (2^j of them, on up to j infinitesimals).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.fields import Fields, Leaves
from conserved.kernel.jets import join
from conserved.kernel.scalars import Array


@dataclass(frozen=True)
class Nested:
    """A batch of fields of one level.

    Args:
        level: j; level 0 are fields of single data.
        leaves: the 2^j base fields of each, laid out (2^j, batch) and flattened. The lower half
            of a batch of twice the size at level j−1 are the left operands, the upper the right.
        weights: for levels 1 … j, the scalars c, laid out like the leaves.
    """

    level: int
    leaves: Leaves
    weights: tuple[Array, ...] = ()

    def __len__(self) -> int:
        return len(self.leaves) >> self.level

    @property
    def operands(self) -> Nested:
        """The left, then the right operands, as one batch of the level below."""
        return Nested(self.level - 1, self.leaves, self.weights[:-1])

    def take(self, index: NDArray[np.intp]) -> Nested:
        """The fields at these positions of the batch."""
        size = len(self)
        grid = np.arange(len(self.leaves)).reshape(-1, size)[:, index].ravel()
        weights = tuple(w.reshape(-1, size)[:, index].ravel() for w in self.weights)
        return Nested(self.level, self.leaves.take(grid), weights)


def concatenate(first: Nested, second: Nested) -> Nested:
    """Two batches of one level as one."""

    def merged(size_first: int, size_second: int) -> NDArray[np.intp]:
        left = np.arange(size_first).reshape(-1, len(first))
        right = size_first + np.arange(size_second).reshape(-1, len(second))
        return np.concatenate([left, right], axis=1).ravel()

    leaves = Leaves.concatenate([first.leaves, second.leaves])
    weights = tuple(
        np.concatenate([a, b])[merged(len(a), len(b))]
        for a, b in zip(first.weights, second.weights, strict=True)
    )
    index = merged(len(first.leaves), len(second.leaves))
    return Nested(first.level, leaves.take(index), weights)


def evaluate(fields: Fields, nested: Nested, theta: Array, operands: Array | None = None) -> Array:
    """The fields at θ on jets: (jet, batch or 1, D) → (jet, batch, D).

    Args:
        fields: evaluates the base fields.
        nested: what to evaluate.
        theta: where.
        operands: values of ``nested.operands`` at θ when they are known already.
    """
    if nested.level == 0:
        return fields.evaluate(nested.leaves, theta)
    below, half = nested.operands, len(nested)
    if theta.shape[1] > 1:
        theta = np.concatenate([theta, theta], axis=1)
    if operands is None:
        operands = evaluate(fields, below, theta)
    left, right = operands[:, :half], operands[:, half:]
    crossed = np.concatenate([right, left], axis=1)
    slopes = directional(fields, below, theta, crossed)
    bracket = slopes[:, half:] - slopes[:, :half]
    scaled = fields.scalars.mul(left, nested.weights[-1][None, :, None])
    return fields.scalars.reduce(scaled + bracket)


def directional(fields: Fields, nested: Nested, theta: Array, along: Array) -> Array:
    """Du·v for each field u of the batch, v = ``along`` (jet, batch, D)."""
    shifted = join(theta, along)
    return evaluate(fields, nested, shifted)[len(shifted) // 2 :]


def mixed(
    fields: Fields, first: Nested, at_first: Array, second: Nested, at_second: Array, theta: Array
) -> Array:
    """[first, second] (batch, D) at a plain θ; their levels may differ, their values are known."""
    toward = directional(fields, second, theta, at_first[None])[0]
    back = directional(fields, first, theta, at_second[None])[0]
    return fields.scalars.reduce(toward - back)
