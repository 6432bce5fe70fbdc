"""What a float in a module means: a fraction, a root, an angle, or any number (theory §12).

A rounded irrational is never reduced mod p as the binary fraction that it happens to be: relations
such as cos² + sin² = 1 would fail, and laws would break. What is recognised is written exactly;
what is not, such as a frozen weight, is the binary fraction that it is, and the output says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import acos, isqrt, pi

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.functions import CONSTANTS
from conserved.networks.torch.angles import Angles

Exact = int | str
Floats = NDArray[np.float64]

_DOUBLE = 2.0**-49  # relative error of a number that was computed in float64
_SINGLE = 2.0**-21  # the same in float32
_DENOMINATOR = {_DOUBLE: 4096, _SINGLE: 128}  # a random number is rarely so near such a fraction
_DIGITS = {_DOUBLE: 12, _SINGLE: 6}  # of a decimal that somebody typed
_ROOT_LIMIT = 400  # n of √n/d
_PARTS = 48  # of a half turn
_CHANCE = 8  # numbers of no simple form for each root: then the root is none


@dataclass
class Constants:
    """What the constants of a module were taken for.

    Attributes:
        frozen: (name, shape) of weights and buffers that are not trained.
        eps: the small numbers that keep roots and quotients away from 0, as they are.
        notes: what was read in another way than it is written.
        angles: the base angles of rotations.
    """

    frozen: dict[str, tuple[int, ...]] = field(default_factory=dict)
    eps: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    angles: Angles = field(default_factory=Angles)
    roots: Counter[str] = field(default_factory=Counter)
    generic: int = 0

    def note(self, text: str) -> None:
        """Say once how something was read."""
        if text not in self.notes:
            self.notes.append(text)

    def exact(self, value: float) -> Exact:
        """One number."""
        found = recognised(value)
        if found is None:
            self.generic += 1
            return _written(Fraction(value))
        if isinstance(found, str) and not _is_fraction(found):
            self.roots[found] += 1
        return found

    def table(self, values: Floats) -> tuple[Exact, ...]:
        """All entries of a constant tensor, in C order."""
        known: dict[float, Exact] = {}
        unknown = []
        for value in np.unique(values).tolist():
            found = recognised(value)
            if found is None:
                unknown.append(value)
            else:
                known[value] = found
        if unknown:
            turned = self.angles.read(values)
            if turned is not None:
                return turned
        irrational = [v for v, found in known.items() if not _is_fraction(str(found))]
        if len(unknown) > _CHANCE * len(irrational):  # among many numbers some are near a root
            unknown += irrational
            known = {v: found for v, found in known.items() if _is_fraction(str(found))}
        for value in known:
            self.exact(value)
        self.generic += len(unknown)
        known |= {value: _written(Fraction(value)) for value in unknown}
        return tuple(known[value] for value in values.ravel().tolist())

    def lines(self) -> tuple[str, ...]:
        """All of it in words, for the output."""
        found = []
        if self.frozen:
            shown = ", ".join(f"{name} {_times(shape)}" for name, shape in self.frozen.items())
            found.append(f"frozen at their values: {shown}")
        if self.roots:
            found.append(f"exact: {', '.join(sorted(self.roots))}")
        if self.angles.bases:
            found.append(f"rotations by multiples of {', '.join(self.angles.bases)} (formal)")
        if self.eps:
            found.append(f"eps: {', '.join(sorted(self.eps))}")
        if self.generic and not self.frozen:
            found.append(f"{self.generic} numbers of no simple form, as the fractions they are")
        return (*found, *self.notes)


@lru_cache(maxsize=65536)
def recognised(value: float) -> Exact | None:
    """The exact number that a float stands for, or None.

    Example:
        >>> recognised(0.5), recognised(1e-5), recognised(1 / 3), recognised(2.0)
        ('1/2', '1/100000', '1/3', 2)
        >>> recognised(8**-0.5), recognised(0.7978845608028654), recognised(0.8147236863931789)
        ('sqrt(2)/4', '√(2/π)', None)
    """
    if value.is_integer() and abs(value) < 2**53:
        return int(value)
    single = float(np.float32(value)) == value and not _is_dyadic(value)
    error = _SINGLE if single else _DOUBLE
    ratio = _fraction(value, error, single=single)
    if ratio is not None:
        return _written(ratio)
    if abs(value) < 1e-8 or abs(value) > 1e8:
        return None
    return _root(value, error, single=single) or _named(value, error) or _turn(value, error)


def _is_dyadic(value: float) -> bool:
    """Whether a float is a binary fraction of few bits: exact as it stands."""
    ratio = Fraction(value)
    return ratio.denominator <= 2**16 or abs(ratio.numerator) == 1


def _fraction(value: float, error: float, *, single: bool) -> Fraction | None:
    if _is_dyadic(value):
        return Fraction(value)
    near = Fraction(value).limit_denominator(_DENOMINATOR[error])
    if near and abs(near.numerator) <= 2**20 and abs(float(near) - value) <= error * abs(value):
        return near
    typed = Decimal(str(np.float32(value)) if single else repr(value))
    return Fraction(typed) if len(typed.as_tuple().digits) <= _DIGITS[error] else None


def _root(value: float, error: float, *, single: bool) -> str | None:
    """√(n/d) as a text, for small n·d."""
    square = Fraction(value * value).limit_denominator(_DENOMINATOR[error])
    n = square.numerator * square.denominator
    if not 1 < n <= _ROOT_LIMIT or isqrt(n) ** 2 == n:
        return None
    if abs(float(square) ** 0.5 - abs(value)) > error * abs(value):
        return None
    outside = max(k for k in range(1, isqrt(n) + 1) if n % k**2 == 0)
    factor = Fraction(outside, square.denominator) * (1 if value > 0 else -1)
    above = {1: "", -1: "-"}.get(factor.numerator, f"{factor.numerator}*")
    below = "" if factor.denominator == 1 else f"/{factor.denominator}"
    return f"{above}sqrt({n // outside**2}){below}"


def _named(value: float, error: float) -> str | None:
    for name, known in CONSTANTS.items():
        if abs(known - value) <= error:
            return name
    return None


def _turn(value: float, error: float) -> str | None:
    """Cos of a small fraction of a half turn; sines are cosines too."""
    if abs(value) >= 1:
        return None
    part = Fraction(acos(value) / pi).limit_denominator(_PARTS)
    if abs(float(part) - acos(value) / pi) > error:
        return None
    return f"cos({part.numerator}*pi/{part.denominator})"


def _written(ratio: Fraction) -> Exact:
    return ratio.numerator if ratio.denominator == 1 else f"{ratio.numerator}/{ratio.denominator}"


def _is_fraction(text: str) -> bool:
    return not any(c.isalpha() or c == "√" for c in text)


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "1"
