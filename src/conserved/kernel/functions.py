"""Elementary functions, each said once: its real value, its formal value, its derivative.

Source of the derivative rules: theory §8. A function f is a value at ε^0 and a slope f′ that is
itself made of ring operations, so jets of any order follow: f(a + εb) = f(a) + ε f′(a) b.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, pi, sqrt

import numpy as np

from conserved.kernel.angles import angle
from conserved.kernel.formal import FormalValues
from conserved.kernel.jets import Jets, halves, join
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array, Scalars


@dataclass(frozen=True)
class Elementary:
    """One function of one variable.

    Args:
        name: the name users know.
        real: its value on float64 arrays.
        formal: its value over GF(p), from formal values and ring operations.
        slope: (ring, z, f(z)) → f′(z), on jets.
        meets: (ring, z, f(z)) → what the formal values rest on, for ``genericity``, by family:
            "exp", arguments of exponentials; "circle", of sines; "log", of logarithms; "softplus",
            z where 1 + exp(z) is one; "value", what these logarithms are, up to other arguments.
    """

    name: str
    real: Callable[[Array], Array]
    formal: Callable[[FormalRing, Array], Array]
    slope: Callable[[FormalRing, Array, Array], Array]
    meets: Callable[[FormalRing, Array, Array], list[tuple[str, Array]]] = lambda ring, z, f: [
        ("exp", z)
    ]


class FormalRing(Jets):
    """Jets that also know the elementary functions.

    Args:
        scalars: residues (functions get formal values) or reals (their own).
        salt: fixes the formal values; one session keeps one salt.

    ``arguments`` records, when set to a list, every array of arguments (at ε^0) of a
    transcendental function with its family, for the independence test.
    """

    def __init__(self, scalars: Scalars, salt: int = 0) -> None:
        super().__init__(scalars)
        self.values = FormalValues(scalars, salt) if isinstance(scalars, Residues) else None
        self.arguments: list[tuple[str, Array]] | None = None
        self.used_formal_values = False
        self.used_roots = False
        self.used_constants: set[str] = set()

    def function(self, name: str, z: Array) -> Array:
        """f(z) for a name in ``ELEMENTARY``, z jets of any order."""
        rule = ELEMENTARY[name]
        if len(z) > 1:
            low, tangent = halves(z)
            value = self.function(name, low)
            return join(value, self.mul(rule.slope(self, low, value), tangent))
        if self.values is None:
            return rule.real(z)
        self.used_formal_values = True
        value = rule.formal(self, z)
        if self.arguments is not None:
            self.arguments += rule.meets(self, z, value)
        return value

    def slope(self, name: str, z: Array, value: Array) -> Array:
        """f′(z), given z and f(z)."""
        return ELEMENTARY[name].slope(self, z, value)

    def constant(self, name: str) -> float | int | Array:
        """A named real constant, or its formal value over GF(p)."""
        turned = angle(name)
        if self.values is None:
            return CONSTANTS[name] if turned is None else turned.real
        if turned is not None:
            unit = f"cosines of {turned.digits} decimals"
            self.used_constants.add(unit)
            return turned.value(self.values.scalars, self.values.constant(unit))
        self.used_constants.add(name)
        return self.values.constant(name)

    def square_root(self, x: Array) -> Array:
        self.used_roots = True
        return super().square_root(x)

    def root_slope(self, x: Array, root: Array) -> Array:
        """The derivative of √x, given x and √x."""
        return self.inverse(self.scale(root, 2))

    def one(self) -> Array:
        return np.ones((1, 1, 1), dtype=self.scalars.dtype)

    def neg(self, x: Array) -> Array:
        return self.scalars.reduce(-x)

    def scale(self, x: Array, factor: float | int | Array) -> Array:
        """x times one scalar."""
        return self.scalars.mul(x, np.asarray(factor, dtype=self.scalars.dtype))

    def formal(self) -> FormalValues:
        assert self.values is not None, "formal values exist over GF(p) only"
        return self.values


def is_named(value: int | str) -> bool:
    """Whether a constant is known by name alone: it has a formal value over GF(p)."""
    return isinstance(value, str) and (value in CONSTANTS or angle(value) is not None)


CONSTANTS = {"2/√π": 2 / sqrt(pi), "1/√(2π)": 1 / sqrt(2 * pi), "√(2/π)": sqrt(2 / pi)}


def _half_tanh(ring: FormalRing, z: Array) -> Array:
    return ring.formal().odd("tanh(z/2)", z)


def _exp(ring: FormalRing, z: Array) -> Array:
    u = _half_tanh(ring, z)
    one = ring.one()
    return ring.mul(ring.add(one, u), ring.inverse(ring.sub(one, u)))


def _sigmoid(ring: FormalRing, z: Array) -> Array:
    return ring.scale(ring.add(ring.one(), _half_tanh(ring, z)), ring.scalars.fraction(1, 2))


def _tanh(ring: FormalRing, z: Array) -> Array:
    u = _half_tanh(ring, z)
    return ring.mul(ring.scale(u, 2), ring.inverse(ring.add(ring.one(), ring.mul(u, u))))


def _softplus(ring: FormalRing, z: Array) -> Array:
    """z/2 plus an even function, because softplus(z) − softplus(−z) = z."""
    even = ring.formal().even("softplus", z)
    return ring.add(ring.scale(z, ring.scalars.fraction(1, 2)), even)


def _softplus_meets(ring: FormalRing, z: Array, f: Array) -> list[tuple[str, Array]]:
    """softplus(z) − z/2 = log(1 + exp(z)) − z/2, and it is the same for −z."""
    even = ring.sub(f, ring.scale(z, ring.scalars.fraction(1, 2)))
    return [("exp", z), ("softplus", z), ("value", even)]


def _log(ring: FormalRing, z: Array) -> Array:
    """An odd function of the two values z and 1/z, because log(1/z) = −log(z); log(1) = 0."""
    values = ring.formal()
    here, there = (values.scalars.canonical(x) for x in (z, ring.inverse(z)))
    value = values.even("log", values.scalars.from_canonical(np.minimum(here, there)))
    value = np.where(here < there, value, ring.neg(value))
    return np.where(here == there, np.zeros_like(value), value)


def _circle(ring: FormalRing, z: Array) -> tuple[Array, Array]:
    """(cos z, sin z) from one odd function v = tan(z/2)."""
    v = ring.formal().odd("tan(z/2)", z)
    square = ring.mul(v, v)
    inverse = ring.inverse(ring.add(ring.one(), square))
    return ring.mul(ring.sub(ring.one(), square), inverse), ring.mul(ring.scale(v, 2), inverse)


def _gaussian(ring: FormalRing, z: Array, half: bool, constant: str) -> Array:
    """c·exp(−z²), or c·exp(−z²/2): the slope of erf and of the normal distribution function."""
    return ring.scale(ring.function("exp", _exponent(ring, z, half)), ring.constant(constant))


def _exponent(ring: FormalRing, z: Array, half: bool) -> Array:
    square = ring.neg(ring.mul(z, z))
    return ring.scale(square, ring.scalars.fraction(1, 2)) if half else square


def _gaussian_meets(
    ring: FormalRing, z: Array, half: bool, constant: str
) -> list[tuple[str, Array]]:
    """The integral is met even where its slope is not."""
    ring.constant(constant)
    return [("exp", _exponent(ring, z, half))]


_ERF = np.frompyfunc(erf, 1, 1)


def _real_erf(z: Array) -> Array:
    return np.asarray(_ERF(z), dtype=np.float64)


def _real_log(z: Array) -> Array:
    """log |z|, whose slope is 1/z as well."""
    return np.log(np.abs(z))


def _real_normal(z: Array) -> Array:
    return 0.5 * _real_erf(z / sqrt(2))


def _real_sigmoid(z: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * z))


ELEMENTARY: dict[str, Elementary] = {
    rule.name: rule
    for rule in (
        Elementary("exp", np.exp, _exp, lambda ring, z, f: f),
        Elementary("tanh", np.tanh, _tanh, lambda ring, z, f: ring.sub(ring.one(), ring.mul(f, f))),
        Elementary(
            "sigmoid", _real_sigmoid, _sigmoid, lambda ring, z, f: ring.sub(f, ring.mul(f, f))
        ),
        Elementary(
            "softplus",
            lambda z: np.logaddexp(0.0, z),
            _softplus,
            lambda ring, z, f: ring.function("sigmoid", z),
            _softplus_meets,
        ),
        Elementary(
            "erf",
            _real_erf,
            lambda ring, z: ring.formal().odd("erf", z),
            lambda ring, z, f: _gaussian(ring, z, False, "2/√π"),
            lambda ring, z, f: _gaussian_meets(ring, z, False, "2/√π"),
        ),
        Elementary(  # Φ(z) − 1/2, the odd part of the normal distribution function
            "normal",
            _real_normal,
            lambda ring, z: ring.formal().odd("normal", z),
            lambda ring, z, f: _gaussian(ring, z, True, "1/√(2π)"),
            lambda ring, z, f: _gaussian_meets(ring, z, True, "1/√(2π)"),
        ),
        Elementary(
            "log",
            _real_log,
            _log,
            lambda ring, z, f: ring.inverse(z),
            lambda ring, z, f: [("log", z), ("value", f)],
        ),
        Elementary(
            "sin",
            np.sin,
            lambda ring, z: _circle(ring, z)[1],
            lambda ring, z, f: ring.function("cos", z),
            lambda ring, z, f: [("circle", z)],
        ),
        Elementary(
            "cos",
            np.cos,
            lambda ring, z: _circle(ring, z)[0],
            lambda ring, z, f: ring.neg(ring.function("sin", z)),
            lambda ring, z, f: [("circle", z)],
        ),
    )
}
