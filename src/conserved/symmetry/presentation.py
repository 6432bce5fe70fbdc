"""Exact matrices by the texts of their entries, and checks that name the offender."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import lcm

import numpy as np

from conserved.kernel.entries import EntryError, entry
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import residues
from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.cayley import identity
from conserved.symmetry.sizes import shortened
from conserved.symmetry.written import Written, written

_ROUNDING = 1e-6  # of float64, on equations that hold mod two primes
_CLOSE = 0.1  # smaller residuals look like an orthogonal matrix that was rounded


@dataclass(frozen=True)
class Matrices:
    """Matrices of one size.

    Args:
        title: what a message calls one of them ("generator").
        size: n.
        texts: for each matrix its n rows of n texts, as ``entries.entry`` reads them.

    Example:
        >>> turn = Matrices("generator", 2, ((("3/5", "-4/5"), ("4/5", "3/5")),))
        >>> turn.require_orthogonal()
        >>> turn.evaluate(Reals())[0, 0].tolist()
        [0.6, -0.8]
    """

    title: str
    size: int
    texts: tuple[tuple[tuple[str, ...], ...], ...]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def roots(self) -> int:
        """As ``Group.roots``."""
        return lcm(*(entry(text).roots for text in self._distinct()))

    def evaluate(self, scalars: Scalars) -> Array:
        """The matrices in these scalars, (g, n, n).

        Raises:
            EntryError: a denominator is 0, or is 0 mod p; the message has the entry.
        """
        distinct = self._distinct()
        values = np.empty(len(distinct), dtype=scalars.dtype)
        for index, text in enumerate(distinct):
            try:
                values[index] = (
                    written(text) if isinstance(scalars, Written) else entry(text).value(scalars)
                )
            except EntryError as err:
                raise EntryError(f"entry '{shortened(text)}' {err}") from err
        places = {text: index for index, text in enumerate(distinct)}
        flat = [places[text] for matrix in self.texts for row in matrix for text in row]
        return values[np.array(flat, dtype=np.intp)].reshape(-1, self.size, self.size)

    def beside(self, other: Matrices) -> Matrices:
        """Block matrices: each of these with the one at the same place in ``other`` below it."""
        right, left = ("0",) * other.size, ("0",) * self.size
        texts = (
            tuple(row + right for row in above) + tuple(left + row for row in below)
            for above, below in zip(self.texts, other.texts, strict=True)
        )
        return Matrices(self.title, self.size + other.size, tuple(texts))

    def require_orthogonal(self) -> None:
        """Refuse matrices with g gᵀ ≠ 1, exactly: mod two primes, and in float64 up to rounding.

        Raises:
            EntryError: with the first one, and how far off it is.
        """
        failed = self._failures(lambda g, s: s.reduce(_gram(g, s) - identity(self.size, s)))
        for index, residual in failed:
            exact = '; give exact entries such as "cos(2*pi/5)"' if residual < _CLOSE else ""
            raise EntryError(
                f"{self.title} {index + 1} is not orthogonal: largest entry of g gᵀ − 1 is "
                f"{residual:.1e}{exact} (it is {self._shown(index)})"
            )

    def require_antisymmetric(self) -> None:
        """Refuse matrices with X + Xᵀ ≠ 0.

        Raises:
            EntryError: with the first one, and how far off it is.
        """
        for index, residual in self._failures(lambda x, s: s.reduce(x + x.swapaxes(1, 2))):
            raise EntryError(
                f"{self.title} {index + 1} is not antisymmetric: largest entry of X + Xᵀ is "
                f"{residual:.1e} (it is {self._shown(index)})"
            )

    def require_nonzero(self) -> None:
        """Refuse matrices that are zero.

        Raises:
            EntryError: with the first one.
        """
        zero = ~self.evaluate(Reals()).any(axis=(1, 2))
        if zero.any():
            raise EntryError(f"{self.title} {zero.argmax() + 1} is zero: leave it out")

    def _failures(self, defect: Callable[[Array, Scalars], Array]) -> list[tuple[int, float]]:
        """(index, largest entry) of the matrices whose defect, (g, n, n), is not zero."""
        residual = np.abs(defect(self.evaluate(Reals()), Reals())).max(axis=(1, 2), initial=0)
        wrong = residual > _ROUNDING
        for index in (0, 1):
            ring = residues(prime_with_roots(self.roots, index=index))
            wrong |= ~ring.is_zero(defect(self.evaluate(ring), ring)).all(axis=(1, 2))
        return [(int(index), float(residual[index])) for index in np.flatnonzero(wrong)]

    def _distinct(self) -> list[str]:
        return sorted({text for matrix in self.texts for row in matrix for text in row})

    def _shown(self, index: int) -> str:
        rows = ", ".join(f"[{', '.join(row)}]" for row in self.texts[index])
        return shortened(f"[{rows}]")


def _gram(g: Array, scalars: Scalars) -> Array:
    return scalars.matmul(g, g.swapaxes(1, 2))
