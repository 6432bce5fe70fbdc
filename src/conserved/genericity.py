"""Are the formal values generic? The one condition under which a formal rank is a bound.

By Ax's theorem (theory §8) exponentials of functions that are linearly independent over Q modulo
constants are algebraically independent, so independent random values are a generic point. Tested
here: the distinct arguments that one field meets, as functions of (θ, x), are linearly independent
modulo functions of θ alone. Since different fields have independent data, that suffices for all of
them together. When the test fails the number stands as it is, but no longer as a proof.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conserved.arithmetic.residues import Residues
from conserved.arithmetic.rowspace import RowSpace
from conserved.arithmetic.scalars import Array
from conserved.fields import Fields

ARGUMENT_LIMIT = 2000  # distinct arguments beyond which the test is not worth its cost


@dataclass(frozen=True)
class Genericity:
    """Whether formal values are known to be generic, and if not why, in words."""

    holds: bool
    note: str = ""
    arguments: int = 0


def genericity(fields: Fields) -> Genericity:
    """Test the arguments that one field of this problem feeds to exp, sin, cos, ….

    Args:
        fields: the fields of the problem; draws from their generator.

    Returns:
        ``holds`` with the number of distinct arguments, or the reason why not.
    """
    first = _arguments(fields, 2)
    if not first:
        return Genericity(True)
    slots = max(len(values[0]) for values in first.values())
    if slots > ARGUMENT_LIMIT:
        return Genericity(
            False, f"{slots:,} arguments of exp are too many to test for independence", slots
        )
    theta = fields.scalars.random(fields.rng, (1, slots + _SPARE, fields.dimension))
    here, there = (_arguments(fields, slots + _SPARE, theta) for _ in range(2))
    distinct = 0
    for family, values in here.items():
        kept, rank = _independent(fields.scalars, values, there[family])
        distinct += kept
        if rank < kept:
            return Genericity(
                False,
                f"the {kept} arguments of {_WORDS[family]} in one field satisfy {kept - rank} "
                "linear relations, so their formal values may not be generic",
                kept,
            )
    return Genericity(True, "", distinct)


_SPARE = 8
_WORDS = {"exp": "exp", "circle": "sin and cos"}


def _arguments(fields: Fields, count: int, theta: Array | None = None) -> dict[str, Array]:
    """Per family, the arguments of ``count`` fresh fields, (count, slots), each at its own θ."""
    if theta is None:
        theta = fields.scalars.random(fields.rng, (1, count, fields.dimension))
    table: dict[str, list[Array]] = {}
    step = fields.batch_size(1)
    for start in range(0, count, step):
        here = theta[:, start : start + step]
        met = fields.arguments(here)
        for family in dict.fromkeys(name for name, _ in met):
            rows = [z.reshape(here.shape[1], -1) for name, z in met if name == family]
            table.setdefault(family, []).append(np.concatenate(rows, axis=1))
    return {family: np.concatenate(parts) for family, parts in table.items()}


def _independent(scalars: Residues, here: Array, there: Array) -> tuple[int, int]:
    """(distinct arguments, rank): same θ in both, other data, so constants in x drop out."""
    change = scalars.reduce(here - there)
    moving = change.any(axis=0)
    still = np.concatenate([here[:, ~moving], np.ones((len(here), 1), here.dtype)], axis=1)
    kept = rank = 0
    for columns, constants in ((change[:, moving], 0), (still, 1)):
        unique = _up_to_sign(scalars, columns)
        space = RowSpace(scalars, unique.shape[1])
        space.add(unique)
        kept += unique.shape[1] - constants
        rank += space.rank - constants
    return kept, rank


def _up_to_sign(scalars: Residues, columns: Array) -> Array:
    """The distinct non-zero columns, z and −z counted once (the functions know that relation)."""
    columns = columns[:, columns.any(axis=0)]
    if not columns.shape[1]:
        return columns
    half = int(scalars.prime) // 2
    lead = np.take_along_axis(columns, (columns != 0).argmax(axis=0)[None], axis=0)
    flip = scalars.canonical(lead) > half
    signed = scalars.canonical(scalars.reduce(np.where(flip, -columns, columns)))
    _, index = np.unique(signed, axis=1, return_index=True)
    return columns[:, np.sort(index)]
