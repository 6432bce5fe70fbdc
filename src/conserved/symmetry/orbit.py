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
_POINT_ROWS = 2


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

    The search runs through the orbit of one random point, v ↦ v g for two rows v: n² operations a
    step where matrices take n³. Images that differ belong to different elements, so |G| images
    prove that every element was found once. A point that some g ≠ 1 fixes (probability below
    |G|/p²) would show too few and be refused.

    Raises:
        LimitError: as ``enumerate_group``; the message has the size and the limit.
        ConservedError: as ``enumerate_group``; it has both numbers.

    Example:
        >>> from conserved.symmetry import Rotation
        >>> enumerate_words(Rotation(4)).levels
        (0, 1, 2, 3, 4)
    """
    require_enumerable(group, limit)
    return _search(group)


def require_enumerable(group: Group, limit: int = ORBIT_LIMIT) -> None:
    """Refuse, before anything is computed, a group too large to list.

    Raises:
        LimitError: with its size and the limit.
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
    # seeded here: which point it is changes neither the words nor their order
    frontier = ring.random(np.random.default_rng(0), (1, _POINT_ROWS, group.dimension))
    seen = set(_keys(frontier, ring))
    indices = [np.zeros(1, dtype=np.intp)]  # parent · g + letter, level by level
    levels = [0, 1]
    # wrong generators may generate an infinite group: stop once there are too many
    while len(frontier) and len(seen) <= group.order:
        fresh, frontier = _new_products(frontier, generators, ring, seen)
        indices.append(fresh + levels[-2] * len(generators))
        levels.append(len(seen))
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
    """What (image, generator) pairs bring that is not in ``seen``: flat indices, new images.

    Args:
        frontier: images v·g of the point, (F, rows, n).
        generators: (g, n, n).
        ring: their residues.
        seen: keys of all images so far; grows.
    """
    count, n, _ = generators.shape
    stacked = generators.transpose(1, 0, 2).reshape(n, count * n)
    step = max(1, _CHUNK_BYTES // (8 * _POINT_ROWS * n * max(count, 1)))
    indices, images = [], []
    for start in range(0, len(frontier), step):
        part = frontier[start : start + step]
        table = ring.matmul(part.reshape(-1, n), stacked)
        table = table.reshape(len(part), _POINT_ROWS, count, n).swapaxes(1, 2)
        product = table.reshape(len(part) * count, _POINT_ROWS, n)
        fresh = []
        for index, key in enumerate(_keys(product, ring)):
            if key not in seen:
                seen.add(key)
                fresh.append(index)
        chosen = np.array(fresh, dtype=np.intp)
        indices.append(chosen + start * count)
        images.append(product[chosen])
    return np.concatenate(indices), np.concatenate(images)


def _keys(images: Array, ring: Residues) -> list[bytes]:
    """The canonical residues of each image as bytes: equal exactly when the images are."""
    return [image.tobytes() for image in ring.canonical(images).astype(np.uint32)]


def _identity(n: int, scalars: Scalars) -> Array:
    return scalars.from_integers(np.eye(n, dtype=np.int64))
