"""How probable it is that a false law passes: over the integers, not only mod the primes drawn.

The identity of a false law is a polynomial that is not zero. It can hold at the points drawn mod a
prime p in two ways: p divides all of its coefficients, or the points are roots mod p. A number of B
bits has at most B / log2 p prime factors of that size, and a random prime is one of them with a
probability of that many over the number of primes there are; the other is at most degree/p for
each point (Schwartz and Zippel). Where coefficients lie in a cyclotomic field, what p divides is
their norm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import log, prod

from conserved.law import Law

_UNKNOWN = 100  # stands in for the degree of an identity with formal functions
_STEP = 64  # bits that one factor of an identity can add: entries of fields, numbers of terms
_MARGIN = 2  # between the number of primes and its estimate by the prime number theorem
_WAVE = re.compile(r"(?:cos|sin)\([^()]*\)")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Modulus:
    """A prime drawn at random, and how often it is used.

    Attributes:
        prime: drawn from top/2 to top, each as likely as any other.
        top: a power of two.
        roots: it is 1 mod 4·roots.
        points: random points mod this prime.
    """

    prime: int
    top: int
    roots: int
    points: int


def chance(law: Law, degree: int | None, moduli: Sequence[Modulus]) -> float:
    """A bound on the probability that this law passes all moduli if it is false.

    Args:
        law: with its coefficients.
        degree: of its identity in all variables; None where it is not known.
        moduli: drawn independently.
    """
    known = _UNKNOWN if degree is None else degree
    return prod(_one(law, known, modulus) for modulus in moduli)


def _one(law: Law, degree: int, modulus: Modulus) -> float:
    field = totient(4 * modulus.roots)
    norm = 1 if modulus.roots == 1 else field  # over Q a number is its own norm
    bits = (coefficient_bits(law) + _STEP * (degree + 2)) * norm
    divisors = bits / (modulus.top.bit_length() - 2)
    available = modulus.top / 2 / (log(modulus.top) * field)
    return min(1.0, _MARGIN * divisors / available + (degree / modulus.prime) ** modulus.points)


def coefficient_bits(law: Law) -> int:
    """Bits of all numbers that a law is written with: no less than those of its coefficients.

    A cosine or sine is at most 1 in size whatever its angle, in every embedding.
    """
    text = _WAVE.sub("1", str(law.data()))
    return sum(int(number).bit_length() for number in _NUMBER.findall(text))


def totient(n: int) -> int:
    """Euler's φ.

    Example:
        >>> [totient(n) for n in (1, 4, 20, 97)]
        [1, 2, 8, 96]
    """
    result, left, q = n, n, 2
    while q * q <= left:
        if left % q == 0:
            result -= result // q
            while left % q == 0:
                left //= q
        q += 1
    return result - result // left if left > 1 else result
