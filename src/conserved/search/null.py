"""Null spaces over the rationals by way of GF(p): solve, reconstruct, leave the proof to others."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from conserved.arithmetic.exact import rational_reconstruction
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array

Vector = list[tuple[int, Fraction]]  # sparse: (position, value), positions ascending
_SPARE = 8  # conditions that raise nothing before the space counts as full
_BLOCK = 256
_BOUND = 1000  # of numerators and denominators: accidents are then as rare as 2·10⁶/p


def solutions(scalars: Residues, size: int, conditions: Callable[[int], Array]) -> Array:
    """A basis (count, size) of what random conditions leave, in reduced form.

    Args:
        scalars: residues.
        size: number of unknowns.
        conditions: count → about that many fresh random rows (count, size).
    """
    space = RowSpace(scalars, size)
    while space.rank < size:
        raised = space.add(conditions(min(_BLOCK, size - space.rank) + _SPARE))
        if not raised[-_SPARE:].any():
            break
    return space.annihilator().T


def as_fractions(basis: Array, scalars: Residues) -> list[Vector]:
    """The rational vectors with these residues; those without short fractions are left out."""
    vectors = []
    known: dict[int, Fraction | None] = {}
    prime = int(scalars.prime)
    for row in scalars.canonical(basis).astype(np.int64):
        vector: Vector = []
        for position in np.flatnonzero(row):
            residue = int(row[position])
            if residue not in known:
                known[residue] = rational_reconstruction(residue, prime, _BOUND)
            value = known[residue]
            if value is None:
                break
            vector.append((int(position), value))
        else:
            vectors.append(vector)
    return vectors
