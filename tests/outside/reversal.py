"""A group of another package: the coordinates read backwards."""

from __future__ import annotations

import numpy as np

from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry import CoordinateGroup, Symmetry


class Reversal(CoordinateGroup):
    """{1, P}, P the matrix that turns the order round."""

    word = "reversal"
    action = "the coordinates forwards and backwards"

    def generators(self, scalars: Scalars) -> Array:
        return scalars.from_integers(np.eye(self.dimension, dtype=np.int64)[None, ::-1])

    @property
    def signs(self) -> tuple[int, ...]:
        return (-1,)

    @property
    def order(self) -> int:
        return 2


GROUP = Symmetry(
    name="reversal",
    summary=Reversal.action,
    usage="reversal[:N]",
    example="reversal",
    build=Reversal,
    argument="N",
    meaning="the size of the input",
    optional=True,
)
