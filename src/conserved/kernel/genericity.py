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
from numpy.typing import NDArray

from conserved.kernel.fields import Fields
from conserved.kernel.residues import Residues
from conserved.kernel.roots import independent
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array

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
    if unproved := fields.unproved_roots():
        return Genericity(False, unproved)
    if len(fields.ring.used_constants) > 1:
        names = " and ".join(sorted(fields.ring.used_constants))
        return Genericity(False, f"the constants {names} are related, their formal values are not")
    first, _ = _arguments(fields, fields.points(2))
    if not first:
        return Genericity(True)
    slots = max(values.shape[1] for values in first.values())
    if slots > ARGUMENT_LIMIT:
        return Genericity(
            False, f"{slots:,} arguments of exp are too many to test for independence", slots
        )
    count = slots + _SPARE
    for _ in range(_ROUNDS):  # until enough samples have a value
        theta = fields.points(count)
        (here, valid), (there, valid_there) = (_arguments(fields, theta) for _ in range(2))
        valid = valid & valid_there
        if valid.sum() >= slots + _SPARE:
            break
        count *= 2
    distinct = 0
    if "log" in here and not _no_product(
        fields.scalars, here.pop("log")[valid], there.pop("log")[valid]
    ):
        return Genericity(False, "a product of some arguments of log may be constant")
    for family, values in here.items():
        kept, rank = _independent(fields.scalars, values[valid], there[family][valid])
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
_ROUNDS = 5
_WORDS = {"exp": "exp", "circle": "sin and cos"}


def _arguments(fields: Fields, theta: Array) -> tuple[dict[str, Array], NDArray[np.bool_]]:
    """Per family the arguments of fresh fields, one at each θ, (count, slots); and which count."""
    table: dict[str, list[Array]] = {}
    valid = []
    step = fields.batch_size(1)
    for start in range(0, theta.shape[1], step):
        here = theta[:, start : start + step]
        met, had_value = fields.arguments(here)
        valid.append(had_value)
        for family in dict.fromkeys(name for name, _ in met):
            rows = [z.reshape(here.shape[1], -1) for name, z in met if name == family]
            table.setdefault(family, []).append(np.concatenate(rows, axis=1))
    merged = {family: np.concatenate(parts) for family, parts in table.items()}
    return merged, np.concatenate(valid)


def _independent(scalars: Residues, here: Array, there: Array) -> tuple[int, int]:
    """(distinct arguments, rank): same θ in both, other data, so functions of θ alone drop out."""
    distinct = _up_to_sign(scalars, here)
    here, there = here[:, distinct], there[:, distinct]
    change = scalars.reduce(here - there)
    moving = change.any(axis=0)
    still = np.concatenate([here[:, ~moving], np.ones((len(here), 1), here.dtype)], axis=1)
    rank = 0
    for columns, constants in ((change[:, moving], 0), (still, 1)):
        space = RowSpace(scalars, columns.shape[1])
        space.add(columns)
        rank += space.rank - constants
    return len(distinct), rank


def _no_product(scalars: Residues, here: Array, there: Array) -> bool:
    """Whether no product of powers of these functions is one of θ alone (same θ, other data).

    Primitive exponents are odd somewhere, so it would be one of θ alone times a square.
    """
    still = (here == there).all(axis=0)
    pairs = scalars.mul(here[:, ~still], there[:, ~still])  # what depends on θ alone is squared
    return independent(scalars, pairs) and independent(scalars, here[:, still])


def _up_to_sign(scalars: Residues, columns: Array) -> NDArray[np.intp]:
    """Indices of the distinct non-zero columns, z and −z counted once (a relation built in)."""
    present = np.flatnonzero(columns.any(axis=0))
    if not len(present):
        return present
    columns = columns[:, present]
    half = int(scalars.prime) // 2
    lead = np.take_along_axis(columns, (columns != 0).argmax(axis=0)[None], axis=0)
    flip = scalars.canonical(lead) > half
    signed = scalars.canonical(scalars.reduce(np.where(flip, -columns, columns)))
    _, index = np.unique(signed, axis=1, return_index=True)
    return present[np.sort(index)]
