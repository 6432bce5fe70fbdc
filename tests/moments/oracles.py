"""Other roads to groups, averages and ranks: element by element, with no code of the lifted route.

Arithmetic is that of ``Residues``; ranks are those of python-flint.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
from flint import nmod_mat

from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.residues import Residues, residues
from conserved.kernel.rowspace import inverse_matrix
from conserved.kernel.scalars import Array
from conserved.symmetry import Group
from conserved.symmetry.invariants import Action


def ring_for(group: Group) -> Residues:
    roots = group.roots
    return residues(BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots))


def rank(scalars: Residues, rows: Array) -> int:
    """Rank mod p of rows of any shape (count, …)."""
    if not rows.size:
        return 0
    flat = rows.reshape(len(rows), -1)
    p = int(scalars.prime)
    entries = np.remainder(flat.astype(np.int64), p).ravel().tolist()
    return int(nmod_mat(*flat.shape, entries, p).rank())


def assert_same_span(scalars: Residues, first: Array, second: Array) -> None:
    """Both inclusions: neither space grows when the other is added."""
    shape = first.shape[1:]
    together = np.concatenate([first, second.reshape(-1, *shape)])
    ranks = rank(scalars, first), rank(scalars, second), rank(scalars, together)
    assert ranks[0] == ranks[1] == ranks[2], f"ranks {ranks}: first, second, together"


def elements_of(scalars: Residues, generators: Array) -> Array:
    """All products of generators, (G, n, n), by adding products until none is new."""
    n = generators.shape[-1]
    found = {}
    todo = [scalars.from_integers(np.eye(n, dtype=np.int64))]
    while todo:
        one = todo.pop()
        key = scalars.canonical(one).tobytes()
        if key not in found:
            found[key] = one
            todo += [scalars.matmul(one, g) for g in generators]
    return np.stack(list(found.values()))


def paired_elements(scalars: Residues, left: Array, right: Array) -> tuple[Array, Array]:
    """The elements of a group acting on two spaces at once, from generators on both."""
    a, b = left.shape[-1], right.shape[-1]
    both = np.zeros((len(left), a + b, a + b), dtype=left.dtype)
    both[:, :a, :a], both[:, a:, a:] = left, right
    whole = elements_of(scalars, both)
    return whole[:, :a, :a], whole[:, a:, a:]


def summed_forms(scalars: Residues, left: Array, right: Array, symmetric: bool = False) -> Array:
    """Σ_g L_g E R_gᵀ for every matrix unit E (E + Eᵀ where symmetric): (a·b, a, b)."""
    a, b = left.shape[-1], right.shape[-1]
    units = np.eye(a * b, dtype=left.dtype).reshape(-1, a, b)
    if symmetric:
        units = units + units.swapaxes(-1, -2)
    total = np.zeros_like(units)
    for g, h in zip(left, right, strict=True):
        moved = scalars.matmul(scalars.matmul(g, units), h.T)
        total = scalars.reduce(total + moved)
    return total


def rotations(scalars: Residues, rng: np.random.Generator, n: int, count: int) -> Array:
    """Random orthogonal matrices mod p, exact: Cayley's (1 − X)(1 + X)⁻¹, X antisymmetric."""
    one = scalars.from_integers(np.eye(n, dtype=np.int64))
    out = []
    for _ in range(count):
        upper = np.triu(scalars.random(rng, (n, n)), 1)
        x = scalars.reduce(upper - upper.T)
        out.append(
            scalars.matmul(
                scalars.reduce(one - x), inverse_matrix(scalars, scalars.reduce(one + x))
            )
        )
    return np.stack(out)


def power_action(scalars: Residues, action: Action, r: int) -> Action:
    """The r-th tensor power: g ⊗ ⋯ ⊗ g and X ⊗ 1 ⋯ 1 + … + 1 ⋯ 1 ⊗ X."""
    n = action.dimension
    size = n**r
    group = np.zeros((len(action.group), size, size), dtype=scalars.dtype)
    algebra = np.zeros((len(action.algebra), size, size), dtype=scalars.dtype)
    for out, g in zip(group, action.group, strict=True):
        product = np.ones((1, 1), dtype=scalars.dtype)
        for _ in range(r):
            product = scalars.reduce(np.kron(product, g))
        out[:] = product
    for out, x in zip(algebra, action.algebra, strict=True):
        for place in range(r):
            before, after = np.eye(n**place), np.eye(n ** (r - place - 1))
            out += np.kron(np.kron(before, x), after).astype(scalars.dtype)
    return Action(group, scalars.reduce(algebra))


def matchings(places: tuple[int, ...]) -> list[list[tuple[int, int]]]:
    """All ways to pair the places."""
    if not places:
        return [[]]
    first, *rest = places
    return [
        [(first, other), *more]
        for other in rest
        for more in matchings(tuple(p for p in rest if p != other))
    ]


def brauer(scalars: Residues, n: int, a: int, b: int) -> Array:
    """∏ δ over the pairs of each perfect matching of a+b indices: (count, n^a, n^b)."""
    index = np.indices((n,) * (a + b))
    forms = []
    for pairs in matchings(tuple(range(a + b))):
        equal = [index[i] == index[j] for i, j in pairs]
        forms.append(np.logical_and.reduce(equal).reshape(n**a, n**b))
    return scalars.from_integers(np.array(forms, dtype=np.int64))


def series(numerator: dict[int, int], degrees: list[int], length: int) -> list[int]:
    """Coefficients of numerator(t) / ∏ (1 − t^d) up to t^(length−1)."""
    values = [numerator.get(k, 0) for k in range(length)]
    for degree in degrees:
        for k in range(degree, length):
            values[k] += values[k - degree]
    return values


# ------------------------------------------------------------------ groups of complex matrices

QUARTER = np.array([[0, -1], [1, 0]])  # i on R² = C
LEFT_I = np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]])  # on R⁴ = H
LEFT_J = np.array([[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]])
UNITS = {"complex": [QUARTER], "quaternionic": [LEFT_I, LEFT_J]}


def monomial_generators(kind: str, k: int, copies: int) -> list[np.ndarray]:
    """Permutations of k coordinates of C^k or H^k and a unit at the first, on so many copies."""
    units = UNITS[kind]
    d = len(units[0])
    cycle = np.roll(np.eye(k, dtype=int), 1, axis=0)
    swap = np.eye(k, dtype=int)
    swap[: min(2, k)] = swap[: min(2, k)][::-1]
    moves = [np.kron(move, np.eye(d, dtype=int)) for move in (cycle, swap)[: max(0, k - 1)]]
    for unit in units:
        first = np.eye(k * d, dtype=int)
        first[:d, :d] = unit
        moves.append(first)
    return [np.kron(np.eye(copies, dtype=int), move) for move in moves]


def unitary_algebra(k: int, copies: int) -> list[np.ndarray]:
    """Generators of u(k) on copies of C^k: i at the first coordinate, turns of neighbours."""
    x = np.zeros((k, k), dtype=int)
    x[0, 0] = 1
    turns = [np.kron(x, QUARTER)]
    for i in range(k - 1):
        x = np.zeros((k, k), dtype=int)
        x[i, i + 1], x[i + 1, i] = 1, -1
        turns.append(np.kron(x, np.eye(2, dtype=int)))
    return [np.kron(np.eye(copies, dtype=int), turn) for turn in turns]


def write_group(path: Path, generators: list[np.ndarray], infinitesimal: list[np.ndarray]) -> None:
    document = {
        "schema": "conserved.group/1",
        "generators": [g.tolist() for g in generators],
        "infinitesimal": [x.tolist() for x in infinitesimal],
    }
    path.write_text(json.dumps(document), encoding="utf-8")


def antisymmetric_units(scalars: Residues, n: int) -> Array:
    """E_ij − E_ji for i < j: (n(n−1)/2, n, n)."""
    pairs = list(combinations(range(n), 2))
    out = np.zeros((len(pairs), n, n), dtype=np.int64)
    for one, (i, j) in zip(out, pairs, strict=True):
        one[i, j], one[j, i] = 1, -1
    return scalars.from_integers(out)


def shapes(blocks):
    return [(block.dimension, block.multiplicity, block.kind) for block in blocks]
