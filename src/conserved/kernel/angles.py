"""Rotations by angles that are no fraction of a turn, as exact constants (theory §12).

``cos(3*0.01)`` is the cosine of three times 0.01. Such angles of up to 8 decimals, or of up to 16,
…, are whole multiples of one unit ω; over GF(p) a formal rotation stands for that, and powers of it
for the angles: e^{iω} is transcendental (Lindemann).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import cos, sin

from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array

_FORM = re.compile(r"(cos|sin)\((\d{1,9})\*(\d{1,9}(?:\.\d{1,25})?(?:e-\d{1,2})?)\)")
_DIGITS = 8


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

    @property
    def digits(self) -> int:
        """Decimals of the unit, a multiple of 8: so many powers of 10 leave a rotation random."""
        below, digits = Fraction(self.base).denominator, _DIGITS
        while 10**digits % below:
            digits += _DIGITS
        return digits

    @property
    def steps(self) -> int:
        """How many units the angle has."""
        return self.multiple * int(Fraction(self.base) * 10**self.digits)

    def value(self, scalars: Residues, half: Array) -> Array:
        """Its value where tan(unit/2) has this one.

        Raises:
            DegenerateSampleError: there is no such rotation.
        """
        p = int(scalars.prime)
        turned = _turned(p, int(scalars.canonical(half)), self.steps)
        return scalars.from_integers(turned[self.sine])


@lru_cache(maxsize=65536)
def _turned(p: int, half: int, steps: int) -> tuple[int, int]:
    """(cos, sin) mod p of so many units, by squaring."""
    below = (1 + half * half) % p
    if not below:
        raise DegenerateSampleError("no rotation by the unit of angles")
    inverse = pow(below, -1, p)
    c, s = (1 - half * half) * inverse % p, 2 * half * inverse % p
    total = 1, 0
    for bit in bin(steps)[2:]:
        a, b = total
        a, b = (a * a - b * b) % p, 2 * a * b % p
        total = ((a * c - b * s) % p, (a * s + b * c) % p) if bit == "1" else (a, b)
    return total


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
