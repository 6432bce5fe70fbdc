"""Whether data are closed under a group, exactly, and how far their moments are from it.

Data are closed when every generator permutes them, repetitions counted. What is left is measured
by moments S = Σ x xᵀ and C = Σ y xᵀ: the index of symmetry breaking ‖S − S_G‖ / ‖S‖ (theory §15).
A loss that sees moments alone keeps the laws of the group to first order in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.dataset.features import Features, entries, matrix
from conserved.errors import LimitError
from conserved.kernel.scalars import Array
from conserved.symmetry import Group
from conserved.symmetry.written import Written

DENSE = 24  # features up to which any group is averaged over

Signed = tuple[NDArray[np.intp], NDArray[np.intp]]  # (source, sign): (g x)_i = sign_i x_source_i


@dataclass(frozen=True)
class Closed:
    """How symmetric data are.

    Attributes:
        group: its text.
        summary: what it does, in words.
        inputs: whether the inputs are exactly closed under it.
        samples: whether they are with labels that stay; None without labels.
        moments: whether Σ x xᵀ is exactly that of closed data; None where that is not known.
        index: ‖S − S_G‖ / ‖S‖.
        label_index: the same of C = Σ y xᵀ; None without labels.
    """

    group: str
    summary: str
    inputs: bool
    samples: bool | None
    moments: bool | None
    index: float
    label_index: float | None

    @property
    def exact(self) -> bool:
        """Whether the data are closed, labels included."""
        return self.inputs and self.samples is not False

    def to_json(self) -> dict[str, Any]:
        return {
            "group": self.group,
            "inputs": self.inputs,
            "samples": self.samples,
            "moments": self.moments,
            "index": self.index,
            "label_index": self.label_index,
        }


def closed(features: Features, labels: Features | None, group: Group) -> Closed:
    """How symmetric inputs are under a group, and with labels that stay.

    Raises:
        LimitError: too many features for a group that is no signed permutation of them.

    Example:
        >>> from conserved.symmetry import Permutation
        >>> one = Features(((Fraction(1), Fraction(0)), (Fraction(0), Fraction(1))))
        >>> closed(one, None, Permutation(2)).inputs
        True
    """
    moves = _generators(group)
    own = features.whole
    beside = [()] * len(own) if labels is None else list(labels.whole)
    signed = [_signed(move) for move in moves]
    known = [one for one in signed if one is not None]
    plain = known if len(known) == len(moves) and not group.infinitesimal_count else None
    inputs = samples = True
    for move, one in zip(moves, signed, strict=True):
        moved = _moved(own, move, one)
        inputs = inputs and moved is not None and Counter(moved) == Counter(own)
        if inputs and moved is not None and labels is not None:
            pairs = zip(moved, beside, strict=True), zip(own, beside, strict=True)
            samples = samples and Counter(pairs[0]) == Counter(pairs[1])
    if group.infinitesimal_count:  # a whole circle of points is never finite
        inputs = inputs and _killed(group, own)
    index, labelled = _indices(
        features, labels, group, [one for one in signed if one] if plain else None
    )
    return Closed(
        group=group.name,
        summary=group.describe(),
        inputs=inputs,
        samples=None if labels is None else inputs and samples,
        moments=None if plain is None else _same_moments(features, plain),
        index=index,
        label_index=labelled,
    )


def _generators(group: Group) -> list[Array]:
    return list(group.generators(Written()))


def _signed(move: Array) -> Signed | None:
    """A signed permutation, or None."""
    filled = move != 0
    if not ((filled.sum(axis=0) == 1).all() and (filled.sum(axis=1) == 1).all()):
        return None
    source = filled.argmax(axis=1)
    values = [move[i, j] for i, j in enumerate(source)]
    if not all(isinstance(value, int) and abs(value) == 1 for value in values):
        return None
    return source, np.array(values, dtype=np.intp)


def _moved(rows: Sequence[tuple[int, ...]], move: Array, signed: Signed | None) -> Any:
    """g x for every row, or None where that is no rational point."""
    if signed is not None:
        pairs = list(zip(*(part.tolist() for part in signed), strict=True))
        return [tuple(sign * row[i] for i, sign in pairs) for row in rows]
    if not all(isinstance(value, int | Fraction) for value in move.ravel()):
        return None
    lines = move.tolist()
    return [
        tuple(sum(a * b for a, b in zip(line, row, strict=True)) for line in lines) for row in rows
    ]


def _killed(group: Group, rows: Sequence[tuple[int, ...]]) -> bool:
    """Whether the Lie algebra moves no point."""
    turns = group.infinitesimal(Written()).tolist()
    return not any(
        sum(a * b for a, b in zip(line, row, strict=True))
        for turn in turns
        for line in turn
        for row in set(rows)
    )


def _same_moments(features: Features, moves: Sequence[Signed]) -> bool:
    """Whether g S gᵀ = S for every generator, in whole numbers."""
    second = np.array(features.second, dtype=object)
    return all(
        bool((second[np.ix_(source, source)] * np.outer(sign, sign) == second).all())
        for source, sign in moves
    )


def _indices(
    features: Features, labels: Features | None, group: Group, moves: Sequence[Signed] | None
) -> tuple[float, float | None]:
    second = _scaled(features.second)
    mixed = None
    if labels is not None:
        product = matrix(labels.whole).transpose() * matrix(features.whole)
        mixed = _scaled(entries(product))
    if moves is None:
        if group.dimension > DENSE:
            raise LimitError(
                f"symmetry '{group.name}': no signed permutation, and {group.dimension:,} features "
                f"are more than {DENSE}"
            )
        squares, means = _invariants(group)
        averaged = _projected(second, squares)
        flat = None if mixed is None else _projected(mixed, means)
    else:
        n = group.dimension
        averaged = _orbit_mean(second, [(s, e, s, e) for s, e in moves])
        still = (np.arange(1), np.ones(1, dtype=np.intp))
        flat = None
        if mixed is not None:
            rows = [_orbit_mean(row[None], [(*still, s, e) for s, e in moves]) for row in mixed]
            flat = np.concatenate(rows).reshape(-1, n)
    index = _relative(second, averaged)
    return index, None if mixed is None or flat is None else _relative(mixed, flat)


def _scaled(whole: Sequence[Sequence[int]]) -> Array:
    """In float64, without overflow."""
    top = max((abs(number) for row in whole for number in row), default=0) or 1
    return np.array([[number / top for number in row] for row in whole])


def _relative(whole: Array, averaged: Array) -> float:
    size = float(np.linalg.norm(whole))
    return float(np.linalg.norm(whole - averaged)) / size if size else 0.0


def _orbit_mean(
    form: Array,
    moves: Sequence[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]],
) -> Array:
    """The average of a form over the group that signed permutations of rows and columns generate.

    Along an orbit of entries with signs; where both signs of an entry are met, it is 0.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = form.size
    cells = np.arange(size).reshape(form.shape)
    tails, heads = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    for rows, row_signs, columns, column_signs in moves:
        source = cells[np.ix_(rows, columns)].ravel()
        negative = (np.outer(row_signs, column_signs) < 0).ravel()
        for side in (0, 1):
            tails.append(cells.ravel() + side * size)
            heads.append(source + size * (negative != bool(side)))
    tail, head = np.concatenate(tails), np.concatenate(heads)
    graph = coo_array((np.ones(len(tail), np.int8), (tail, head)), shape=(2 * size, 2 * size))
    count, label = connected_components(graph, directed=False)
    values = np.concatenate([form.ravel(), -form.ravel()])
    means = np.bincount(label, values, count) / np.bincount(label, minlength=count)
    averaged: Array = means[label[:size]].reshape(form.shape)
    return averaged


def _invariants(group: Group) -> tuple[Array, Array]:
    """Orthonormal invariant forms: symmetric (k, n, n), and rows (l, 1, n)."""
    from conserved.networks import Linear
    from conserved.problem import Problem
    from conserved.simulate.averages import Readout, real_space

    network = Linear(group.dimension, 1)
    lift = network.lift()
    assert lift is not None
    space = real_space(Problem(network=network, symmetry=group), Readout(lift))
    return space.quadratic, space.mixed


def _projected(form: Array, basis: Array) -> Array:
    if not len(basis):
        return np.zeros_like(form)
    if basis.shape[1:] != form.shape:  # labels stay: each row for itself
        return np.concatenate([_projected(row[None], basis) for row in form])
    flat = basis.reshape(len(basis), -1)
    projected: Array = (flat.T @ (flat @ form.ravel())).reshape(form.shape)
    return projected
