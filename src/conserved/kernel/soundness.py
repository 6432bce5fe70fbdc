"""How probable it is that a false identity passes: over the integers, not only mod the primes.

The identity is a polynomial that is not zero. It can hold at the points drawn mod a prime p in two
ways: p divides all of its coefficients, or the points are roots mod p. A number of B bits has at
most B / log2 p prime factors of that size, and a random prime is one of them with a probability of
that many over the number of primes there are; the other is at most degree/p for each point
(Schwartz and Zippel). Where coefficients lie in a cyclotomic field, what p divides is their norm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, prod

_UNKNOWN = 100  # stands in for the degree of one row with formal functions or roots
_STEP = 64  # bits that one factor of an identity can add: entries of fields, numbers of terms
_MARGIN = 2  # between the number of primes and its estimate by the prime number theorem


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


def soundness_error(
    degree: int | None, bits: float, moduli: Sequence[Modulus], rows: int = 1
) -> float:
    """A bound on the probability that a false identity passes all moduli.

    Args:
        degree: of the identity in all variables; None where it is not known.
        bits: of the numbers that it is written with, beyond those of its fields.
        moduli: drawn independently.
        rows: how many fields it multiplies, where the degree is not known.
    """
    known = _UNKNOWN * rows if degree is None else degree
    return prod(_one(known, bits, modulus) for modulus in moduli)


def _one(degree: int, bits: float, modulus: Modulus) -> float:
    field = totient(4 * modulus.roots)
    norm = 1 if modulus.roots == 1 else field  # over Q a number is its own norm
    divisors = (bits + _STEP * (degree + 2)) * norm / (modulus.top.bit_length() - 2)
    available = modulus.top / 2 / (log(modulus.top) * field)
    return min(1.0, _MARGIN * divisors / available + (degree / modulus.prime) ** modulus.points)


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
