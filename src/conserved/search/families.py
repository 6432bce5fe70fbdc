"""Matrix form: solutions of the axis-quadratic ansatz gathered into families such as
W1 W1ᵀ − W2ᵀ W2.

A solution that has one entry S_ij in each of some axes hints at a family: the same combination of
Gram matrices for all i, j. Which entries belong to it is then asked of the solution space itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import GramLaw, GramTerm
from conserved.law.layout import Index
from conserved.search.null import Vector
from conserved.search.unknowns import Unknowns


@dataclass(frozen=True)
class Link:
    """One axis in a family: its slices i + shift go with i, in this proportion."""

    tensor: str
    axis: int
    coefficient: Fraction
    shift: int


Family = tuple[Link, ...]  # the first coefficient is 1, the least shift 0


@dataclass(frozen=True)
class _Entry:
    """S_ij of one axis in a solution."""

    tensor: str
    axis: int
    i: int
    j: int
    value: Fraction


def gram_laws(
    unknowns: Unknowns, scalars: Residues, solutions: RowSpace, vectors: list[Vector]
) -> Iterator[tuple[GramLaw, Array]]:
    """Families that lie in the solution space, with the combinations (entries, unknowns) they are.

    Args:
        unknowns: the ansatz.
        scalars: residues.
        solutions: the solution space.
        vectors: a rational basis of it.
    """
    hints = [entries for vector in vectors if (entries := entries_of(unknowns, vector))]
    hints.sort(key=lambda entries: all(e.i == e.j for e in entries))  # whole matrices first
    families = [family for entries in hints if (family := _family(unknowns, entries))]
    for family in sorted(dict.fromkeys(families), key=lambda f: -_height(unknowns, f)):
        height = _height(unknowns, family)
        rows, columns = _sought(unknowns, family, height)
        combinations = combined(unknowns, scalars, family, rows, columns)
        inside = ~solutions.remainder(combinations).any(axis=1)
        held = np.zeros((height, height), dtype=np.bool_)
        held[rows[inside], columns[inside]] = True
        for law, picked in _blocks(unknowns, family, held | held.T):
            i, j = picked
            yield law, combined(unknowns, scalars, family, i, j)


def combined(unknowns: Unknowns, scalars: Residues, family: Family, i: Index, j: Index) -> Array:
    """Σ over the links of c X_{i+shift}·X_{j+shift}, as combinations of unknowns (count, size)."""
    total = np.zeros((len(i), unknowns.size), dtype=scalars.dtype)
    for link in family:
        part = unknowns.entry(scalars, link.tensor, link.axis, i + link.shift, j + link.shift)
        c = link.coefficient
        factor = np.asarray(scalars.fraction(c.numerator, c.denominator), dtype=scalars.dtype)
        total = scalars.reduce(total + scalars.mul(part, factor))
    return total


def entries_of(unknowns: Unknowns, vector: Vector) -> list[_Entry] | None:
    """A solution as entries S_ij; None where it has linear terms or norms of whole tensors."""
    entries = []
    for unknown, value in vector:
        if unknown < unknowns.linear:
            return None
        tensor = unknowns.norm_of(unknown)
        if tensor is None:
            axis = unknowns.owner(unknown)
            i, j = (int(side[unknown - axis.start]) for side in axis.pairs)
            entries.append(_Entry(axis.tensor, axis.axis, i, j, value))
            continue
        shape = unknowns.layout.shape(tensor)
        thin = [axis for axis, height in enumerate(shape) if height == 1]
        if not thin and shape:
            return None
        entries.append(_Entry(tensor, thin[0] if thin else 0, 0, 0, value))
    return entries


def _family(unknowns: Unknowns, entries: list[_Entry]) -> Family | None:
    """What a solution with one entry per axis hints at."""
    if any(not unknowns.layout.shape(e.tensor) for e in entries):
        return None
    if len({(e.tensor, e.axis, e.i) for e in entries}) < len(entries):
        return None
    lead = entries[0]
    if any(e.j - e.i != lead.j - lead.i for e in entries):
        return None
    first = min(e.i for e in entries)
    return tuple(Link(e.tensor, e.axis, e.value / lead.value, e.i - first) for e in entries)


def _sought(unknowns: Unknowns, family: Family, height: int) -> tuple[Index, Index]:
    """The entries (i, j) that can be asked for: all, or the diagonal where an axis is too long."""
    axes = [unknowns.axis(link.tensor, link.axis) for link in family]
    if any(axis is not None and axis.diagonal for axis in axes):
        every = np.arange(height)
        return every, every
    i, j = np.triu_indices(height)
    return i, j


def _height(unknowns: Unknowns, family: Family) -> int:
    """How far the running index goes."""
    shape = unknowns.layout.shape
    return min(shape(link.tensor)[link.axis] - link.shift for link in family)


def _blocks(
    unknowns: Unknowns, family: Family, held: NDArray[np.bool_]
) -> Iterator[tuple[GramLaw, tuple[Index, Index]]]:
    """The families of laws that a table of held entries (n, n) amounts to."""
    layout = unknowns.layout
    singles: list[int] = []
    for group in _cliques(held):
        if len(group) == 1:
            singles += group
            continue
        for start, stop, step in _runs(group):
            law = GramLaw(layout=layout, terms=_terms(unknowns, family, start, stop, step))
            local = np.arange(start, stop, step)
            i, j = np.triu_indices(len(local))
            yield law, (local[i], local[j])
    for start, stop, step in _runs(singles):
        terms = _terms(unknowns, family, start, stop, step)
        local = np.arange(start, stop, step)
        part = "diagonal" if len(local) > 1 else "symmetric"
        yield GramLaw(layout=layout, terms=terms, part=part), (local, local)  # type: ignore[arg-type]


def _terms(
    unknowns: Unknowns, family: Family, start: int, stop: int, step: int
) -> tuple[GramTerm, ...]:
    terms = []
    for link in family:
        height = unknowns.layout.shape(link.tensor)[link.axis]
        first, last = start + link.shift, stop + link.shift
        whole = first == 0 and step == 1 and last == height
        rows = None if whole else (first, last, step)
        terms.append(GramTerm(link.tensor, link.axis, link.coefficient, rows))
    return tuple(terms)


def _cliques(held: NDArray[np.bool_]) -> list[list[int]]:
    """Groups of indices all of whose entries are held; an index without any is in none."""
    left, groups = held.diagonal().copy(), []
    while left.any():
        group, fit = [], left.copy()
        while fit.any():
            first = int(fit.argmax())
            group.append(first)
            fit &= held[first]
            fit[: first + 1] = False
        left[group] = False
        groups.append(group)
    return groups


def _runs(indices: list[int]) -> list[tuple[int, int, int]]:
    """A list of indices as few (start, stop, step)."""
    runs = []
    left = list(indices)
    while left:
        step = left[1] - left[0] if len(left) > 1 else 1
        count = 1
        while count < len(left) and left[count] == left[0] + count * step:
            count += 1
        if count == 2 and step > 1 and len(left) > 2:  # two of many by chance: one at a time
            count = 1
        runs.append((left[0], left[count - 1] + 1, step if count > 1 else 1))
        left = left[count:]
    return runs
