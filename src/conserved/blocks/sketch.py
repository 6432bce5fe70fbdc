"""Candidates for the laws of a whole model, from gradients in float64: nothing is decided here.

With R random for each key, a law is a null vector of the matrix with a row for each sample and the
numbers ⟨∇h_c, g⟩ of the columns c of that key: as many unknowns as there are tensors and axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from conserved.blocks.patterns import Column, Key, weights_of
from conserved.kernel.real import Reals

Tensors = Mapping[str, NDArray[np.float64]]
Sampler = Callable[[], tuple[Tensors, Tensors]]  # parameters, gradient of one sample
_SPARE = 8  # samples more than columns of a key
_TIGHT = 1e-9  # relative singular values of laws
_DENOMINATOR = 12


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
    found: list[Family] = []
    for key, mine in groups.items():
        known = [_implied(family, mine) for family in found]
        held = [vector for vector in known if vector is not None]
        for vector in _null_vectors(tables[key], held):
            terms = tuple((c, mine[i]) for i, c in enumerate(vector) if c)
            found.append(Family(terms))
    return found


def _tables(
    groups: Mapping[Key, Sequence[Column]], sample: Sampler, seed: int
) -> dict[Key, NDArray[np.float64]]:
    """For each key the matrix (samples, columns)."""
    rng, scalars = np.random.default_rng(seed), Reals()
    weights = {key: weights_of(key, lambda shape: rng.normal(size=shape)) for key in groups}
    rows: dict[Key, list[NDArray[np.float64]]] = {key: [] for key in groups}
    for _ in range(max(map(len, groups.values())) + _SPARE):
        parameters, gradient = sample()
        for key, mine in groups.items():
            if len(rows[key]) < len(mine) + _SPARE:
                row = [
                    float(c.pairing(scalars, parameters[c.tensor], gradient[c.tensor], weights[key]))
                    for c in mine
                ]
                rows[key].append(np.array(row))
    return {key: np.stack(found) for key, found in rows.items()}


def _null_vectors(
    table: NDArray[np.float64], known: Sequence[NDArray[np.float64]]
) -> Iterator[tuple[Fraction, ...]]:
    """Rational null vectors beyond those known, as short as elimination makes them."""
    scale = np.linalg.norm(table, axis=0)
    dead = scale <= _TIGHT * max(scale.max(initial=0), 1e-300)
    scale[dead] = 1
    _, singular, right = np.linalg.svd(table / scale, full_matrices=True)
    padded = np.zeros(table.shape[1])
    padded[: len(singular)] = singular
    null = right[padded <= _TIGHT * padded.max(initial=1)] / scale
    if not len(null):
        return
    reduced = _echelon(null)
    space = _Span(known)
    for vector in sorted(reduced, key=lambda v: int((np.abs(v) > 1e-4).sum())):
        exact = _rational(vector)
        if exact is not None and space.add(np.array([float(c) for c in exact])):
            yield exact


class _Span:
    """A growing span of vectors."""

    def __init__(self, vectors: Sequence[NDArray[np.float64]]) -> None:
        self._basis: list[NDArray[np.float64]] = []
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


def _implied(family: Family, columns: Sequence[Column]) -> NDArray[np.float64] | None:
    """What a known family says of columns with a less free R, as a vector; None where nothing."""
    vector = np.zeros(len(columns))
    for coefficient, column in family.terms:
        if column.degree != columns[0].degree:
            return None
        fitting = [
            k
            for k, other in enumerate(columns)
            if other.tensor == column.tensor
            and (other.axis == column.axis or _is_trace(other))
            and (_is_trace(other) or other.pattern.within(column.pattern))
        ]
        if not fitting:
            return None
        vector[fitting[0]] += float(coefficient)
    return vector


def _is_trace(column: Column) -> bool:
    return column.pattern.blocks == column.pattern.size == 1
