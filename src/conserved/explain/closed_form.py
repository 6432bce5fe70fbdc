"""From residues mod p to exact numbers: fractions, and short sums of cosines (theory §6).

What is canonical (a reduced echelon form) has its entries in the field of the block, Q or
Q(cos 2π/k). Mod a prime near 2^61 an entry v is q·v ≡ Σ a_j·2cos(2πj/k) with small integers, and
the smallest are a short vector of a lattice. An answer is a candidate: whoever asks checks it mod
another prime.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import gcd, isqrt, lcm

import numpy as np

from conserved.arithmetic.entries import entry
from conserved.arithmetic.exact import rational_reconstruction
from conserved.arithmetic.residues import Residues
from conserved.arithmetic.scalars import Array

_ACCIDENTS = 2**16  # a random residue is taken for an exact number about once in so many
_DEGREE_LIMIT = 24  # of a field; a prime of 61 bits has no room for more coefficients
_LENGTH_LIMIT = 200  # characters of an entry

Texts = tuple[tuple[str, ...], ...]


class Recogniser:
    """Finds exact numbers for residues.

    Args:
        scalars: residues; below 2^31 they have room for fractions alone.
        order: k; the numbers lie in Q(cos 2π/k, sin 2π/k).

    Example:
        >>> from conserved.arithmetic.primes import prime_with_roots
        >>> from conserved.arithmetic.wide import WideResidues
        >>> ring = WideResidues(prime_with_roots(5, below=2**61))
        >>> golden = entry("sqrt(5)/2 + 1/2").value(ring)
        >>> Recogniser(ring, 5).text(int(golden))
        '1 + 2*cos(2*pi/5)'
    """

    def __init__(self, scalars: Residues, order: int) -> None:
        self.scalars = scalars
        self.prime = int(scalars.prime)
        self._fields = list(_fields(order)) if self.prime > 2**31 else [1]
        self._known: dict[int, str | None] = {}
        self._cosines: dict[int, list[int]] = {}

    def matrix(self, values: Array) -> Texts | None:
        """Entries of a matrix as text; None where one is not found."""
        rows = []
        for row in self.scalars.canonical(values).tolist():
            texts = tuple(self.text(int(value)) for value in row)
            if None in texts:
                return None
            rows.append(texts)
        return tuple(rows)  # type: ignore[arg-type]

    def text(self, residue: int) -> str | None:
        """One number as text, in the smallest field that has it."""
        if residue not in self._known:
            found = (self._within(k, residue) for k in self._fields)
            self._known[residue] = next((text for text in found if text is not None), None)
        return self._known[residue]

    def _within(self, k: int, residue: int) -> str | None:
        """A number of Q(cos 2π/k), or None."""
        if k == 1:
            bound = (
                isqrt(self.prime // _ACCIDENTS) if self.prime > 2**31 else isqrt(self.prime) // 3
            )
            number = rational_reconstruction(residue, self.prime, bound)
            return None if number is None else str(number)
        basis = self._basis(k)
        size = len(basis) + 1
        bound = (self.prime // _ACCIDENTS) ** (1 / size)
        *parts, below = _shortest(basis, residue, self.prime)
        if not below or max(map(abs, [*parts, below])) > bound:
            return None
        text = _sum_text([Fraction(part, below) for part in parts], k)
        return text if len(text) <= _LENGTH_LIMIT else None

    def _basis(self, k: int) -> list[int]:
        """1, 2cos(2π/k), 2cos(4π/k), …: a basis of the integers of Q(cos 2π/k), mod p."""
        if k not in self._cosines:
            angles = [f"2*cos(2*pi*{j}/{k})" for j in range(1, _degree(k))]
            values = [int(entry(text).value(self.scalars)) % self.prime for text in angles]
            self._cosines[k] = [1, *values]
        return self._cosines[k]


def agrees(scalars: Residues, texts: Texts, values: Array) -> bool:
    """Whether entries as text are these residues: the check mod another prime."""
    known: dict[str, int] = {}
    for text in {text for row in texts for text in row}:
        known[text] = entry(text).value(scalars).item()
    found = np.array([[known[text] for text in row] for row in texts], dtype=scalars.dtype)
    return found.shape == values.shape and not scalars.reduce(found - values).any()


def _fields(order: int) -> Iterator[int]:
    """The k whose fields Q(cos 2π/k) are tried, small fields first; sines count as cosines."""
    whole = lcm(4, order)
    divisors = [k for k in range(1, whole + 1) if whole % k == 0 and (k == 1 or _degree(k) > 1)]
    yield from sorted((k for k in divisors if _degree(k) <= _DEGREE_LIMIT), key=_degree)


def _degree(k: int) -> int:
    """Of Q(cos 2π/k) over Q: φ(k)/2."""
    return max(1, sum(gcd(j, k) == 1 for j in range(1, k + 1)) // 2)


def _shortest(basis: list[int], residue: int, prime: int) -> list[int]:
    """Small integers a_0, …, q, not all 0, with Σ a_j b_j ≡ q·residue mod p (LLL)."""
    from flint import fmpz_mat

    size = len(basis) + 1
    # b_0 = 1: the first coordinate absorbs the others, so these rows span all solutions
    rows = [[prime] + [0] * (size - 1)]
    for j, value in enumerate([*basis[1:], -residue], start=1):
        rows.append([-value % prime] + [int(i == j) for i in range(1, size)])
    reduced = fmpz_mat(rows).lll()
    short = [int(reduced[0, j]) for j in range(size)]
    return short if short[-1] >= 0 else [-part for part in short]


def _sum_text(parts: list[Fraction], k: int) -> str:
    """a_0 + Σ a_j·2cos(2πj/k) as an entry."""
    words = [] if not parts[0] and any(parts) else [(parts[0], "")]
    for j, part in enumerate(parts[1:], start=1):
        if part:
            angle = Fraction(2 * j, k)
            above = "pi" if angle.numerator == 1 else f"{angle.numerator}*pi"
            words.append((2 * part, f"cos({above}/{angle.denominator})"))
    text = ""
    for number, cosine in words:
        sign = ("-" if number < 0 else "") if not text else (" - " if number < 0 else " + ")
        size = str(abs(number))
        factor = size if not cosine else cosine if size == "1" else f"{size}*{cosine}"
        text += sign + factor
    return text
