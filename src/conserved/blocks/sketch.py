"""Candidates for the laws of a whole model, from gradients in float64: nothing is decided here.

With R random for each key, a law is a null vector of the matrix with the numbers ⟨∇h_c, g⟩ of the
columns c of that key, a row for each gradient g and each of several R: as many unknowns as there
are tensors and axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.blocks.patterns import Column, Key, Terms, weights_of, within
from conserved.kernel.real import Reals

Floats = NDArray[np.float64]
Tensors = Mapping[str, Floats]
Shapes = Mapping[str, tuple[int, ...]]
Sampler = Callable[[], tuple[Tensors, Tensors]]  # parameters, gradient of one sample
_REPEATS = 8  # R with which one gradient is looked at
_SPARE = 8  # rows more than columns of a key
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


def candidates(
    columns: Sequence[Column],
    shapes: Shapes,
    sample: Sampler,
    seed: int = 0,
    *,
    cheap: Sampler | None = None,
) -> list[Family]:
    """Families of laws, those of the freest R first; what they imply is left out.

    Args:
        columns: terms, those with the freest R first.
        shapes: of all tensors.
        sample: draws parameters and the gradient of one datum.
        seed: draws R.
        cheap: the same of shorter data, for the keys whose R has too few entries to make many rows
            of one gradient.
    """
    groups: dict[Key, list[Column]] = {}
    for column in columns:
        groups.setdefault(column.key, []).append(column)
    tables = _tables(groups, sample, sample if cheap is None else cheap, seed)
    nothing = _identities(columns, shapes)
    found: list[Family] = []
    for key, mine in sorted(groups.items(), key=lambda item: item[0][0]):  # linear ones first
        known = [_spread(vector, mine) for vector in nothing.get(key, ())]
        known += [_unit(k, len(mine)) for k, c in enumerate(mine) if _is_frozen(c, found)]
        known += [v for family in found for v in _implied(family, mine, tables[key])]
        for vector in _null_vectors(tables[key], known):
            terms = tuple((c, mine[i]) for i, c in enumerate(vector) if c)
            found.append(Family(terms))
    return found


def _samples_for(key: Key, columns: int) -> int:
    """How many gradients are enough for a key: each makes a row for each R that is independent."""
    _, blocks, size = key
    return -(-(columns + _SPARE) // min(_REPEATS, blocks * size * (size + 1) // 2))


def _tables(
    groups: Mapping[Key, Sequence[Column]], sample: Sampler, cheap: Sampler, seed: int
) -> dict[Key, Floats]:
    """For each key the matrix (rows, columns): some rows of ``sample``, the rest of ``cheap``."""
    rng, scalars = np.random.default_rng(seed), Reals()
    weights = {
        key: weights_of(key, lambda shape: rng.normal(size=shape), _REPEATS) for key in groups
    }
    needed = {key: _samples_for(key, len(mine)) for key, mine in groups.items()}
    first = max(-(-(len(mine) + _SPARE) // _REPEATS) for mine in groups.values())
    rows: dict[Key, list[Floats]] = {key: [] for key in groups}

    def draw(keys: Sequence[Key], sampler: Sampler, count: int) -> None:
        terms = Terms([column for key in keys for column in groups[key]], weights)
        ends = np.cumsum([len(groups[key]) for key in keys])[:-1]
        for _ in range(count):
            found = terms.rows(scalars, *sampler())
            for key, part in zip(keys, np.split(found, ends, axis=1), strict=True):
                rows[key].append(part)

    draw(list(groups), sample, first)
    poor = [key for key, count in needed.items() if count > first]
    if poor:
        draw(poor, cheap, max(needed[key] for key in poor) - first)
    return {key: np.concatenate(held) for key, held in rows.items()}


def _identities(columns: Sequence[Column], shapes: Shapes) -> dict[Key, list[dict[Column, float]]]:
    """What the columns of tensors that are cut have to do with each other: a whole and its parts.

    Null vectors whatever the gradient, by column: they are 0, and no laws. Tensors that are alike
    have the same.
    """
    held: dict[str, list[Column]] = {}
    for column in columns:
        held.setdefault(column.tensor, []).append(column)
    known: dict[Any, dict[Key, Floats]] = {}
    out: dict[Key, list[dict[Column, float]]] = {}
    for tensor, mine in held.items():
        if all(column.whole for column in mine):
            continue
        alike = (shapes[tensor], tuple(replace(column, tensor="") for column in mine))
        if alike not in known:
            known[alike] = _identities_of(mine, tensor, shapes[tensor])
        for key, vectors in known[alike].items():
            chosen = [column for column in mine if column.key == key]
            for vector in vectors:
                out.setdefault(key, []).append(dict(zip(chosen, vector.tolist(), strict=True)))
    return out


def _identities_of(
    columns: Sequence[Column], tensor: str, shape: tuple[int, ...]
) -> dict[Key, Floats]:
    """The same of one tensor: for each key null vectors as rows, in the order of its columns."""
    groups: dict[Key, list[Column]] = {}
    for column in columns:
        groups.setdefault(column.key, []).append(column)
    rng = np.random.default_rng(len(columns))

    def sample() -> tuple[Tensors, Tensors]:
        return {tensor: rng.normal(size=shape)}, {tensor: rng.normal(size=shape)}

    tables = _tables(groups, sample, sample, 0)
    return {key: _nullspace(table) for key, table in tables.items()}


def _spread(vector: Mapping[Column, float], columns: Sequence[Column]) -> Floats:
    return np.array([vector.get(column, 0.0) for column in columns])


def _null_vectors(table: Floats, known: Sequence[Floats]) -> Iterator[tuple[Fraction, ...]]:
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


def _nullspace(table: Floats) -> Floats:
    """A basis, as rows."""
    scale = np.linalg.norm(table, axis=0)
    scale[scale <= _TIGHT * max(scale.max(initial=0), 1e-300)] = 1
    _, singular, right = np.linalg.svd(table / scale, full_matrices=True)
    padded = np.zeros(table.shape[1])
    padded[: len(singular)] = singular
    null: Floats = right[padded <= _TIGHT * padded.max(initial=1)] / scale
    return null


def _shortened(vector: Floats, known: Sequence[Floats]) -> Any:
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


def _order(vector: Floats) -> tuple[int, int]:
    """Laws of few tensors first, those of early ones before."""
    held = np.flatnonzero(np.abs(vector) > 1e-4)
    return len(held), int(held[0])


class _Span:
    """A growing span of vectors."""

    def __init__(self, vectors: Sequence[Floats]) -> None:
        self._basis: list[Floats] = []
        self.vectors: list[Floats] = []
        for vector in vectors:
            self.add(vector)

    def add(self, vector: Floats) -> bool:
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


def _echelon(rows: Floats) -> Floats:
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


def _rational(vector: Floats) -> tuple[Fraction, ...] | None:
    """Small fractions, where the vector is close to such; the first of them is positive."""
    entries = []
    for value in vector:
        exact = Fraction(float(value)).limit_denominator(_DENOMINATOR)
        if abs(float(exact) - value) > 1e-2:
            return None
        entries.append(exact)
    lead = next((c for c in entries if c), Fraction(0))
    return tuple(c / lead for c in entries) if lead else None


def _implied(family: Family, columns: Sequence[Column], table: Floats) -> Iterator[Floats]:
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
        if (
            vector.any()
            and (np.abs(table @ vector) <= 1e-9 * np.abs(table).max(initial=1e-300)).all()
        ):
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


def _unit(k: int, size: int) -> Floats:
    vector = np.zeros(size)
    vector[k] = 1
    return vector


def _is_trace(column: Column) -> bool:
    return column.pattern.blocks == column.pattern.size == 1
