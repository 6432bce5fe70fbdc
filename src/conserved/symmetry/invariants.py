"""Averaging without enumeration: the exact projection on invariants, from generators alone.

The average of a moment over a compact group is its orthogonal projection on the invariant moments,
and a moment is invariant iff each generator of the group fixes it and each generator of its Lie
algebra kills it (theory §5). So the cost does not grow with the order of the group.

Forms are matrices M (a, b) on which g acts by M ↦ L(g) M R(g)ᵀ. Three steps, each exact mod p:
generators that are signed permutation matrices only permute the entries of M up to sign, so their
invariants are orbit sums, found by connected components; the remaining generators are linear
conditions on those orbit sums; at the end every generator is checked on every invariant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from conserved.errors import ConservedError, LimitError
from conserved.kernel.deadline import check_time
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array

ENTRY_LIMIT = 2 * 10**8  # entries of all candidate forms together; 1.6 GB
_SPARE = 16  # more random conditions than unknowns
_MIXED_ENTRIES = 2**22  # random numbers drawn at once to combine conditions
_CHECKED_ENTRIES = 2**23  # of the forms checked at once


@dataclass(frozen=True, eq=False)
class Action:
    """How the generators of a group act on a vector space.

    Args:
        group: matrices (g, n, n) of group generators.
        algebra: matrices (h, n, n) of Lie algebra generators.
    """

    group: Array
    algebra: Array

    @property
    def dimension(self) -> int:
        return int(self.group.shape[-1])


def invariant_forms(
    scalars: Residues, left: Action, right: Action, *, symmetric: bool = False
) -> Array:
    """A basis (k, a, b) of the forms M with L M Rᵀ = M and dL M + M dRᵀ = 0 for all generators.

    Args:
        scalars: residues.
        left, right: the actions on rows and columns, generator by generator.
        symmetric: only M = Mᵀ (then left and right must be the same).

    Raises:
        LimitError: the candidates would not fit in memory.
        ConservedError: a form failed the final check (a bug, or generators that do not match).
    """
    count = len(left.group)
    moves = [i for i in range(count) if is_monomial(scalars, left.group[i], right.group[i])]
    forms = _orbit_sums(scalars, left.group[moves], right.group[moves], symmetric)
    others = [i for i in range(count) if i not in moves]
    for i in others:
        forms = _kept(scalars, forms, partial(_moved, scalars, left, right, i))
    for i in range(len(left.algebra)):
        forms = _kept(scalars, forms, partial(_turned, scalars, left, right, i))
    check_invariance(scalars, left, right, forms)
    return forms


def with_quarter_turns(scalars: Residues, inputs: Action, outputs: Action) -> tuple[Action, Action]:
    """Add exp(π/2 X) = 1 + X + X² for each X with X³ = −X on both spaces.

    It is in the group anyway, so averages stay the same; for rotations in a coordinate plane it is
    a signed permutation, which is cheap to average over, and brings the candidates down first.
    """
    turned = [_quarter_turns(scalars, action.algebra) for action in (inputs, outputs)]
    fits = turned[0][1] & turned[1][1]
    extended = [
        Action(np.concatenate([action.group, quarter[fits]]), action.algebra)
        for action, (quarter, _) in zip((inputs, outputs), turned, strict=True)
    ]
    return extended[0], extended[1]


def _quarter_turns(scalars: Residues, algebra: Array) -> tuple[Array, NDArray[np.bool_]]:
    """1 + X + X², and for which X that is exp(π/2 X)."""
    square = scalars.matmul(algebra, algebra)
    wrong = scalars.reduce(scalars.matmul(square, algebra) + algebra)
    fits = np.array([not defect.any() for defect in wrong], dtype=np.bool_)
    one = np.eye(algebra.shape[-1], dtype=algebra.dtype)
    return scalars.reduce(one + algebra + square), fits


def is_monomial(scalars: Residues, *matrices: Array) -> bool:
    """Whether all are signed permutation matrices."""
    return all(
        bool(((m != 0).sum(axis=0) == 1).all() and ((m != 0).sum(axis=1) == 1).all())
        and bool((scalars.mul(m, m)[m != 0] == 1).all())
        for m in matrices
    )


def _orbit_sums(scalars: Residues, left: Array, right: Array, symmetric: bool) -> Array:
    """Signed orbit sums of the matrix units under signed permutations: (orbits, a, b)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b = left.shape[-1], right.shape[-1]
    size = a * b
    cells = np.arange(size).reshape(a, b)
    sources, targets, signs = [], [], []
    for row_move, column_move in zip(left, right, strict=True):
        check_time()
        to_row, row_sign = _permutation(row_move)
        to_column, column_sign = _permutation(column_move)
        targets.append(cells[np.ix_(to_row, to_column)].ravel())
        signs.append(np.outer(row_sign, column_sign).ravel())
        sources.append(cells.ravel())
    if symmetric:
        sources.append(cells.ravel())
        targets.append(cells.T.ravel())
        signs.append(np.ones(size))
    # a node is an entry with a sign: an orbit that meets an entry with both signs sums to 0
    tail = np.concatenate([np.concatenate([s, s + size]) for s in sources] or [np.zeros(0, int)])
    head = [
        np.concatenate([t + size * (s < 0), t + size * (s > 0)])
        for t, s in zip(targets, signs, strict=True)
    ]
    heads = np.concatenate(head or [np.zeros(0, int)])
    check_time()
    graph = coo_array(
        (np.ones(len(tail), np.int8), (tail, heads)), shape=(2 * size, 2 * size)
    ).tocsr()
    check_time()
    label = connected_components(graph, directed=False)[1]
    check_time()
    plus, minus = label[:size], label[size:]
    alive = plus != minus
    # an orbit appears twice, as itself and negated: the smaller label stands for both
    cell = np.flatnonzero(alive)
    orbits, number = np.unique(np.minimum(plus, minus)[cell], return_inverse=True)
    if len(orbits) * size > ENTRY_LIMIT:
        raise LimitError(
            f"{len(orbits):,} invariant candidates of {a}×{b} entries exceed the memory limit"
        )
    check_time()
    forms = np.zeros((len(orbits), size), dtype=np.int64)
    forms[number, cell] = np.where(plus < minus, 1, -1)[cell]
    check_time()
    return scalars.from_integers(forms).reshape(-1, a, b)


def _permutation(matrix: Array) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Where each basis vector goes, and with which sign (entries are 1 or −1, centred or not)."""
    target = (matrix != 0).argmax(axis=0)
    entry = matrix[target, np.arange(len(matrix))]
    return target, np.where(entry == 1, 1, -1)


def _moved(scalars: Residues, left: Action, right: Action, i: int, forms: Array) -> Array:
    """L M Rᵀ − M."""
    half = applied(scalars, left.group[i], forms).swapaxes(-1, -2)
    return scalars.reduce(applied(scalars, right.group[i], half).swapaxes(-1, -2) - forms)


def _turned(scalars: Residues, left: Action, right: Action, i: int, forms: Array) -> Array:
    """dL M + M dRᵀ."""
    first = applied(scalars, left.algebra[i], forms)
    second = applied(scalars, right.algebra[i], forms.swapaxes(-1, -2)).swapaxes(-1, -2)
    return scalars.reduce(first + second)


def applied(scalars: Residues, matrix: Array, forms: Array) -> Array:
    """matrix @ M for each form M (k, a, b); generators of large lifts are sparse."""
    filled = int((matrix != 0).sum(axis=1).max(initial=0))
    sparse = 8 * filled <= len(matrix) and filled <= scalars.safe_terms
    count, a, b = forms.shape
    columns = forms.transpose(1, 0, 2).reshape(a, count * b)
    if not sparse or scalars.dtype == object:  # SciPy knows machine numbers only
        product = scalars.matmul(matrix, columns)
    else:
        from scipy.sparse import csr_array

        product = scalars.reduce(csr_array(matrix) @ columns)
    return product.reshape(len(matrix), count, b).transpose(1, 0, 2)


def _kept(scalars: Residues, forms: Array, defect: Callable[[Array], Array]) -> Array:
    """The combinations of the forms on which the (linear) defect vanishes."""
    if not len(forms):
        return forms
    count = len(forms)
    combinations = kernel(scalars, defect(forms).reshape(count, -1))
    flat = scalars.matmul(combinations, forms.reshape(count, -1))
    return flat.reshape(-1, *forms.shape[1:])


def kernel(scalars: Residues, images: Array) -> Array:
    """Combinations (s, count) of rows of images (count, conditions) that vanish.

    With many conditions, random combinations of them are solved: the same solutions but for an
    degenerate draw, so callers check what they build from them.
    """
    count, conditions = images.shape
    space = RowSpace(scalars, count)
    if conditions <= count + _SPARE:
        space.add(images.T)
        return space.annihilator().T
    rng = np.random.default_rng(count)
    mixed = np.zeros((count, count + _SPARE), dtype=scalars.dtype)
    step = max(1, _MIXED_ENTRIES // (count + _SPARE))
    for start in range(0, conditions, step):
        check_time()
        part = images[:, start : start + step]
        weights = scalars.random(rng, (part.shape[1], count + _SPARE))
        mixed = scalars.reduce(mixed + scalars.matmul(part, weights))
    space.add(mixed.T)
    return space.annihilator().T


def check_invariance(scalars: Residues, left: Action, right: Action, forms: Array) -> None:
    """Refuse forms that some generator moves: exact, no randomness.

    Raises:
        ConservedError: there is one.
    """
    step = max(1, _CHECKED_ENTRIES // max(1, left.dimension * right.dimension))
    for start in range(0, len(forms), step):
        check_time()
        part = forms[start : start + step]
        for i in range(len(left.group)):
            if _moved(scalars, left, right, i, part).any():
                raise ConservedError("an averaged moment is not invariant under a group generator")
        for i in range(len(left.algebra)):
            if _turned(scalars, left, right, i, part).any():
                raise ConservedError("an averaged moment is not invariant under a Lie generator")
