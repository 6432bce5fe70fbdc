"""The elements of a group as words in its generators, found by breadth-first search.

The search runs through the images v g of a point v, a few rows: of a random one where the order is
known, of the identity matrix (the images are then the elements) where it has to be found. It
decides which products are equal, so it runs over residues; float64 matrices are never compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import lcm

import numpy as np
from numpy.typing import NDArray

from conserved.errors import ConservedError
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.residues import Residues, residues
from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.group import UNKNOWN_ORDER, Group
from conserved.symmetry.sizes import readable

ORBIT_LIMIT = 50_000  # elements of a group that is listed
ELEMENT_BYTES = 2**29  # of all their matrices together
_CHUNK_BYTES = 2**25  # of the products compared at once
_POINT_ROWS = 2
_WORDS, _LETTERS = 48, 12  # random products, and their lengths
_LARGEST_ORDER = 240  # of a product that counts


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


# a problem enumerates the same group over residues, over the reals, and again for its check
@lru_cache(maxsize=8)
def words_of(group: Group) -> Words:
    """Words for the elements of a finite group, whose stated order they prove.

    Images that differ belong to different elements, so |G| images show that every element was
    found once. A point that some g ≠ 1 fixes (probability below |G|/p²) would show too few and be
    refused.

    Raises:
        ConservedError: the generators do not generate a group of the stated order.
    """
    ring = residues(prime_with_roots(group.roots))
    generators = group.generators(ring)
    # wrong generators may generate an infinite group: stop once there are too many
    words = _explore(generators, _random_point(group.dimension, ring), ring, group.order)
    if len(words.parents) != group.order:
        raise ConservedError(
            f"{group.sized}: its generators give at least {len(words.parents):,} elements, "
            f"its stated order is {readable(group.order)}"
        )
    return words


def order_by_closure(group: Group, limit: int = ORBIT_LIMIT) -> int | float:
    """The order of a group known by its generators alone; ``UNKNOWN_ORDER`` if too large to list.

    The matrices are closed under the generators over two primes, and both have to give the same
    words: an infinite group has finitely many images mod p too, but not the same few mod two
    primes.

    Args:
        group: has no infinitesimal generators; its ``order`` is not asked for.
        limit: the largest order to list.

    Example:
        >>> from conserved.symmetry import Permutation
        >>> order_by_closure(Permutation(4))
        24
    """
    n = group.dimension
    limit = min(limit, ELEMENT_BYTES // (8 * n**2))
    found = []
    for index in (0, 1):
        ring = residues(prime_with_roots(group.roots, index=index))
        generators = group.generators(ring)
        # two rows are enough to see that there are too many, and far cheaper than all
        for point in (_random_point(n, ring), identity(n, ring)[None]):
            words = _explore(generators, point, ring, limit)
            if len(words.parents) > limit:
                return UNKNOWN_ORDER
        found.append(words)
    first, second = found
    same = np.array_equal(first.parents, second.parents)
    same = same and np.array_equal(first.letters, second.letters)
    return len(first.parents) if same else UNKNOWN_ORDER


def order_over(group: Group, ring: Residues) -> int:
    """How many matrices the generators of a finite group make mod a prime, one more at most.

    Example:
        >>> from conserved.symmetry import Permutation
        >>> order_over(Permutation(4), residues(prime_with_roots(1)))
        24
    """
    point = identity(group.dimension, ring)[None]
    return len(_explore(group.generators(ring), point, ring, group.order).parents)


def exponent_of_words(group: Group) -> int:
    """The least common multiple of the orders of random products of a finite group's generators.

    It divides the exponent of the group, and but for degenerate draws is the exponent. Products of
    large order are left out.

    Example:
        >>> from conserved.symmetry import Icosahedral
        >>> exponent_of_words(Icosahedral())
        30
    """
    ring, rng = residues(prime_with_roots(group.roots)), np.random.default_rng(0)
    generators = group.generators(ring)
    exponent = 1
    for _ in range(_WORDS if len(generators) else 0):
        word = identity(group.dimension, ring)
        for letter in rng.integers(len(generators), size=rng.integers(1, _LETTERS)):
            word = ring.matmul(word, generators[letter])
        start = moved = ring.random(rng, (group.dimension, 1))
        for order in range(1, _LARGEST_ORDER + 1):
            moved = ring.matmul(word, moved)
            if not (moved != start).any():
                exponent = lcm(exponent, order)
                break
    return exponent


def spell(words: Words, generators: Array, scalars: Scalars) -> Array:
    """The element of each word, in any representation.

    Args:
        words: of G elements.
        generators: their matrices in the representation, (g, m, m).
        scalars: those of ``generators``.

    Returns:
        Shape (G, m, m).
    """
    m = generators.shape[-1]
    matrices = np.empty((len(words.parents), m, m), dtype=scalars.dtype)
    matrices[:1] = identity(m, scalars)
    for start, stop in pairwise(words.levels[1:]):
        parents, letters = words.parents[start:stop], words.letters[start:stop]
        matrices[start:stop] = scalars.matmul(matrices[parents], generators[letters])
    return matrices


def identity(n: int, scalars: Scalars) -> Array:
    """The identity matrix of size n in these scalars."""
    return scalars.from_integers(np.eye(n, dtype=np.int64))


def _random_point(n: int, ring: Residues) -> Array:
    # seeded here: which point it is changes neither the words nor their order
    return ring.random(np.random.default_rng(0), (1, _POINT_ROWS, n))


def _explore(generators: Array, point: Array, ring: Residues, limit: int | float) -> Words:
    """Words for the distinct images of a point, (1, rows, n); more than ``limit`` when it stops."""
    frontier = point
    seen = set(_keys(frontier, ring))
    indices = [np.zeros(1, dtype=np.intp)]  # parent · g + letter, level by level
    levels = [0, 1]
    while len(frontier) and len(seen) <= limit:
        fresh, frontier = _new_products(frontier, generators, ring, seen, limit)
        indices.append(fresh + levels[-2] * len(generators))
        levels.append(len(seen))
    parents, letters = np.divmod(np.concatenate(indices), max(len(generators), 1))
    return Words(parents, letters, tuple(levels[:-1]))  # the last level is empty


def _new_products(
    frontier: Array, generators: Array, ring: Residues, seen: set[bytes], limit: int | float
) -> tuple[NDArray[np.intp], Array]:
    """What (image, generator) pairs bring that is not in ``seen``: flat indices, new images.

    Args:
        frontier: images v·g of the point, (F, rows, n).
        generators: (g, n, n).
        ring: their residues.
        seen: keys of all images so far; grows.
        limit: once ``seen`` holds more, the rest is left out.
    """
    count, n, _ = generators.shape
    height = frontier.shape[1]
    stacked = generators.transpose(1, 0, 2).reshape(n, count * n)
    step = max(1, _CHUNK_BYTES // (8 * height * n * max(count, 1)))
    indices, images = [], []
    for start in range(0, len(frontier), step):
        part = frontier[start : start + step]
        table = ring.matmul(part.reshape(-1, n), stacked)
        table = table.reshape(len(part), height, count, n).swapaxes(1, 2)
        product = table.reshape(len(part) * count, height, n)
        fresh = []
        for index, key in enumerate(_keys(product, ring)):
            if key not in seen:
                seen.add(key)
                fresh.append(index)
        chosen = np.array(fresh, dtype=np.intp)
        indices.append(chosen + start * count)
        images.append(product[chosen])
        if len(seen) > limit:
            break
    return np.concatenate(indices), np.concatenate(images)


def _keys(images: Array, ring: Residues) -> list[bytes]:
    """The canonical residues of each image as bytes: equal exactly when the images are."""
    return [image.tobytes() for image in ring.canonical(images).astype(np.uint32)]
