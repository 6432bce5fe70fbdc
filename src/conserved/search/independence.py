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


def tangents(scalars: Residues, theta: Array, laws: Sequence[Law]) -> tuple[RowSpace, list[int]]:
    """The gradients of laws at a point (D,), and how many of each are independent of all before.

    Raises:
        DegenerateSampleError: a law has no gradient at this point.
    """
    width = len(theta)
    if width > WHOLE:
        width = min(_DIRECTIONS, sum(law.size for law in laws) + _SPARE)
    space = RowSpace(scalars, width)
    return space, [int(space.add(_rows(scalars, theta, law, width)).sum()) for law in laws]


def _rows(scalars: Residues, theta: Array, law: Law, width: int) -> Array:
    """The gradients of a law, (c, D), or their products with the directions."""
    size = len(theta)
    if size <= WHOLE:
        return law.gradients(scalars, theta)
    parts = []
    block = max(1, _BLOCK_BYTES // (8 * size))
    for start in range(0, width, block):
        rng = np.random.default_rng(start)  # the same for every law
        directions = scalars.random(rng, (min(block, width - start), size))
        parts.append(law.derivative(scalars, theta, directions).T)
    return np.concatenate(parts, axis=1)


def independent(
    scalars: Residues, theta: Array, known: Sequence[Law], laws: Sequence[Law]
) -> list[Law]:
    """The laws that add something to the known ones and those before, with what each adds."""
    _, raised = tangents(scalars, theta, [*known, *laws])
    pairs = zip(laws, raised[len(known) :], strict=True)
    return [replace(law, independent=count) for law, count in pairs if count]
