"""Groups listed element by element, and how the elements move inputs.

What ``cayley`` finds are words in the generators; spelling them gives the same elements in any
scalars, in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from conserved.errors import LimitError
from conserved.kernel.orbit import moved
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.cayley import ELEMENT_BYTES, ORBIT_LIMIT, Words, spell, words_of
from conserved.symmetry.group import Group
from conserved.symmetry.sizes import readable, shortened


@dataclass(frozen=True, eq=False)
class Elements:
    """All elements of a group; the identity is the first.

    Args:
        matrices: shape (G, n, n), in the scalars asked for.
        signs: the sign character of each, shape (G,), integers ±1 whatever the scalars.
        labels: the second representation, (G, m, m), of a group that comes with one.
    """

    matrices: Array
    signs: NDArray[np.int64]
    labels: Array | None = None


def enumerate_group(group: Group, scalars: Scalars, limit: int = ORBIT_LIMIT) -> Elements:
    """All elements of a group in these scalars, in an order that does not depend on the scalars.

    Args:
        group: the group, dimension n.
        scalars: over GF(p), p ≡ 1 mod 4·``group.roots``.
        limit: the largest order to enumerate.

    Raises:
        LimitError: when the group is infinite or too large to list.
        ConservedError: the generators do not generate a group of the stated order.

    Example:
        >>> from conserved.kernel.real import Reals
        >>> from conserved.symmetry import Shift
        >>> elements = enumerate_group(Shift(3), Reals())
        >>> elements.matrices[2] @ [1, 2, 3]
        array([2., 3., 1.])
    """
    words = enumerate_words(group, limit)
    # the sign character is a representation by matrices of size 1
    letters = np.array(group.signs, dtype=np.float64).reshape(-1, 1, 1)
    signs = spell(words, letters, Reals()).astype(np.int64).ravel()
    second = group.label_matrices(scalars)
    labels = None
    if second is not None:
        _require_memory(group, "label matrices", len(signs), second[0].shape[-1])
        labels = spell(words, second[0], scalars)
    return Elements(spell(words, group.generators(scalars), scalars), signs, labels)


def enumerate_words(group: Group, limit: int = ORBIT_LIMIT) -> Words:
    """Words for all elements of a finite group, by breadth-first search over a companion GF(p).

    Raises:
        LimitError: as ``enumerate_group``; the message has the size and the limit.
        ConservedError: as ``enumerate_group``; it has both numbers.

    Example:
        >>> from conserved.symmetry import Rotation
        >>> enumerate_words(Rotation(4)).levels
        (0, 1, 2, 3, 4)
    """
    require_enumerable(group, limit)
    return words_of(group)


def require_enumerable(group: Group, limit: int = ORBIT_LIMIT) -> int:
    """The order of a group that can be listed; the others are refused before anything is computed.

    Raises:
        LimitError: infinite or too large, with the size and the limit.

    Example:
        >>> from conserved.symmetry import Orthogonal
        >>> require_enumerable(Orthogonal(8))
        Traceback (most recent call last):
        conserved.errors.LimitError: symmetry 'orthogonal': the group is infinite; explicit orbits \
list finite groups of up to 50,000 elements: take a finite subgroup
    """
    order = group.order
    if not isinstance(order, int):
        what = "the group is infinite" if order == inf else "the group is infinite or too large"
        raise LimitError(
            f"symmetry '{shortened(group.name)}': {what}; explicit orbits list finite groups "
            f"of up to {limit:,} elements: take a finite subgroup"
        )
    if order > limit:
        raise LimitError(
            f"symmetry '{shortened(group.sized)}': an orbit has {readable(order)} elements; "
            f"explicit orbits stop at {limit:,}: take a smaller group"
        )
    _require_memory(group, "matrices", order, group.dimension)
    return order


def act_on_inputs(elements: Elements, x: Array, scalars: Scalars) -> Array:
    """The orbit of every input, x ↦ x gᵀ on the last axis: a vector, or each token's features.

    Args:
        elements: G matrices (n, n).
        x: (B, …, n), in these scalars.
        scalars: those of ``elements``.

    Returns:
        Shape (B, G, …, n).

    Example:
        >>> from conserved.kernel.real import Reals
        >>> from conserved.symmetry import Negation
        >>> pair = enumerate_group(Negation(2), Reals())
        >>> act_on_inputs(pair, np.array([[1.0, 2.0]]), Reals()).tolist()
        [[[1.0, 2.0], [-1.0, -2.0]]]
    """
    return moved(elements.matrices, x, scalars)


def _require_memory(group: Group, what: str, count: int, size: int) -> None:
    needed = 8 * count * size**2
    if needed > ELEMENT_BYTES:
        raise LimitError(
            f"symmetry '{shortened(group.sized)}': the {what} of all elements would take "
            f"{needed / 2**30:,.1f} GiB; explicit orbits stop at {ELEMENT_BYTES / 2**30} GiB: "
            "take a smaller group"
        )
