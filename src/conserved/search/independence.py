"""How many laws are independent: the rank of their gradients at a random point.

Gradients are told by their products with the same directions: all D of the basis, or, for networks
too large for that, random ones. A rank of products is at most the rank of the gradients, so what is
counted independent is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import Law

WHOLE = 6000  # parameters up to which whole gradients are kept
_DIRECTIONS = 6000  # as many laws at most can be told apart beyond that
_SPARE = 16  # directions beyond the number of functions to be told apart
_BLOCK_BYTES = 2**27  # of directions at a time


class Tangents:
    """Gradients at a point, as rows of a growing space.

    Args:
        scalars: residues.
        theta: the point (D,).
        seed: draws the directions, where there are too many parameters.
    """

    def __init__(self, scalars: Residues, theta: Array, seed: int = 0) -> None:
        self.scalars = scalars
        self.theta = theta
        self.seed = seed
        self.whole = len(theta) <= WHOLE
        self.laws: list[Law] = []
        self.space = RowSpace(scalars, len(theta) if self.whole else 0)

    @property
    def rank(self) -> int:
        """How many independent gradients are in the space."""
        return self.space.rank

    def rows(self, law: Law) -> Array:
        """The gradients of a law, (c, D), or their products with the directions.

        Raises:
            Redraw: the law has no gradient at this point.
        """
        scalars, width = self.scalars, self.space.width
        if self.whole:
            return law.gradients(scalars, self.theta)
        parts, size = [], len(self.theta)
        block = max(1, _BLOCK_BYTES // (8 * size))
        for start in range(0, width, block):
            rng = np.random.default_rng([self.seed, start])  # the same for every law
            directions = scalars.random(rng, (min(block, width - start), size))
            parts.append(law.derivative(scalars, self.theta, directions).T)
        return np.concatenate(parts, axis=1)

    def add(self, law: Law) -> int:
        """Add a law's gradients; how many of them are independent of all before."""
        self._make_room([law])
        self.laws.append(law)
        return int(self.space.add(self.rows(law)).sum())

    def _make_room(self, more: Sequence[Law]) -> None:
        """Take as many directions as there are functions, and tell the laws so far anew."""
        width = min(_DIRECTIONS, sum(law.size for law in (*self.laws, *more)) + _SPARE)
        if self.whole or width <= self.space.width:
            return
        self.space = RowSpace(self.scalars, width)
        for law in self.laws:
            self.space.add(self.rows(law))

    def counted(self, laws: Sequence[Law]) -> list[Law]:
        """The laws that add something to those before them, with the number each adds."""
        self._make_room(laws)
        kept = []
        for law in laws:
            raised = self.add(law)
            if raised:
                kept.append(replace(law, independent=raised))
        return kept

    def copy(self) -> RowSpace:
        """The space of whole gradients, to be tried on."""
        copy = RowSpace(self.space.scalars, self.space.width)
        copy.add(self.space.basis)
        return copy
