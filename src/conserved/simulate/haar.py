"""Uniformly random group elements, for augmentation as it is done in practice.

A handful of random elements is no average: a law due to the symmetry of the data drifts under
them. That is what they are here to show.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf

import numpy as np

from conserved.errors import LimitError
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.symmetry import (
    ORBIT_LIMIT,
    Copies,
    DirectSum,
    Elements,
    Group,
    Hyperoctahedral,
    Orthogonal,
    Permutation,
    SignFlip,
    SpecialOrthogonal,
    enumerate_group,
)


def random_elements(group: Group, count: int, rng: np.random.Generator) -> Elements:
    """Independent elements from the uniform (Haar) distribution.

    Raises:
        LimitError: a group too large to list, of a kind for which no other way is known.

    Example:
        >>> g = random_elements(Orthogonal(3), 5, np.random.default_rng(0)).matrices
        >>> bool(np.allclose(g @ g.swapaxes(1, 2), np.eye(3)))
        True
    """
    if group.order <= ORBIT_LIMIT:
        every = _listed(group)
        chosen = rng.integers(len(every.signs), size=count)
        labels = None if every.labels is None else every.labels[chosen]
        return Elements(every.matrices[chosen], every.signs[chosen], labels)
    if isinstance(group, DirectSum):
        drawn = [random_elements(part, count, rng) for part in group.parts]
        signs = np.prod([part.signs for part in drawn], axis=0)
        return Elements(_blocks([part.matrices for part in drawn], group.dimension), signs)
    if isinstance(group, Copies):
        one = random_elements(group.group, count, rng)
        return Elements(_blocks([one.matrices] * group.count, group.dimension), one.signs)
    matrices = _matrices(group, count, rng)
    # of all the groups drawn from here the sign character is the determinant
    return Elements(matrices, np.rint(np.linalg.det(matrices)).astype(np.int64))


@lru_cache(maxsize=4)  # drawn from at every step
def _listed(group: Group) -> Elements:
    return enumerate_group(group, Reals())


def _matrices(group: Group, count: int, rng: np.random.Generator) -> Array:
    n = group.dimension
    if isinstance(group, Orthogonal | SpecialOrthogonal):
        return _rotations(n, count, rng, proper=isinstance(group, SpecialOrthogonal))
    if isinstance(group, Permutation | Hyperoctahedral):
        order = np.argsort(rng.random((count, n)), axis=1)
        matrices: Array = np.eye(n)[order]
        if isinstance(group, Hyperoctahedral):
            matrices = matrices * rng.choice([-1.0, 1.0], size=(count, 1, n))
        return matrices
    if isinstance(group, SignFlip):
        flips: Array = np.eye(n) * rng.choice([-1.0, 1.0], size=(count, 1, n))
        return flips
    size = "infinitely many" if group.order == inf else "too many"
    raise LimitError(
        f"symmetry '{group.name}': {size} elements to draw from at random; take "
        "full augmentation, or a group of up to 50,000 elements"
    )


def _blocks(parts: list[Array], n: int) -> Array:
    whole = np.zeros((len(parts[0]), n, n))
    start = 0
    for part in parts:
        stop = start + part.shape[-1]
        whole[:, start:stop, start:stop] = part
        start = stop
    return whole


def _rotations(n: int, count: int, rng: np.random.Generator, *, proper: bool) -> Array:
    """QR of a Gaussian matrix, with the signs that make it uniform (math-ph/0609050)."""
    q, r = np.linalg.qr(rng.standard_normal((count, n, n)))
    diagonal = np.diagonal(r, axis1=1, axis2=2)
    q = q * np.sign(diagonal)[:, None, :]
    if proper:
        q[:, :, 0] *= np.linalg.det(q)[:, None]
    rotations: Array = q
    return rotations
