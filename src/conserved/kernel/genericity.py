"""Are the formal values generic? The one condition under which a formal rank is a bound.

By Ax's theorem (theory §8) exponentials of functions that are linearly independent over Q modulo
constants are algebraically independent, so independent random values are a generic point. Tested
here: the distinct arguments that one field meets, as functions of (θ, x), are linearly independent
modulo functions of θ alone. Since different fields have independent data, that suffices for all of
them together. A logarithm (softplus is one) counts as an argument, since its exponential is known,
and no product of powers of exponentials and of what logarithms are taken of may be a function of θ
alone. When the test fails the number stands as it is, but no longer as a proof.
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
    first, _ = _arguments(fields, fields.points(2))
    if len(fields.ring.used_constants) > 1:
        names = " and ".join(sorted(fields.ring.used_constants))
        return Genericity(
            False, f"the constants {names} may be related, their formal values are not"
        )
    if not first:
        return Genericity(True)
    slots = max(values.shape[1] for values in first.values())
    if slots > ARGUMENT_LIMIT:
        return Genericity(
            False, f"{slots:,} arguments of exp are too many to test for independence", slots
        )
    count = needed = sum(values.shape[1] for values in first.values()) + _SPARE
    for _ in range(_ROUNDS):  # until enough samples have a value
        theta = fields.points(count)
        (here, valid), (there, valid_there) = (_arguments(fields, theta) for _ in range(2))
        valid = valid & valid_there
        if valid.sum() >= needed:
            break
        count *= 2
    met = {family: (here[family][valid], there[family][valid]) for family in here}
    return _of_arguments(fields, met)


_SPARE = 24
_ROUNDS = 5
_WORDS = {"exp": "exp", "circle": "sin and cos"}

Met = tuple[Array, Array]  # functions of (θ, x), (count, slots): same θ in both, other data


def _of_arguments(fields: Fields, met: dict[str, Met]) -> Genericity:
    scalars, distinct = fields.scalars, 0
    for family in ("exp", "circle"):
        if family not in met:
            continue
        # a logarithm w is an argument as well: exp(w) is known
        groups = [met[family], *([met["value"]] if family == "exp" and "value" in met else [])]
        kept, rank = _independent(scalars, groups)
        distinct += len(_up_to_sign(scalars, met[family][0]))
        if rank < kept:
            return Genericity(
                False,
                f"the {kept} arguments of {_WORDS[family]} in one field satisfy {kept - rank} "
                "linear relations, so their formal values may not be generic",
                kept,
            )
    if not _no_product(fields, met):
        return Genericity(False, "a product of some arguments of log may be constant")
    return Genericity(True, "", distinct)


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
            rows = [_rows(z, here.shape[1]) for name, z in met if name == family]
            table.setdefault(family, []).append(np.concatenate(rows, axis=1))
    merged = {family: np.concatenate(parts) for family, parts in table.items()}
    return merged, np.concatenate(valid)


def _rows(z: Array, count: int) -> Array:
    """Arguments (1, count or 1, …) as (count, slots)."""
    return np.broadcast_to(z[0], (count, *z.shape[2:])).reshape(count, -1)


def _independent(scalars: Residues, groups: list[Met]) -> tuple[int, int]:
    """(distinct functions, their rank modulo functions of θ alone).

    Equal ones of one group count once.
    """
    parts = []
    for group in groups:
        distinct = _up_to_sign(scalars, group[0])
        parts.append([values[:, distinct] for values in group])
    here, there = (np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True))
    change = scalars.reduce(here - there)
    moving = change.any(axis=0)
    still = np.concatenate([here[:, ~moving], np.ones((len(here), 1), here.dtype)], axis=1)
    rank = 0
    for columns, constants in ((change[:, moving], 0), (still, 1)):
        space = RowSpace(scalars, columns.shape[1])
        space.add(columns)
        rank += space.rank - constants
    return here.shape[1], rank


def _no_product(fields: Fields, met: dict[str, Met]) -> bool:
    """Whether no product of powers of exponentials and arguments of logarithms is one of θ alone.

    Primitive exponents are odd somewhere, so it would be one of θ alone times a square.
    """
    scalars = fields.scalars
    groups = [met["log"]] if "log" in met else []
    if "softplus" in met:
        here, there = _exponentials(fields, met["softplus"])
        groups.append((scalars.reduce(1 + here), scalars.reduce(1 + there)))
    if not groups:
        return True
    if "exp" in met:
        groups.append(_exponentials(fields, met["exp"]))
    moving, fixed = [], []
    for here, there in groups:
        still = (here == there).all(axis=0)
        # what depends on θ alone is squared
        moving.append(scalars.mul(here[:, ~still], there[:, ~still]))
        fixed.append(here[:, still])
    return independent(scalars, *moving) and independent(scalars, *fixed)


def _exponentials(fields: Fields, arguments: Met) -> Met:
    """Of the distinct arguments, z and −z counted once."""
    distinct = _up_to_sign(fields.scalars, arguments[0])
    here, there = (fields.ring.function("exp", z[None, :, distinct])[0] for z in arguments)
    return here, there


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
