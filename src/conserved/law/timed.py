"""Laws of dynamics that time itself moves: e^{λt} h and t^k h (theory §14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from conserved.errors import InputError
from conserved.kernel.flow import CLOCK
from conserved.kernel.reader import Reader
from conserved.kernel.scalars import Array, Scalars
from conserved.law.base import Kind, Law
from conserved.law.gram import GramLaw
from conserved.law.layout import Layout
from conserved.law.phase import PhaseLaw
from conserved.law.polynomial import Polynomial, PolynomialLaw
from conserved.law.rational import RationalLaw
from conserved.law.span import SpanLaw

POWER_LIMIT = 10**6


@dataclass(frozen=True, kw_only=True)
class TimedLaw(Law):
    """s^k h: a function h of the rest of the state times a power of the clock s.

    Args:
        law: h.
        power: k, not 0.
        unit: c with s = e^{ct}; 0 where the clock is t itself.

    Example:
        >>> from conserved.law import GramLaw, GramTerm
        >>> layout = Layout((("W1", (1, 2)), ("W2", (2, 1)), ("time", ())))
        >>> h = GramLaw(layout=layout, terms=(GramTerm("W1", 0), GramTerm("W2", 1, -1)))
        >>> print(TimedLaw(layout=layout, law=h, power=3, unit=Fraction(1, 2)))
        e^{3t/2} (‖W1‖² − ‖W2‖²)
    """

    form: ClassVar[str] = "timed"

    law: Law
    power: int
    unit: Fraction

    def __post_init__(self) -> None:
        if self.law.layout != self.layout or isinstance(self.law, TimedLaw):
            raise InputError("law", self.law.text, "a law of the same state without time is needed")
        if not 0 < abs(self.power) <= POWER_LIMIT or self.unit < 0:
            raise InputError("power", self.power, "a power of time, and not 0, is needed")
        if (self.law.origin, self.law.independent) != ("architecture", 0):
            object.__setattr__(self, "law", replace(self.law, origin="architecture", independent=0))
        _ = self._clock

    @property
    def rate(self) -> Fraction:
        """λ of e^{λt}; 0 for t^k."""
        return self.power * self.unit

    @property
    def kind(self) -> Kind:
        return self.law.kind

    @property
    def size(self) -> int:
        return self.law.size

    @property
    def roots(self) -> int:
        return self.law.roots

    @property
    def _clock(self) -> int:
        return int(self.layout.indices(CLOCK))

    def values(self, scalars: Scalars, theta: Array) -> Array:
        clock = theta[:, self._clock : self._clock + 1]
        return scalars.mul(_power(scalars, clock, self.power), self.law.values(scalars, theta))

    def gradients(self, scalars: Scalars, theta: Array) -> Array:
        clock, h = theta[self._clock], self.law.values(scalars, theta[None])[0]
        out = scalars.mul(self.law.gradients(scalars, theta), _power(scalars, clock, self.power))
        out[:, self._clock] = scalars.mul(h, _slope(scalars, clock, self.power))
        return out

    def derivative(self, scalars: Scalars, theta: Array, directions: Array) -> Array:
        clock, h = theta[self._clock], self.law.values(scalars, theta[None])
        along = self.law.derivative(scalars, theta, directions)
        slope = scalars.mul(h, _slope(scalars, clock, self.power))
        moved = scalars.mul(directions[:, self._clock, None], slope)
        return scalars.reduce(scalars.mul(along, _power(scalars, clock, self.power)) + moved)

    def data(self) -> dict[str, Any]:
        inner = {"form": self.law.form, **self.law.data()}
        return {"power": self.power, "unit": str(self.unit), "law": inner}

    @staticmethod
    def read(reader: Reader, layout: Layout, formed: Callable[[Reader, Layout], Law]) -> TimedLaw:
        """From ``data``; ``formed`` reads h."""
        power = reader["power"].integer(-POWER_LIMIT, POWER_LIMIT)
        unit = reader["unit"].fraction()
        return TimedLaw(layout=layout, law=formed(reader["law"], layout), power=power, unit=unit)


def in_time(law: Law, layout: Layout, power: int, unit: Fraction) -> Law:
    """s^k h on a state; h itself where k is 0."""
    inner = replace(law, layout=layout, origin="architecture", independent=0)
    return TimedLaw(layout=layout, law=inner, power=power, unit=unit) if power else inner


def degree_of(law: Law) -> int | None:
    """d with h(cθ) = c^d h(θ); None where there is none, or it is not known.

    Example:
        >>> from conserved.law import GramLaw, GramTerm
        >>> layout = Layout((("A", (2, 2)),))
        >>> laws = [GramLaw(layout=layout, terms=(GramTerm("A", 0, offset=s),)) for s in (0, 1)]
        >>> [degree_of(law) for law in laws]
        [2, None]
    """
    match law:
        case GramLaw():
            return None if any(term.offset for term in law.terms) else 2
        case PolynomialLaw():
            return _common(law.components)
        case RationalLaw():
            above, below = zip(*law.components, strict=True)
            over, under = _common(above), _common(below)
            return None if over is None or under is None else over - under
        case SpanLaw() | PhaseLaw():
            return 0
    return None


def _common(polynomials: Sequence[Polynomial]) -> int | None:
    """The degree of all monomials."""
    degrees = {len(m) for p in polynomials for m, _ in p.terms}
    return degrees.pop() if len(degrees) == 1 else None


def _power(scalars: Scalars, x: Array, exponent: int) -> Array:
    base = x if exponent > 0 else scalars.inverse(x)
    out: Array | None = None
    left = abs(exponent)
    while left:
        if left & 1:
            out = base if out is None else scalars.mul(out, base)
        base, left = scalars.mul(base, base), left >> 1
    assert out is not None
    return out


def _slope(scalars: Scalars, x: Array, exponent: int) -> Array:
    """k x^{k−1}."""
    rest = np.ones_like(x) if exponent == 1 else _power(scalars, x, exponent - 1)
    return scalars.mul(rest, scalars.from_integers(exponent))
