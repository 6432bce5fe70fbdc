"""Coordinates of ranges, directions and quotients that are well conditioned where a run begins.

A range is the same whichever minor is split off, and a quotient is conserved if and only if its
reciprocal is. Laws are found where θ is random; at a θ at hand their denominators may be near 0,
and what a step does to h is then of the size of h, of all orders in η.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.real import Reals
from conserved.law import Law, RationalLaw, SpanLaw

Floats = NDArray[np.float64]


def chart_at(law: Law, theta: Floats) -> tuple[int, ...]:
    """The best coordinates at θ (D,).

    Returns:
        Pivots of a ``SpanLaw``; which quotients of a ``RationalLaw`` to turn over; nothing else.

    Example:
        >>> from conserved.law import Layout, Polynomial
        >>> one, two = (Polynomial.of({(k,): 1}) for k in (0, 1))
        >>> law = RationalLaw(layout=Layout((("w", (2,)),)), components=((one, two),))
        >>> chart = chart_at(law, np.array([3.0, 0.1]))
        >>> chart, charted(law, chart).text
        ((0,), 'w[2] / w[1]')
    """
    if isinstance(law, RationalLaw):
        value = law.values(Reals(), theta[None])[0]
        return tuple(int(k) for k in np.flatnonzero(~(np.abs(value) <= 1)))
    if isinstance(law, SpanLaw):
        rows = law.chosen(Reals(), theta[None]).reshape(-1, law.chart)
        return _pivots(rows) or law.pivots
    return ()


def charted(law: Law, chart: tuple[int, ...]) -> Law:
    """The law in these coordinates.

    Raises:
        InputError: there are none such.
    """
    if isinstance(law, RationalLaw):
        turned = [
            (below, above) if k in chart else (above, below)
            for k, (above, below) in enumerate(law.components)
        ]
        return replace(law, components=tuple(turned))
    if isinstance(law, SpanLaw):
        return replace(law, pivots=chart)
    return law


def _pivots(rows: Floats) -> tuple[int, ...]:
    """Columns that elimination with full pivoting takes, in ascending order; () if it stops."""
    left, found = rows.copy(), []
    while len(left):
        row, pivot = np.unravel_index(np.argmax(np.abs(left)), left.shape)
        top = left[row]
        if not top[pivot]:
            return ()
        found.append(int(pivot))
        left = np.delete(left - np.outer(left[:, pivot] / top[pivot], top), row, axis=0)
        left[:, pivot] = 0.0
    return tuple(sorted(found))
