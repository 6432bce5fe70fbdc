"""Where a block lies, in the network's own terms: "the zero-sum part of features 1–4"."""

from __future__ import annotations

import numpy as np

from conserved.errors import InputError
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array

_NAMED = 3  # groups of features that are spelled out


def place(scalars: Residues, functionals: Array, inputs: int) -> str:
    """The part of the features that a block is, as "on …"; "" when it is all of them.

    Args:
        scalars: residues.
        functionals: (s, N) a basis of the block's coordinates, independent.
        inputs: how many of the N columns are input features; the others are outputs.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> from conserved.kernel.residues import residues
        >>> differences = np.array([[1.0, 0, -1, 0, 0], [0, 1, -1, 0, 0]])
        >>> place(residues(BLAS_PRIMES[0]), differences, 5)
        'on the zero-sum part of features 1–3'
    """
    first = _part(scalars, functionals[:, :inputs], "features")
    second = _part(scalars, functionals[:, inputs:], "outputs")
    if first is None or second is None:
        found = first or second or ""
    elif first.replace("features", "outputs") == second:
        found = first
    else:
        found = " and ".join(part for part in (first, second) if part)
    return f"on {found}" if found else ""


def _part(scalars: Residues, functionals: Array, what: str) -> str | None:
    """One side in words: None when the block is not there, "" when it is all of it."""
    support = np.flatnonzero(functionals.any(axis=0))
    if not len(support):
        return None
    space = RowSpace(scalars, len(support))
    space.add(functionals[:, support])
    whole = len(support) == functionals.shape[1]
    where = what if whole else f"{what[:-1] if len(support) == 1 else what} {_numbers(support)}"
    if space.rank == len(support):
        return "" if whole else where
    if space.rank == 1 and not (space.basis[0] != space.basis[0, 0]).any():
        return f"the mean of the {where}" if whole else f"the mean of {where}"
    groups = _zero_sum(space)
    if groups is not None and (len(groups) == 1 or len(groups) <= _NAMED):
        named = " and ".join(_numbers(support[group]) for group in groups)
        if len(groups) > 1:
            return f"the zero-sum parts of {what} {named}"
        return f"the zero-sum part of {'the ' if whole else ''}{where}"
    frequency = frequency_of(scalars, space)
    if frequency is not None:
        part = "alternating" if 2 * frequency == len(support) else f"frequency-{frequency}"
        return f"the {part} part of {'the ' if whole else ''}{where}"
    return f"a {space.rank}-dimensional part of {'the ' if whole else ''}{where}"


def _zero_sum(space: RowSpace) -> list[Array] | None:
    """Groups of columns, disjoint and all of them, whose sums vanish on the block and no more."""
    left = space.annihilator().T
    if not np.isin(left, (0, 1)).all() or not (left.sum(axis=0) == 1).all():
        return None
    groups = [np.flatnonzero(row) for row in left]
    return groups if min(map(len, groups)) > 1 else None


def frequency_of(scalars: Residues, space: RowSpace) -> int | None:
    """f with x_{t+1} + x_{t−1} = 2cos(2πf/n)·x_t along the cycle of columns."""
    rows, n = space.basis, space.width
    around = scalars.reduce(np.roll(rows, 1, axis=1) + np.roll(rows, -1, axis=1))
    try:
        cosine, sine = scalars.cos_sin(n)
    except InputError:  # roots of unity of that order are not at hand: no cyclic shift is about
        return None
    turn = np.asarray([cosine, sine], dtype=scalars.dtype)
    power = np.asarray([1, 0], dtype=scalars.dtype)
    for f in range(1, n // 2 + 1):
        crossed = scalars.mul(power[:, None], turn)  # (cos, sin) of f steps
        power = scalars.reduce(
            np.array([crossed[0, 0] - crossed[1, 1], crossed[0, 1] + crossed[1, 0]], scalars.dtype)
        )
        if not scalars.reduce(around - 2 * scalars.mul(rows, power[:1])).any():
            return f
    return None


def _numbers(indices: Array) -> str:
    """Positions from 1: 1–4, or 1, 3, 5, or how many."""
    first, last = int(indices[0]) + 1, int(indices[-1]) + 1
    if last - first + 1 == len(indices):
        return str(first) if first == last else f"{first}–{last}"
    if len(indices) <= 2 * _NAMED:
        return ", ".join(str(int(i) + 1) for i in indices)
    return f"{first}, …, {last} ({len(indices)} of them)"
