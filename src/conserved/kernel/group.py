"""A symmetry of the data as a certificate states it: matrices that generate it, and no name.

Each generator moves the last axis of inputs, x ↦ x gᵀ, and that of labels, y ↦ y hᵀ; Lie algebra
elements likewise. What is known of the group is worked out from them, mod the prime at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.entries import EntryError, entry
from conserved.kernel.errors import DegenerateSampleError, InputError, LimitError
from conserved.kernel.orbit import Orbit, moved
from conserved.kernel.program import Program
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import inverse_matrix
from conserved.kernel.scalars import Array, Scalars

ORDER_LIMIT = 50_000
_ENTRIES = 10**8  # of all matrices of a listed group

Exact = int | str
Matrix = tuple[tuple[tuple[int, Exact], ...], ...]  # for each row (column, entry) where not 0


@dataclass(frozen=True)
class Move:
    """One generator.

    Args:
        inputs: on the last axis of inputs.
        labels: on the last axis of labels; None where they stay.
    """

    inputs: Matrix
    labels: Matrix | None = None

    def to_json(self) -> dict[str, Any]:
        labels = None if self.labels is None else _listed(self.labels)
        return {"inputs": _listed(self.inputs), "labels": labels}


@dataclass(frozen=True)
class Lift:
    """f(θ, x) = A(θ) Φ(x) with Φ(gx) = ρ(g) Φ(x): all that is claimed here is tested.

    Args:
        features: Φ as a program without parameters, x ↦ (rows, τ).
        metric: d with ρ(g)ᵀ diag(d) ρ(g) = diag(d).
        averages: how many averaged ΦΦᵀ and yΦᵀ there are.
    """

    features: Program
    metric: tuple[int, ...]
    averages: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        return {
            "features": self.features.to_json(),
            "metric": list(self.metric),
            "averages": list(self.averages),
        }


@dataclass(frozen=True)
class Symmetry:
    """A group that acts on inputs and labels.

    Args:
        generators: of the group, up to its identity component.
        turns: elements that generate its Lie algebra.
        order: how many elements it has where these are listed, else None.
        lift: of the network where they are not.
    """

    generators: tuple[Move, ...]
    turns: tuple[Move, ...] = ()
    order: int | None = None
    lift: Lift | None = None

    @cached_property
    def roots(self) -> int:
        """k such that all entries exist in GF(p) for p ≡ 1 mod 4k."""
        matrices = [
            m for move in (*self.generators, *self.turns) for m in (move.inputs, move.labels)
        ]
        texts = {e for m in matrices if m for row in m for _, e in row if isinstance(e, str)}
        return lcm(1, *(entry(text).roots for text in texts))

    def to_json(self) -> dict[str, Any]:
        return {
            "generators": [move.to_json() for move in self.generators],
            "turns": [move.to_json() for move in self.turns],
            "order": self.order,
            "lift": None if self.lift is None else self.lift.to_json(),
        }


def matrices(moves: Sequence[Move], n: int, m: int, scalars: Scalars) -> tuple[Array, Array]:
    """Generators on inputs (g, n, n) and on labels (g, m, m); labels that stay have the identity.

    Raises:
        DegenerateSampleError: an entry has a denominator that is 0 mod p.
    """
    one = np.eye(m, dtype=scalars.dtype)
    known: dict[Exact, Any] = {}
    inputs = [_dense(move.inputs, n, scalars, known) for move in moves]
    labels = [one if h is None else _dense(h, m, scalars, known) for h in (v.labels for v in moves)]
    return _stacked(inputs, n, scalars), _stacked(labels, m, scalars)


def turning(moves: Sequence[Move], n: int, m: int, scalars: Scalars) -> tuple[Array, Array]:
    """The same for Lie algebra elements; labels that stay have 0."""
    inputs, labels = matrices(moves, n, m, scalars)
    for index, move in enumerate(moves):
        if move.labels is None:
            labels[index] = 0
    return inputs, labels


def listed(symmetry: Symmetry, n: int, m: int, scalars: Residues, *, real: bool) -> Orbit:
    """All elements of a finite group, by what generators make of them.

    Raises:
        InputError: not as many as stated, or a generator without an inverse.
        LimitError: too many for memory.
    """
    order = symmetry.order or 0
    if order * (n * n + m * m) > _ENTRIES:
        raise LimitError(f"symmetry: {order:,} matrices are too many to list")
    g, h = matrices(symmetry.generators, n, m, scalars)
    both = np.zeros((len(g), n + m, n + m), dtype=scalars.dtype)
    both[:, :n, :n], both[:, n:, n:] = g, h
    _require_invertible(both, scalars)
    elements, words = _closure(both, order, scalars)
    inputs, labels = elements[:, :n, :n], elements[:, n:, n:]
    over, spelt = Reals(), inputs
    if real:
        spelt = _spelt(matrices(symmetry.generators, n, m, over)[0], words, over)
    still = all(move.labels is None for move in symmetry.generators)
    return Orbit(
        order,
        lambda x: moved(inputs, x, scalars),
        lambda y: (
            np.broadcast_to(y[:, None], (len(y), order, *y.shape[1:]))
            if still
            else moved(labels, y, scalars)
        ),
        lambda x: moved(spelt, x, over),
    )


def _require_invertible(generators: Array, scalars: Residues) -> None:
    """Products of other matrices may be finitely many as well, and no group."""
    for index, generator in enumerate(generators):
        try:
            inverse_matrix(scalars, generator)
        except DegenerateSampleError as error:
            advice = f"generator {index + 1} has no inverse"
            raise InputError("symmetry.generators", len(generators), advice) from error


Words = list[tuple[int, int]]  # (an earlier element, the generator it is multiplied by)


def _closure(generators: Array, order: int, scalars: Residues) -> tuple[Array, Words]:
    """Every product of generators, the identity first, and how each was met."""
    size = generators.shape[-1]
    sparse = [_sparse(generator) for generator in generators]
    found = [np.eye(size, dtype=scalars.dtype)]
    known = {scalars.canonical(found[0]).tobytes()}
    words: Words = []
    start = 0
    while start < len(found):
        frontier, first, start = np.stack(found[start:]), start, len(found)
        for letter, generator in enumerate(sparse):
            products = _times(generator, frontier, scalars)
            keys = scalars.canonical(products)
            for offset, (product, key) in enumerate(zip(products, keys, strict=True)):
                text = key.tobytes()
                if text not in known:
                    known.add(text)
                    found.append(product)
                    words.append((first + offset, letter))
            if len(found) > order:
                break
        if len(found) > order:
            break
    if len(found) != order:
        what = f"more than {order}" if len(found) > order else f"only {len(found)}"
        raise InputError("symmetry.order", order, f"the generators make {what} elements")
    return np.stack(found), words


def _sparse(matrix: Array) -> tuple[NDArray[np.intp], Array]:
    """(columns, entries) of the rows, padded with zeros to the longest, (longest, n) each."""
    longest = int((matrix != 0).sum(axis=1).max())
    columns = np.argsort(matrix == 0, axis=1, kind="stable")[:, :longest]
    return columns.T, np.take_along_axis(matrix, columns, axis=1).T


def _times(generator: tuple[NDArray[np.intp], Array], frontier: Array, scalars: Residues) -> Array:
    """g·M for each M of (batch, n, n)."""
    terms = [
        scalars.mul(frontier[:, columns], entries[:, None])
        for columns, entries in zip(*generator, strict=True)
    ]
    return scalars.reduce(sum(terms[1:], terms[0]))


def _spelt(generators: Array, words: Words, scalars: Scalars) -> Array:
    elements = [np.eye(generators.shape[-1], dtype=scalars.dtype)]
    for earlier, letter in words:
        elements.append(scalars.matmul(generators[letter], elements[earlier]))
    return np.stack(elements)


def _dense(matrix: Matrix, size: int, scalars: Scalars, known: dict[Exact, Any]) -> Array:
    out = np.zeros((size, size), dtype=scalars.dtype)
    for row, entries in zip(out, matrix, strict=True):
        for column, value in entries:
            if value not in known:
                known[value] = _value(value, scalars)
            row[column] = known[value]
    return out


def _value(value: Exact, scalars: Scalars) -> Any:
    if isinstance(value, int):
        return scalars.from_integers(value).item()
    try:
        return entry(value).value(scalars).item()
    except EntryError as error:
        raise DegenerateSampleError(f"the entry {value}: {error}") from error


def _stacked(parts: Sequence[Array], size: int, scalars: Scalars) -> NDArray[Any]:
    return np.array(parts, dtype=scalars.dtype).reshape(-1, size, size)


def _listed(matrix: Matrix) -> list[list[list[Exact]]]:
    return [[[column, value] for column, value in row] for row in matrix]
