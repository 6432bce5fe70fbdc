"""Rotations by angles that are no fraction of a turn, as exact constants (theory §12).

``cos(3*0.01)`` is the cosine of three times 0.01. Over GF(p) one formal rotation stands for each
base angle and its powers for the multiples: e^{iω} of algebraic ω that are independent over Q are
algebraically independent (Lindemann and Weierstrass).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import cos, sin

import numpy as np

from conserved.kernel.errors import Redraw
from conserved.kernel.scalars import Array, Scalars

_FORM = re.compile(r"(cos|sin)\((\d{1,9})\*(\d{1,9}(?:\.\d{1,25})?(?:e-\d{1,2})?)\)")


@dataclass(frozen=True)
class Angle:
    """cos or sin of a multiple of a base angle.

    Args:
        sine: which of the two.
        multiple: a whole number.
        base: the angle in radians, as a decimal.
    """

    sine: bool
    multiple: int
    base: str

    @property
    def real(self) -> float:
        """Its value in float64."""
        return (sin if self.sine else cos)(self.multiple * float(self.base))

    def value(self, scalars: Scalars, half: Array) -> Array:
        """Its value where tan(base/2) has this one.

        Raises:
            Redraw: there is no such rotation.
        """
        one = np.asarray(scalars.fraction(1, 1), dtype=scalars.dtype)
        square = scalars.mul(half, half)
        below = scalars.reduce(one + square)
        if scalars.is_zero(below):
            raise Redraw(f"no rotation by {self.base}")
        inverse = scalars.inverse(below)
        turn = scalars.mul(scalars.reduce(one - square), inverse), scalars.mul(2 * half, inverse)
        total = one, scalars.reduce(one - one)
        for bit in bin(self.multiple)[2:]:
            total = _after(scalars, total, total)
            if bit == "1":
                total = _after(scalars, total, turn)
        return total[self.sine]


def _after(scalars: Scalars, a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    """The rotation (cos, sin) = a after the rotation b."""
    mul = scalars.mul
    return (
        scalars.reduce(mul(a[0], b[0]) - mul(a[1], b[1])),
        scalars.reduce(mul(a[0], b[1]) + mul(a[1], b[0])),
    )


@lru_cache(maxsize=65536)  # the entries of a table repeat
def angle(text: str) -> Angle | None:
    """The angle that a text names, or None.

    Example:
        >>> angle("sin(3*0.01)").real == sin(0.03), angle("sin(2*pi/3)")
        (True, None)
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    name, multiple, base = found.groups()
    return Angle(name == "sin", int(multiple), base)
