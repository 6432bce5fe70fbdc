"""From residues mod p to exact numbers: fractions, and short sums of cosines (theory §6).

What is canonical (a reduced echelon form) has its entries in the field of the block, Q or
Q(cos 2π/k). Mod a prime near 2^61 an entry v is q·v ≡ Σ a_j·2cos(2πj/k) with a small denominator q
and small integers a_j: a lattice point nearest to (q·v, 0, …, 0). An answer is a candidate: whoever
asks checks it mod another prime.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import gcd, isqrt, lcm

from conserved.arithmetic.exact import rational_reconstruction
from conserved.kernel.entries import entry
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array

_ACCIDENTS = 2**12  # a random residue is taken for an exact number less than once in so many
_DEGREE_LIMIT = 18  # of a field; a prime of 61 bits has no room for more coefficients
_DENOMINATORS = 24
_LENGTH_LIMIT = 200  # characters of an entry

Texts = tuple[tuple[str, ...], ...]


class Recogniser:
    """Finds exact numbers for residues.

    Args:
        scalars: residues; below 2^31 they have room for fractions alone.
        order: k; the numbers lie in Q(cos 2π/k, sin 2π/k).

    Example:
        >>> from conserved.kernel.primes import prime_with_roots
        >>> from conserved.kernel.wide import WideResidues
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
        self._lattices: dict[int, _Lattice] = {}

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
            bound = isqrt(self.prime // _ACCIDENTS)
            number = rational_reconstruction(residue, self.prime, bound)
            return None if number is None else str(number)
        lattice = self._lattice(k)
        for below in range(1, _DENOMINATORS + 1):
            parts = lattice.nearest(below * residue % self.prime)
            if parts is not None:
                text = _sum_text([Fraction(part, below) for part in parts], k)
                return text if len(text) <= _LENGTH_LIMIT else None
        return None

    def _lattice(self, k: int) -> _Lattice:
        """For 1, 2cos(2π/k), 2cos(4π/k), …: a basis of the integers of Q(cos 2π/k), mod p."""
        if k not in self._lattices:
            angles = [f"2*cos(2*pi*{j}/{k})" for j in range(1, _degree(k))]
            values = [int(entry(text).value(self.scalars)) % self.prime for text in angles]
            self._lattices[k] = _Lattice(values, self.prime)
        return self._lattices[k]


class _Lattice:
    """Integers a with a_0 + Σ a_j b_j ≡ 0 mod p, in a reduced basis (LLL).

    Args:
        values: b_1, …
        prime: p.
    """

    def __init__(self, values: list[int], prime: int) -> None:
        from flint import fmpz_mat

        size = len(values) + 1
        rows = [[prime] + [0] * (size - 1)]
        for j, value in enumerate(values, start=1):
            rows.append([-value % prime] + [int(i == j) for i in range(1, size)])
        reduced = fmpz_mat(rows).lll()
        inverse = reduced.inv()
        self.rows = [[int(reduced[i, j]) for j in range(size)] for i in range(size)]
        parts = [inverse[0, j] for j in range(size)]
        self.first = [Fraction(int(part.p), int(part.q)) for part in parts]
        # so few vectors are this small that one in _ACCIDENTS residues meets one by accident
        room = prime / (_ACCIDENTS * _DENOMINATORS)
        self.bound = max(1.0, (room ** (1 / size) - 1) / 2)

    def nearest(self, residue: int) -> list[int] | None:
        """Small a with Σ a_j b_j ≡ residue (Babai 1986, rounding), or None."""
        short = [residue] + [0] * (len(self.rows) - 1)
        for row, share in zip(self.rows, self.first, strict=True):
            count = round(residue * share)
            if count:
                short = [one - count * part for one, part in zip(short, row, strict=True)]
        return short if max(map(abs, short)) <= self.bound else None


def agrees(scalars: Residues, texts: Texts, values: Array) -> bool:
    """Whether entries as text are these residues: the check mod another prime."""
    if (len(texts), len(texts[0])) != values.shape:
        return False
    known: dict[str, Array] = {}
    for text, value in zip((text for row in texts for text in row), values.ravel(), strict=True):
        if text not in known:
            known[text] = entry(text).value(scalars)
        if scalars.reduce(known[text] - value).any():
            return False
    return True


def _fields(order: int) -> Iterator[int]:
    """The k whose fields Q(cos 2π/k) are tried, small fields first; sines count as cosines."""
    whole = lcm(4, order)
    divisors = [k for k in range(1, whole + 1) if whole % k == 0 and (k == 1 or _degree(k) > 1)]
    yield from sorted((k for k in divisors if _degree(k) <= _DEGREE_LIMIT), key=_degree)


def _degree(k: int) -> int:
    """Of Q(cos 2π/k) over Q: φ(k)/2."""
    return max(1, sum(gcd(j, k) == 1 for j in range(1, k + 1)) // 2)


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
