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

_NONE = Fraction(0)


@dataclass(frozen=True)
class Link:
    """One axis in a family: its slices i + shift go with i, in this proportion.

    With an offset s the slices are those of A + sI for a matrix A, and b + s for a vector.
    """

    tensor: str
    axis: int
    coefficient: Fraction
    shift: int
    offset: Fraction = _NONE


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
    hints = [hint for vector in vectors if (hint := hint_of(unknowns, vector))]
    hints.sort(key=lambda hint: all(e.i == e.j for e in hint.entries))  # whole matrices first
    families = [family for hint in hints if (family := _family(unknowns, hint))]
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
        here, there = i + link.shift, j + link.shift
        part = unknowns.entry(scalars, link.tensor, link.axis, here, there)
        if link.offset:
            s = scalars.fraction(link.offset.numerator, link.offset.denominator)
            for places in _linear_parts(unknowns, link.tensor, here, there):
                part[np.arange(len(i)), places] = scalars.reduce(
                    part[np.arange(len(i)), places] + s
                )
        c = link.coefficient
        factor = np.asarray(scalars.fraction(c.numerator, c.denominator), dtype=scalars.dtype)
        total = scalars.reduce(total + scalars.mul(part, factor))
    return total


@dataclass(frozen=True)
class _Hint:
    """A solution as entries S_ij, and linear terms that may belong to offsets."""

    entries: list[_Entry]
    linear: dict[int, Fraction]


def hint_of(unknowns: Unknowns, vector: Vector) -> _Hint | None:
    """A solution with a few entries; None where it has norms of whole tensors."""
    entries = []
    linear = {unknown: value for unknown, value in vector if unknown < unknowns.linear}
    for unknown, value in vector[len(linear) :]:
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
    return _Hint(entries, linear) if entries else None


def _family(unknowns: Unknowns, hint: _Hint) -> Family | None:
    """What a solution with one entry per axis hints at."""
    entries = hint.entries
    if any(not unknowns.layout.shape(e.tensor) for e in entries):
        return None
    if len({(e.tensor, e.axis, e.i) for e in entries}) < len(entries):
        return None
    lead = entries[0]
    if any(e.j - e.i != lead.j - lead.i for e in entries):
        return None
    offsets = _offsets(unknowns, hint)
    if offsets is None:
        return None
    first = min(e.i for e in entries)
    return tuple(
        Link(e.tensor, e.axis, e.value / lead.value, e.i - first, offsets.get(e.tensor, _NONE))
        for e in entries
    )


def _offsets(unknowns: Unknowns, hint: _Hint) -> dict[str, Fraction] | None:
    """The offset s of each tensor that explains the linear terms, c·s·(A_ij + A_ji) of an entry.

    None where no offsets do.
    """
    left, offsets = dict(hint.linear), {}
    for tensor in dict.fromkeys(e.tensor for e in hint.entries):
        slope: dict[int, Fraction] = {}
        for e in hint.entries:
            if e.tensor == tensor and left:
                for places in _linear_parts(unknowns, tensor, np.array([e.i]), np.array([e.j])):
                    place = int(places[0])
                    slope[place] = slope.get(place, _NONE) + e.value
        known = [place for place, value in slope.items() if value and place in left]
        if known:
            offsets[tensor] = left[known[0]] / slope[known[0]]
            for place, value in slope.items():
                left[place] = left.get(place, _NONE) - offsets[tensor] * value
    return None if any(left.values()) else offsets


def _linear_parts(unknowns: Unknowns, tensor: str, i: Index, j: Index) -> list[Index]:
    """Where the linear terms of an entry (i, j) are: A_ij and A_ji, or b_i and b_j of a vector."""
    block = unknowns.layout.indices(tensor)
    if block.ndim == 1:
        return [block[i], block[j]]
    square = block.ndim == 2 and block.shape[0] == block.shape[1]
    return [block[i, j], block[j, i]] if square else []


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
    for group in cliques(held):
        if len(group) == 1:
            singles += group
            continue
        for start, stop, step in runs(group):
            law = GramLaw(layout=layout, terms=_terms(unknowns, family, start, stop, step))
            local = np.arange(start, stop, step)
            i, j = np.triu_indices(len(local))
            yield law, (local[i], local[j])
    for start, stop, step in runs(singles):
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
        terms.append(GramTerm(link.tensor, link.axis, link.coefficient, rows, link.offset))
    return tuple(terms)


def cliques(held: NDArray[np.bool_]) -> list[list[int]]:
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


def runs(indices: list[int]) -> list[tuple[int, int, int]]:
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
