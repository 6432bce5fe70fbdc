"""An isotypic block as maps with canonical coefficients (theory §5, §6).

A block V = R^μ ⊗ E of the features is known mod p in random coordinates, in which nothing is
rational. What does not depend on them: the subspace of functionals, by its reduced echelon form B;
the algebra 𝒜 ≅ M_μ(R, C or H) that acts on it, a subspace of matrices; and, where 𝒜 has an element
e of least rank among its canonical ones, the right ideal e𝒜. Maps from the features to E are
e·a·B, a ∈ 𝒜; over C and H they come with all their multiples by units. Where no e is at hand e = 1
does: vectors then lie in R^μ ⊗ E, and span R^μ ⊗ the range wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace, inverse_matrix
from conserved.kernel.scalars import Array
from conserved.symmetry.isotypic import Block, Kind

_PRODUCTS = 16  # canonical elements of 𝒜 up to which their products are tried for e


@dataclass(frozen=True, eq=False)
class Module:
    """Maps from a space to R^k whose images of vectors span a module over the units.

    Attributes:
        kind: of the algebra.
        functionals: (s, N) the reduced echelon form of all coordinates that the block has.
        maps: (c, k, N) canonical.
        unit: (k, k) j on R^k for complex type, up to scaling; j² = −square.
    """

    kind: Kind
    functionals: Array
    maps: Array
    unit: Array | None = None

    @property
    def dimension(self) -> int:
        """k."""
        return int(self.maps.shape[1])


def module_of(scalars: Residues, block: Block) -> Module | None:
    """The maps of a block; None where its copies or its type are not known."""
    if not len(block.copies) or block.kind is None:
        return None
    flat = block.copies.reshape(block.size, -1)
    functionals, pivots = _echelon(scalars, flat)
    if len(functionals) < block.size:
        return None
    if block.size == block.dimension and block.kind == "real":
        return Module("real", functionals, functionals[None])
    turn = flat[:, pivots]  # flat = turn · functionals
    back = inverse_matrix(scalars, turn)
    algebra = _algebra(scalars, block, turn, back)
    start = _least(scalars, algebra, block.dimension)
    rows, lift = _image(scalars, start)
    ideal = _spanned(scalars, scalars.matmul(start[rows], algebra))
    maps = _spanned(scalars, scalars.matmul(ideal, functionals))
    unit = None
    if block.kind == "complex":
        inner = np.kron(np.eye(block.multiplicity, dtype=object), _imaginary(scalars, block))
        whole = scalars.matmul(scalars.matmul(back, inner.astype(scalars.dtype)), turn)
        unit = _scaled(scalars, scalars.matmul(whole, lift)[rows])
    return Module(block.kind, functionals, maps, unit)


def framed(scalars: Residues, module: Module) -> tuple[Module, int]:
    """A complex module in coordinates of (1, j, 1, j, …), and c of j² = −c; any other as it is."""
    if module.unit is None:
        return module, 1
    unit = module.unit
    space, rows = RowSpace(scalars, len(unit)), []
    for e in np.eye(len(unit), dtype=scalars.dtype):
        if space.add(e[None])[0]:
            turned = scalars.matmul(unit, e[:, None])[:, 0]
            space.add(turned[None])
            rows += [e, turned]
    back = inverse_matrix(scalars, np.stack(rows).T)
    square = scalars.reduce(-scalars.matmul(unit, unit)[:1, 0])
    turned = scalars.matmul(scalars.matmul(back, unit), np.stack(rows).T)
    maps = scalars.matmul(back, module.maps)
    return replace(module, maps=maps, unit=turned), int(scalars.canonical(square)[0])


def off_labels(scalars: Residues, module: Module, labels: Array) -> Module | None:
    """The module on matrices W (p, N) instead of vectors, modulo the labels' pull.

    W ↦ W·mapᵀ has values in R^p ⊗ R^k; what the labels reach of it is divided out.

    Args:
        scalars: residues.
        module: on the inputs of a one-layer linear network.
        labels: (l, p, N) the averaged Σ yΦᵀ.

    Returns:
        Maps (c, f, p·N), or None where labels reach everything.
    """
    (_, p, n), k = labels.shape, module.dimension
    one = np.eye(p, dtype=scalars.dtype)
    wide = np.stack([_kron(one, image) for image in module.maps])  # (c, p·k, p·N)
    space = RowSpace(scalars, p * k)
    for image in wide:
        space.add(scalars.matmul(labels.reshape(-1, p * n), image.T))
    left = space.annihilator().T  # the identity on the coordinates that are no pivots
    if not len(left):
        return None
    unit = None
    if module.unit is not None:
        free = np.setdiff1d(np.arange(p * k), space.pivots)
        unit = scalars.matmul(left, _kron(one, module.unit))[:, free]
    maps = scalars.matmul(left, wide)
    return replace(module, maps=maps, unit=unit)


def complex_independent(scalars: Residues, square: int, pairs: Array) -> list[int]:
    """Which vectors a + bj (count, n, 2), j² = −square, are independent over C of those before."""
    c = scalars.from_integers(square)
    space, chosen = RowSpace(scalars, pairs[0].size), []
    for index, pair in enumerate(pairs):
        if space.add(pair.reshape(1, -1))[0]:
            turned = np.stack([scalars.reduce(-scalars.mul(c, pair[:, 1])), pair[:, 0]], axis=-1)
            space.add(turned.reshape(1, -1))
            chosen.append(index)
    return chosen


def _kron(a: Array, b: Array) -> Array:
    return np.kron(a, b).astype(b.dtype)


def _echelon(scalars: Residues, rows: Array) -> tuple[Array, Array]:
    """The reduced echelon form and its pivots, in their order."""
    space = RowSpace(scalars, rows.shape[1])
    space.add(rows)
    order = np.argsort(space.pivots)
    return space.basis[order], space.pivots[order]


def _spanned(scalars: Residues, matrices: Array) -> Array:
    """The canonical basis of the span of matrices (count, a, b)."""
    basis, _ = _echelon(scalars, matrices.reshape(len(matrices), -1))
    return basis.reshape(-1, *matrices.shape[1:])


def _algebra(scalars: Residues, block: Block, turn: Array, back: Array) -> Array:
    """A canonical basis of 𝒜, from E_ij ⊗ unit in the block's own coordinates."""
    mu, elements = block.multiplicity, []
    for i in range(mu):
        for j in range(mu):
            cell = np.zeros((mu, mu), dtype=scalars.dtype)
            cell[i, j] = 1
            for unit in block.units:
                inner = _kron(cell, unit)
                elements.append(scalars.matmul(scalars.matmul(back, inner), turn))
    return _spanned(scalars, np.stack(elements))


def _least(scalars: Residues, algebra: Array, dimension: int) -> Array:
    """e: a canonical element whose rank is that of one copy of E, or 1."""
    for element in _elements(scalars, algebra):
        if _rank(scalars, element) == dimension:
            return element
    return np.eye(algebra.shape[-1], dtype=algebra.dtype)


def _elements(scalars: Residues, algebra: Array) -> Iterator[Array]:
    yield from algebra
    if len(algebra) <= _PRODUCTS:
        for left in algebra:
            for right in algebra:
                yield scalars.matmul(left, right)


def _rank(scalars: Residues, matrix: Array) -> int:
    space = RowSpace(scalars, matrix.shape[1])
    space.add(matrix)
    return space.rank


def _image(scalars: Residues, matrix: Array) -> tuple[Array, Array]:
    """Rows on which the image of a matrix is seen, and the way back from them to the image."""
    basis, rows = _echelon(scalars, matrix.T)
    return rows, basis.T


def _imaginary(scalars: Residues, block: Block) -> Array:
    """The part without trace of a unit that is no multiple of 1."""
    k = block.dimension
    one = np.eye(k, dtype=scalars.dtype)
    for unit in block.units:
        mean = scalars.mul(
            scalars.reduce(np.asarray(np.trace(unit), dtype=scalars.dtype)),
            np.asarray(scalars.fraction(1, k), dtype=scalars.dtype),
        )
        rest = scalars.reduce(unit - mean * one)
        if rest.any():
            return rest
    raise AssertionError("a complex block has two units")


def _scaled(scalars: Residues, matrix: Array) -> Array:
    """The multiple whose first entry that is not 0 is 1."""
    flat = matrix.ravel()
    lead = np.asarray(flat[int((flat != 0).argmax())], dtype=scalars.dtype)
    return scalars.mul(matrix, scalars.inverse(lead))
