"""Groups listed element by element, and how the elements move inputs.

The search for elements decides which products are equal, so it runs over residues; what it finds
are words in the generators, and spelling them gives the same elements in any scalars, in the same
order. float64 matrices are never compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from conserved.arithmetic.primes import prime_with_roots
from conserved.arithmetic.residues import Residues, residues
from conserved.arithmetic.scalars import Array, Scalars
from conserved.errors import ConservedError, LimitError
from conserved.symmetry.group import Group, readable

ORBIT_LIMIT = 50_000
ELEMENT_BYTES = 2**29  # of all matrices together
_CHUNK_BYTES = 2**25  # of the products compared at once


@dataclass(frozen=True, eq=False)
class Elements:
    """All elements of a group; the identity is the first.

    Args:
        matrices: shape (G, n, n), in the scalars asked for.
        signs: the sign character of each, shape (G,), integers ±1 whatever the scalars.
    """

    matrices: Array
    signs: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Words:
    """Shortest words for all elements of a group: each is its parent times one generator.

    Args:
        parents: shape (G,), the index of an element with a word one letter shorter.
        letters: shape (G,), the index of the generator to multiply it by, on the right.
        levels: where the words of each length begin; words of length L are the elements
            ``levels[L]`` to ``levels[L + 1] - 1``. Element 0 is the identity, the empty word.
    """

    parents: NDArray[np.intp]
    letters: NDArray[np.intp]
    levels: tuple[int, ...]


def enumerate_group(group: Group, scalars: Scalars, limit: int = ORBIT_LIMIT) -> Elements:
    """All elements of a group in these scalars, in an order that does not depend on the scalars.

    Args:
        group: the group, dimension n.
        scalars: over GF(p), p ≡ 1 mod 4·``group.roots``.
        limit: the largest order to enumerate.

    Raises:
        LimitError: before anything is computed, when the group is too large.
        ConservedError: the generators do not generate a group of the stated order.

    Example:
        >>> from conserved.arithmetic.real import Reals
        >>> from conserved.symmetry import Shift
        >>> elements = enumerate_group(Shift(3), Reals())
        >>> elements.matrices[2] @ [1, 2, 3]
        array([2., 3., 1.])
    """
    words = enumerate_words(group, limit)
    count = len(words.parents)
    generators = group.generators(scalars)
    letter_signs = np.array(group.signs, dtype=np.int64)
    matrices = np.empty((count, group.dimension, group.dimension), dtype=scalars.dtype)
    signs = np.ones(count, dtype=np.int64)
    matrices[:1] = _identity(group.dimension, scalars)
    for start, stop in pairwise(words.levels[1:]):
        parents, letters = words.parents[start:stop], words.letters[start:stop]
        matrices[start:stop] = scalars.matmul(matrices[parents], generators[letters])
        signs[start:stop] = signs[parents] * letter_signs[letters]
    return Elements(matrices, signs)


def enumerate_words(group: Group, limit: int = ORBIT_LIMIT) -> Words:
    """Words for all elements of a group, by breadth-first search over a companion GF(p).

    Matrices that differ mod p are different, so the search finds at most |G| elements; finding
    exactly |G| proves that it found each once.

    Raises:
        LimitError: as ``enumerate_group``; the message has the size and the limit.
        ConservedError: as ``enumerate_group``.

    Example:
        >>> from conserved.symmetry import Rotation
        >>> enumerate_words(Rotation(4)).levels
        (0, 1, 2, 3, 4)
    """
    if group.order > limit:
        raise LimitError(
            f"an orbit of {group.sized} has {readable(group.order)} elements; "
            f"explicit orbits stop at {limit:,}: take a smaller group"
        )
    needed = 8 * group.order * group.dimension**2
    if needed > ELEMENT_BYTES:
        raise LimitError(
            f"the matrices of {group.sized} would take {needed / 2**30:,.1f} GiB; "
            f"explicit orbits stop at {ELEMENT_BYTES / 2**30} GiB: take a smaller group"
        )
    return _search(group)


def act_on_inputs(elements: Elements, x: Array, scalars: Scalars) -> Array:
    """The orbit of every input, x ↦ x gᵀ on the last axis: a vector, or each token's features.

    Args:
        elements: G matrices (n, n).
        x: (B, …, n), in these scalars.
        scalars: those of ``elements``.

    Returns:
        Shape (B, G, …, n).

    Example:
        >>> from conserved.arithmetic.real import Reals
        >>> from conserved.symmetry import Negation
        >>> pair = enumerate_group(Negation(2), Reals())
        >>> act_on_inputs(pair, np.array([[1.0, 2.0]]), Reals()).tolist()
        [[[1.0, 2.0], [-1.0, -2.0]]]
    """
    count, n, _ = elements.matrices.shape
    # one flat product: far faster than G · B small ones
    rows = x.reshape(-1, x.shape[-1])
    moved = scalars.matmul(rows, elements.matrices.reshape(count * n, n).T)
    return np.moveaxis(moved.reshape(*x.shape[:-1], count, n), -2, 1)


# a problem enumerates the same group over residues, over the reals, and again for its check
@lru_cache(maxsize=8)
def _search(group: Group) -> Words:
    ring = residues(prime_with_roots(group.roots))
    generators = group.generators(ring)
    frontier = _identity(group.dimension, ring)[None]
    seen = set(_keys(frontier, ring))
    indices = [np.zeros(1, dtype=np.intp)]  # parent · g + letter, level by level
    levels = [0, 1]
    # wrong generators may generate an infinite group: stop once there are too many
    while len(frontier) and len(seen) <= group.order:
        fresh, products = _new_products(frontier, generators, ring, seen)
        indices.append(fresh + levels[-2] * len(generators))
        levels.append(len(seen))
        frontier = products
    if len(seen) != group.order:
        raise ConservedError(
            f"{group.sized}: its generators give at least {len(seen):,} elements, "
            f"its stated order is {readable(group.order)}"
        )
    parents, letters = np.divmod(np.concatenate(indices), max(len(generators), 1))
    return Words(parents, letters, tuple(levels[:-1]))  # the last level is empty


def _new_products(
    frontier: Array, generators: Array, ring: Residues, seen: set[bytes]
) -> tuple[NDArray[np.intp], Array]:
    """Products (element, generator) not in ``seen``, which grows: flat indices and matrices."""
    count, n, _ = generators.shape
    stacked = generators.transpose(1, 0, 2).reshape(n, count * n)
    step = max(1, _CHUNK_BYTES // (8 * n * n * max(count, 1)))
    indices, matrices = [], []
    for start in range(0, len(frontier), step):
        rows = frontier[start : start + step].reshape(-1, n)
        table = ring.matmul(rows, stacked).reshape(-1, n, count, n)
        product = table.swapaxes(1, 2).reshape(-1, n, n)
        fresh = []
        for index, key in enumerate(_keys(product, ring)):
            if key not in seen:
                seen.add(key)
                fresh.append(index)
        chosen = np.array(fresh, dtype=np.intp)
        indices.append(chosen + start * count)
        matrices.append(product[chosen])
    return np.concatenate(indices), np.concatenate(matrices)


def _keys(matrices: Array, ring: Residues) -> list[bytes]:
    """The canonical residues of each matrix as bytes: equal exactly when the matrices are."""
    flat = ring.canonical(matrices).astype(np.uint32).reshape(len(matrices), -1)
    return [row.tobytes() for row in flat]


def _identity(n: int, scalars: Scalars) -> Array:
    return scalars.from_integers(np.eye(n, dtype=np.int64))
