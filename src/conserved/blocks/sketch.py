"""Candidates for the laws of a whole model, from gradients in float64: nothing is decided here.

With R random for each key, a law is a null vector of the matrix with a row for each sample and the
numbers ⟨∇h_c, g⟩ of the columns c of that key: as many unknowns as there are tensors and axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.blocks.patterns import Column, Key, Terms, weights_of, within
from conserved.kernel.real import Reals

Tensors = Mapping[str, NDArray[np.float64]]
Sampler = Callable[[], tuple[Tensors, Tensors]]  # parameters, gradient of one sample
_SPARE = 8  # samples more than columns of a key
_TIGHT = 1e-9  # relative singular values of laws
_DENOMINATOR = 12
_CHOICES = 256  # of columns with a less free R, for one family


@dataclass(frozen=True)
class Family:
    """Σ_c coefficient · h_c over columns of one key: conserved for every R.

    Attributes:
        terms: (coefficient, column).
    """

    terms: tuple[tuple[Fraction, Column], ...]

    @property
    def key(self) -> Key:
        return self.terms[0][1].key

    @property
    def tensors(self) -> frozenset[str]:
        """The parameters that occur."""
        return frozenset(column.tensor for _, column in self.terms)


def candidates(columns: Sequence[Column], sample: Sampler, seed: int = 0) -> list[Family]:
    """Families of laws, those of the freest R first; what they imply is left out.

    Args:
        columns: terms, those with the freest R first.
        sample: draws parameters and the gradient of one datum.
        seed: draws R.
    """
    groups: dict[Key, list[Column]] = {}
    for column in columns:
        groups.setdefault(column.key, []).append(column)
    tables = _tables(groups, sample, seed)
    cut = {column.tensor for column in columns if not column.whole}
    found: list[Family] = []
    for key, mine in sorted(groups.items(), key=lambda item: item[0][0]):  # linear ones first
        known = _identities(mine, cut, sample)
        known += [_unit(k, len(mine)) for k, c in enumerate(mine) if _is_frozen(c, found)]
        known += [v for family in found for v in _implied(family, mine, tables[key])]
        for vector in _null_vectors(tables[key], known):
            terms = tuple((c, mine[i]) for i, c in enumerate(vector) if c)
            found.append(Family(terms))
    return found


def _tables(
    groups: Mapping[Key, Sequence[Column]], sample: Sampler, seed: int
) -> dict[Key, NDArray[np.float64]]:
    """For each key the matrix (samples, columns)."""
    rng, scalars = np.random.default_rng(seed), Reals()
    weights = {key: weights_of(key, lambda shape: rng.normal(size=shape)) for key in groups}
    columns = [column for mine in groups.values() for column in mine]
    terms = Terms(columns, weights)
    rows = [terms.row(scalars, *sample()) for _ in range(max(map(len, groups.values())) + _SPARE)]
    table, start, found = np.stack(rows), 0, {}
    for key, mine in groups.items():
        found[key] = table[: len(mine) + _SPARE, start : start + len(mine)]
        start += len(mine)
    return found


def _identities(
    columns: Sequence[Column], cut: set[str], sample: Sampler
) -> list[NDArray[np.float64]]:
    """What the columns of tensors that are cut have to do with each other: a whole and its parts.

    Null vectors whatever the gradient: they are 0, and no laws.
    """
    mine = [k for k, column in enumerate(columns) if column.tensor in cut]
    if not mine:
        return []
    rng = np.random.default_rng(len(columns))
    chosen = [columns[k] for k in mine]
    key = chosen[0].key
    terms = Terms(chosen, {key: weights_of(key, lambda shape: rng.normal(size=shape))})
    parameters, _ = sample()
    shapes = {column.tensor: parameters[column.tensor].shape for column in chosen}
    rows = [
        terms.row(Reals(), parameters, {n: rng.normal(size=s) for n, s in shapes.items()})
        for _ in range(len(chosen) + _SPARE)
    ]
    out = []
    for null in _nullspace(np.stack(rows)):
        vector = np.zeros(len(columns))
        vector[mine] = null
        out.append(vector)
    return out


def _null_vectors(
    table: NDArray[np.float64], known: Sequence[NDArray[np.float64]]
) -> Iterator[tuple[Fraction, ...]]:
    """Rational null vectors beyond those known, as short as elimination makes them."""
    null = _nullspace(table)
    if not len(null):
        return
    reduced = _echelon(null)
    space = _Span(known)
    for vector in sorted(reduced, key=_order):
        if not space.add(vector):
            continue
        exact = _rational(_shortened(vector, space.vectors[:-1]))
        if exact is not None:
            yield exact


def _nullspace(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """A basis, as rows."""
    scale = np.linalg.norm(table, axis=0)
    scale[scale <= _TIGHT * max(scale.max(initial=0), 1e-300)] = 1
    _, singular, right = np.linalg.svd(table / scale, full_matrices=True)
    padded = np.zeros(table.shape[1])
    padded[: len(singular)] = singular
    null: NDArray[np.float64] = right[padded <= _TIGHT * padded.max(initial=1)] / scale
    return null


def _shortened(vector: NDArray[np.float64], known: Sequence[NDArray[np.float64]]) -> Any:
    """The sum with known ones that has the least entries, those of later tensors first (ℓ1)."""
    if not len(known):
        return vector
    from scipy.optimize import linprog

    basis = np.stack(known).T
    size, count = basis.shape
    costs = np.concatenate([np.zeros(count), np.linspace(1.001, 1.0, size)])
    eye = np.eye(size)
    bounds = [(None, None)] * count + [(0, None)] * size
    solved = linprog(
        costs,
        A_ub=np.block([[basis, -eye], [-basis, -eye]]),
        b_ub=np.concatenate([-vector, vector]),
        bounds=bounds,
        method="highs",
    )
    return vector if solved.x is None else vector + basis @ solved.x[:count]


def _order(vector: NDArray[np.float64]) -> tuple[int, int]:
    """Laws of few tensors first, those of early ones before."""
    held = np.flatnonzero(np.abs(vector) > 1e-4)
    return len(held), int(held[0])


class _Span:
    """A growing span of vectors."""

    def __init__(self, vectors: Sequence[NDArray[np.float64]]) -> None:
        self._basis: list[NDArray[np.float64]] = []
        self.vectors: list[NDArray[np.float64]] = []
        for vector in vectors:
            self.add(vector)

    def add(self, vector: NDArray[np.float64]) -> bool:
        """Whether the vector was outside."""
        rest = vector / np.linalg.norm(vector)
        for _ in range(2):
            for b in self._basis:
                rest = rest - (b @ rest) * b
        size = np.linalg.norm(rest)
        if size < 1e-6:
            return False
        self._basis.append(rest / size)
        self.vectors.append(vector)
        return True


def _echelon(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reduced from the last column on, with pivoting: laws of few tensors come out apart."""
    rows, done = rows.copy(), 0
    for column in reversed(range(rows.shape[1])):
        if done == len(rows):
            break
        pivot = done + int(np.abs(rows[done:, column]).argmax())
        if abs(rows[pivot, column]) < 1e-7 * np.abs(rows).max():
            continue
        rows[[done, pivot]] = rows[[pivot, done]]
        rows[done] /= rows[done, column]
        others = np.arange(len(rows)) != done
        rows[others] -= np.outer(rows[others, column], rows[done])
        done += 1
    return rows[:done]


def _rational(vector: NDArray[np.float64]) -> tuple[Fraction, ...] | None:
    """Small fractions, where the vector is close to such; the first of them is positive."""
    entries = []
    for value in vector:
        exact = Fraction(float(value)).limit_denominator(_DENOMINATOR)
        if abs(float(exact) - value) > 1e-2:
            return None
        entries.append(exact)
    lead = next((c for c in entries if c), Fraction(0))
    return tuple(c / lead for c in entries) if lead else None


def _implied(
    family: Family, columns: Sequence[Column], table: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """What a known family says of columns with a less free R, as vectors."""
    if columns[0].degree != family.terms[0][1].degree:
        return
    places: dict[str, list[int]] = {}
    for k, other in enumerate(columns):
        places.setdefault(other.tensor, []).append(k)
    choices = []
    for _, column in family.terms:
        mine = places.get(column.tensor, [])
        choices.append([k for k in mine if _says(columns[k], column)])
    for chosen in islice(_alike(choices, columns), _CHOICES):
        vector = np.zeros(len(columns))
        for (coefficient, _), k in zip(family.terms, chosen, strict=True):
            vector[k] += float(coefficient)
        if (np.abs(table @ vector) <= 1e-9 * np.abs(table).max(initial=1e-300)).all():
            yield vector


def _alike(
    choices: Sequence[Sequence[int]], columns: Sequence[Column]
) -> Iterator[tuple[int, ...]]:
    """One column for each term: with the same pattern as the first where there is one."""
    for first in choices[0]:
        pattern = columns[first].pattern
        rest = []
        for mine in choices[1:]:
            same = [k for k in mine if columns[k].pattern == pattern]
            rest.append(same or mine)
        yield from ((first, *others) for others in product(*rest))


def _says(less: Column, column: Column) -> bool:
    """Whether a column with a less free R is part of what another says."""
    if (less.start, less.whole) != (column.start, column.whole):
        return False
    if _is_trace(less):
        return column.whole or (less.axis, less.length) == (column.axis, column.length)
    if (less.axis, less.length) != (column.axis, column.length):
        return False
    return within(less.pattern, column.pattern)


def _is_frozen(column: Column, found: Sequence[Family]) -> bool:
    """Whether it is about entries of a vector that are constant each."""
    for family in found:
        if len(family.terms) == 1 and family.terms[0][1].degree == 1 < column.degree:
            frozen = family.terms[0][1]
            inside = frozen.start <= column.start and (
                column.start + column.length <= frozen.start + frozen.length
            )
            if frozen.tensor == column.tensor and frozen.vector and inside:
                return True
    return False


def _unit(k: int, size: int) -> NDArray[np.float64]:
    vector = np.zeros(size)
    vector[k] = 1
    return vector


def _is_trace(column: Column) -> bool:
    return column.pattern.blocks == column.pattern.size == 1
