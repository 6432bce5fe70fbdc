"""Exact real numbers as text: integers, fractions, cosines and sines of rational angles, roots.

``entry("sqrt(5)/4 - 1/4").value(scalars)`` is the same number in every scalars. Over GF(p) all of
it is made from one set of roots of unity, so that relations such as cos(2π/5) = (√5 − 1)/4 hold.
"""

from __future__ import annotations

import ast
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import final

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.errors import ConservedError
from conserved.kernel.scalars import Array, Scalars

ROOTS_LIMIT = 10_000  # leaves hundreds of primes ≡ 1 mod 4k below 2^23 to try
_LENGTH_LIMIT = 200  # characters
_WORDS = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+|cos|sin|sqrt|pi|[-+*/() ])*")
_GRAMMAR = "an entry is made from numbers, + - * / ( ), cos(2*pi/5), sin(pi/3) and sqrt(2)"
_NO_QUOTIENT = "divides by zero, or by a number that is 0 mod p"


class EntryError(ConservedError, ValueError):
    """An entry that is no number of this kind; whoever reads the file says where it stands."""


class Entry(ABC):
    """A real number in a field Q(cos 2π/k, sin 2π/k), by how it is written.

    Law every entry obeys: ``value`` maps sums to sums and products to products, in all scalars.
    """

    @property
    @abstractmethod
    def roots(self) -> int:
        """k, as ``Group.roots``."""

    @abstractmethod
    def value(self, scalars: Scalars) -> Array:
        """The number in these scalars, shape ().

        Raises:
            EntryError: a denominator is 0, or is 0 mod p.
        """


@final
@dataclass(frozen=True)
class Rational(Entry):
    """A fraction."""

    number: Fraction

    @property
    def roots(self) -> int:
        return 1

    def value(self, scalars: Scalars) -> Array:
        try:
            value = scalars.fraction(self.number.numerator, self.number.denominator)
        except ValueError as err:
            raise EntryError(_NO_QUOTIENT) from err
        return np.asarray(value, dtype=scalars.dtype)


@final
@dataclass(frozen=True)
class Turn(Entry):
    """cos or sin of a fraction of the full turn."""

    sine: bool
    part: Fraction  # of 2π

    @property
    def roots(self) -> int:
        return self.part.denominator

    def value(self, scalars: Scalars) -> Array:
        return _turned(self, scalars)


@final
@dataclass(frozen=True)
class PrimeRoot(Entry):
    """√q of a prime q, as a Gauss sum.

    √2 = 2 cos 2π/8. For odd q, Σ_j exp(2πi j²/q) is √q where q ≡ 1 mod 4 and i√q where q ≡ 3.
    """

    q: int

    @property
    def roots(self) -> int:
        return 8 if self.q == 2 else self.q

    def value(self, scalars: Scalars) -> Array:
        q = self.q
        if q == 2:
            steps, k = np.array([1, -1]), 8
        else:
            steps, k = np.arange(q) ** 2, q
        parts = _cosines_and_sines(steps % k, k, scalars)[q % 4 == 3]
        # 10,000 residues of 31 bits add up to less than 2^63
        return np.asarray(scalars.reduce(parts.sum()))


@final
@dataclass(frozen=True)
class Operation(Entry):
    """A sum, difference, product or quotient."""

    symbol: str
    left: Entry
    right: Entry

    @property
    def roots(self) -> int:
        return lcm(self.left.roots, self.right.roots)

    def value(self, scalars: Scalars) -> Array:
        left, right = self.left.value(scalars), self.right.value(scalars)
        if self.symbol == "/":
            return _quotient(left, right, scalars)
        if self.symbol == "*":
            return scalars.mul(left, right)
        return np.asarray(scalars.reduce(left + right if self.symbol == "+" else left - right))


@lru_cache(maxsize=4096)  # the entries of a matrix repeat
def entry(text: str) -> Entry:
    """Read an entry of a matrix.

    Args:
        text: such as ``-1/2``, ``0.5`` (the exact fraction), ``cos(2*pi/5)``, ``sqrt(3)/2``.

    Raises:
        EntryError: anything else, with what is allowed.

    Example:
        >>> from conserved.kernel.real import Reals
        >>> number = entry("4*cos(2*pi/5) + 1 - sqrt(5)")
        >>> number.roots, bool(abs(number.value(Reals())) < 1e-12)
        (5, True)
        >>> entry("0.25") == entry("2/8")
        True
    """
    if len(text) > _LENGTH_LIMIT:
        raise EntryError(f"longer than {_LENGTH_LIMIT} characters")
    # nothing but these words ever reaches the parser
    if not _WORDS.fullmatch(text):
        raise EntryError(_GRAMMAR)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as err:
        raise EntryError(_GRAMMAR) from err
    number = _read(tree, text.strip())
    if number.roots > ROOTS_LIMIT:
        raise EntryError(f"needs roots of unity of order {number.roots:,}, the limit is 10,000")
    return number


def _read(node: ast.expr, text: str) -> Entry:
    """The entry a syntax tree means, with constants folded."""
    match node:
        case ast.Constant():
            # from the text itself: a float would have been rounded
            return Rational(Fraction(ast.get_source_segment(text, node) or ""))
        case ast.UnaryOp(op=ast.USub()):
            return _combined("-", Rational(Fraction(0)), _read(node.operand, text))
        case ast.UnaryOp(op=ast.UAdd()):
            return _read(node.operand, text)
        case ast.BinOp() if type(node.op) in _SYMBOLS:
            left, right = _read(node.left, text), _read(node.right, text)
            return _combined(_SYMBOLS[type(node.op)], left, right)
        case ast.Call(func=ast.Name(id="sqrt"), args=[argument]):
            return _square_root(_read(argument, text))
        case ast.Call(func=ast.Name(id="cos" | "sin" as name), args=[argument]):
            return Turn(name == "sin", _angle(argument, text) / 2 % 1)
    raise EntryError(_GRAMMAR)


_SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
_EXACT: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": Fraction.__add__,
    "-": Fraction.__sub__,
    "*": Fraction.__mul__,
    "/": Fraction.__truediv__,
}


def _combined(symbol: str, left: Entry, right: Entry) -> Entry:
    if symbol == "/" and right == Rational(Fraction(0)):
        raise EntryError("divides by zero")
    if isinstance(left, Rational) and isinstance(right, Rational):
        return Rational(_EXACT[symbol](left.number, right.number))
    return Operation(symbol, left, right)


def _angle(node: ast.expr, text: str) -> Fraction:
    """The rational multiple of π that an argument is, over π."""
    match node:
        case ast.Name(id="pi"):
            return Fraction(1)
        case ast.UnaryOp(op=ast.USub()):
            return -_angle(node.operand, text)
        case ast.BinOp(op=ast.Mult() | ast.Div()):
            divided = isinstance(node.op, ast.Div)
            if divided or _has_pi(node.left):
                angle, factor = _angle(node.left, text), _read(node.right, text)
            else:
                angle, factor = _angle(node.right, text), _read(node.left, text)
            if isinstance(factor, Rational) and (factor.number or not divided):
                return angle / factor.number if divided else angle * factor.number
    raise EntryError("an angle is a rational multiple of pi, such as 2*pi/5")


def _has_pi(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "pi" for part in ast.walk(node))


def _square_root(argument: Entry) -> Entry:
    """√n of a natural number, as a product of an integer and roots of distinct primes."""
    if not isinstance(argument, Rational) or argument.number.denominator != 1:
        raise EntryError("sqrt takes a whole number; write sqrt(3)/2, not sqrt(3/4)")
    n = argument.number.numerator
    if not 0 <= n <= ROOTS_LIMIT:
        raise EntryError(f"sqrt takes a whole number from 0 to {ROOTS_LIMIT:,}")
    root: Entry = Rational(Fraction(1))
    q = 2
    while n > 1:
        if n % q**2 == 0:
            n, root = n // q**2, _combined("*", root, Rational(Fraction(q)))
        elif n % q == 0:
            n, root = n // q, _combined("*", root, PrimeRoot(q))
        else:
            q += 1
    return root if n else Rational(Fraction(0))


@lru_cache(maxsize=4096)  # the entries of a matrix are made of few cosines
def _turned(turn: Turn, scalars: Scalars) -> Array:
    k = turn.part.denominator
    steps = np.array(turn.part.numerator % k)
    return np.asarray(_cosines_and_sines(steps, k, scalars)[turn.sine])


def _quotient(above: Array, below: Array, scalars: Scalars) -> Array:
    if scalars.is_zero(below):
        raise EntryError(_NO_QUOTIENT)
    return scalars.mul(above, scalars.inverse(below))


def _cosines_and_sines(steps: NDArray[np.int64], k: int, scalars: Scalars) -> tuple[Array, Array]:
    """(cos, sin) of 2π·steps/k, by repeated squaring of the rotation by 2π/k; steps ≥ 0."""
    c, s = (np.asarray(value, dtype=scalars.dtype) for value in scalars.cos_sin(k))
    cosines = scalars.from_integers(np.ones_like(steps))
    sines = scalars.from_integers(np.zeros_like(steps))
    for bit in range(k.bit_length()):
        chosen = (steps >> bit) % 2 == 1
        turned = _composed(cosines, sines, c, s, scalars)
        cosines, sines = np.where(chosen, turned, (cosines, sines))
        c, s = _composed(c, s, c, s, scalars)
    return cosines, sines


def _composed(c: Array, s: Array, d: Array, t: Array, scalars: Scalars) -> tuple[Array, Array]:
    """The rotation (cos, sin) = (c, s) after the rotation (d, t)."""
    mul = scalars.mul
    cosine = scalars.reduce(mul(c, d) - mul(s, t))
    return cosine, scalars.reduce(mul(c, t) + mul(s, d))
