"""Families of a whole model as laws that read as on paper, and how many they are at least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod

import numpy as np

from conserved.blocks.patterns import Column
from conserved.blocks.sketch import Family
from conserved.law import GramLaw, GramTerm, Law, Layout, Polynomial, PolynomialLaw

_TERMS = 100_000  # of a linear law that is written out
_LAWS = 20_000  # one for each block

Shapes = Mapping[str, tuple[int, ...]]


def functions(family: Family) -> int:
    """How many functions a family is: the free entries of R."""
    degree, blocks, size = family.key
    return blocks if degree == "linear" else blocks * size * (size + 1) // 2


def least(families: Sequence[Family], shapes: Shapes) -> int:
    """At least so many of the functions are independent, at a generic θ.

    A family that has a tensor to itself adds as many as are independent in that tensor alone;
    without it, another family may have one.
    """
    left, total = list(families), 0
    while left:
        sizes = [_in_parts(family, _own(family, left), shapes) for family in left]
        whole = [_in_parts(family, [c for _, c in family.terms], shapes) for family in left]
        # those that lose nothing first: then others have more tensors to themselves
        best = max(range(len(left)), key=lambda k: (sizes[k] == whole[k], sizes[k]))
        if not sizes[best]:
            return total
        total += sizes[best]
        del left[best]
    return total


def _own(family: Family, others: Sequence[Family]) -> list[Column]:
    """The columns of a family that have no entry in common with another family."""
    rest = [c for other in others if other is not family for _, c in other.terms]
    return [c for _, c in family.terms if not any(_overlap(c, other) for other in rest)]


def _overlap(one: Column, other: Column) -> bool:
    if one.tensor != other.tensor:
        return False
    apart = one.start + one.length <= other.start or other.start + other.length <= one.start
    return not (one.axis == other.axis and apart)


def _in_parts(family: Family, columns: Sequence[Column], shapes: Shapes) -> int:
    """How many of a family's functions are independent in some of its columns alone."""
    degree, blocks, size = family.key
    twice = any(_overlap(a, b) for k, a in enumerate(columns) for b in columns[:k])
    if twice or not columns:
        return 0
    if degree == "linear":
        return blocks
    beside = 0  # entries for each row
    for column in columns:
        shape = shapes[column.tensor]
        entries = prod(shape) // shape[column.axis] * column.length
        beside += entries // (blocks * size)
    rank = min(size, beside)
    return blocks * rank * (2 * size + 1 - rank) // 2


def laws_of(family: Family, layout: Layout) -> list[Law]:
    """A family as laws, one for each block; none where these would be too many to write."""
    degree, blocks, size = family.key
    if degree == "linear":
        return _linear(family, layout)
    if size == 1 and all(column.pattern.repeats == 1 for _, column in family.terms):
        terms = tuple(
            GramTerm(
                c.tensor, c.axis, factor, None if c.whole else (c.start, c.start + c.length, 1)
            )
            for factor, c in family.terms
        )
        return [GramLaw(layout=layout, terms=terms, part="diagonal")]
    if blocks > _LAWS:
        return []
    part = "symmetric" if size > 1 else "trace"
    made: list[Law] = []
    for block in range(blocks):
        mine: list[GramTerm] = []
        for factor, column in family.terms:
            mine += _terms(factor, column, block)
        made.append(GramLaw(layout=layout, terms=tuple(mine), part=part))  # type: ignore[arg-type]
    return made


def _part(column: Column) -> tuple[int, int, int]:
    return column.start, column.start + column.length, 1


def _terms(factor: Fraction, column: Column, block: int) -> list[GramTerm]:
    places = column.places()[block]  # (repeats, size)
    length = column.extent or column.length
    if column.pattern.size == 1:
        places = places.reshape(1, -1)  # a trace takes them together, where they are evenly spaced
    steps = np.diff(places, axis=1)
    if places.shape[1] > 1 and (steps != steps[:, :1]).any():
        places, steps = places.reshape(-1, 1), np.zeros((places.size, 0), dtype=np.intp)
    out = []
    for row, step in zip(places.tolist(), steps.tolist(), strict=True):
        each = step[0] if step else 1
        whole = len(row) == length
        rows = None if whole else (row[0], row[-1] + 1, each)
        out.append(GramTerm(column.tensor, column.axis, factor, rows))
    return out


def _linear(family: Family, layout: Layout) -> list[Law]:
    sizes = [layout.indices(column.tensor).size for _, column in family.terms]
    if sum(sizes) > _TERMS:
        return []
    components = []
    for j in range(family.key[1]):
        terms: dict[tuple[int, ...], Fraction] = {}
        for factor, column in family.terms:
            slices = np.moveaxis(layout.indices(column.tensor), column.axis, 0)
            for i in np.ravel(slices[column.places()[j].ravel()]).tolist():
                terms[i,] = factor
        components.append(Polynomial.of(terms))
    return [PolynomialLaw(layout=layout, components=tuple(components))]
