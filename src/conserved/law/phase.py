"""The phase law: the companion of range laws over C (theory §6).

Where every field moves complex vectors P of C^n by P′ = P·N with N Hermitian, (log det M)′ = tr N
is real for every square part M of P of full height, since commutators of Hermitian matrices are
traceless: the phase of det M is conserved.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import Any, ClassVar

import numpy as np

from conserved.errors import DegenerateSampleError, InputError
from conserved.kernel.entries import entry
from conserved.kernel.reader import Reader
from conserved.kernel.scalars import Array, Scalars
from conserved.law.base import Kind
from conserved.law.layout import Layout
from conserved.law.ops import constant, inverse
from conserved.law.vectors import VectorLaw, number, read_entry, read_parts, read_vectors

Pair = tuple[Array, Array]  # a + b·j


@dataclass(frozen=True, kw_only=True)
class PhaseLaw(VectorLaw):
    """h = B/A, where A + Bj is the determinant of a κ × κ part of the vectors P(θ) ∈ C^n.

    j² = −c with a number c > 0, so that tan(phase) = √c·B/A: rational in θ, and exact.

    Args:
        parts: maps to R^2n, whose coordinates are those of (1, j, 1, j, …).
        vectors: κ of them, independent over C at a generic θ.
        coordinates: κ of the n complex coordinates.
        square: c as an exact number.
        place: on what part of the features, in words.

    Raises:
        InputError: parts that do not fit together.

    Example:
        >>> from conserved.law import SpanPart
        >>> part = SpanPart("w", 0, (("1", "0"), ("0", "1")))
        >>> layout = Layout((("w", (2,)),))
        >>> law = PhaseLaw(layout=layout, parts=(part,), vectors=(0,), coordinates=(0,))
        >>> law.value(np.array([2.0, 3.0]))  # tan of the argument of 2 + 3i
        array([1.5])
    """

    form: ClassVar[str] = "phase"

    coordinates: tuple[int, ...]
    square: str = "1"

    def __post_init__(self) -> None:
        super().__post_init__()
        width = self.dimension // 2
        fits = len(set(self.coordinates)) == len(self.coordinates) == len(self.vectors) <= width
        if self.dimension % 2 or not fits or not all(0 <= c < width for c in self.coordinates):
            advice = f"as many distinct complex coordinates below {width} as vectors are needed"
            raise InputError("coordinates", self.coordinates, advice)

    @property
    def kind(self) -> Kind:
        return "rational"

    @property
    def size(self) -> int:
        return 1

    def values(self, scalars: Scalars, theta: Array) -> Array:
        matrix = self._matrix(scalars, theta)
        real, imaginary = _determinant(scalars, matrix, self._square(scalars))
        return scalars.mul(imaginary, scalars.inverse(real))[:, None]

    def gradients(self, scalars: Scalars, theta: Array) -> Array:
        """d(B/A) = (A² + cB²)/A² · the j-part of tr(M⁻¹ dM).

        Raises:
            DegenerateSampleError: A vanishes at θ, or M is singular mod p.
        """
        first, second = self._matrix(scalars, theta[None])
        square = self._square(scalars)
        real, imaginary = _determinant(scalars, (first, second), square)
        if np.any(scalars.is_zero(real)):
            raise DegenerateSampleError("the real part of the volume vanishes at this point")
        tangent = scalars.mul(imaginary, scalars.inverse(real))
        scale = scalars.reduce(1 + scalars.mul(square, scalars.mul(tangent, tangent)))
        kappa = len(self.vectors)
        top = np.concatenate([first[0], scalars.reduce(-scalars.mul(square, second[0]))], axis=1)
        whole = np.concatenate([top, np.concatenate([second[0], first[0]], axis=1)])
        back = inverse(scalars, whole[None])[0]  # of M = X + Yj as the real matrix [X −cY; Y X]
        rows = np.zeros((1, kappa, self.dimension // 2, 2), dtype=scalars.dtype)
        # the j-part of tr((X + Yj)(dA + dB j)) is tr(X dB + Y dA)
        rows[0][:, list(self.coordinates), 0] = back[kappa:, :kappa].T
        rows[0][:, list(self.coordinates), 1] = back[:kappa, :kappa].T
        flat = scalars.mul(rows.reshape(1, kappa, -1), scale[:, None, None])
        return self.pullback(scalars, flat)

    def _matrix(self, scalars: Scalars, theta: Array) -> Pair:
        """M = A + Bj, vectors as rows: two arrays (batch, κ, κ)."""
        chosen = self.chosen(scalars, theta)
        pairs = chosen.reshape(len(chosen), len(self.vectors), -1, 2)[:, :, list(self.coordinates)]
        return pairs[..., 0], pairs[..., 1]

    def _square(self, scalars: Scalars) -> Array:
        return np.asarray(number(self.square, scalars, {}), dtype=scalars.dtype)

    @property
    def roots(self) -> int:
        return lcm(super().roots, entry(self.square).roots)

    def data(self) -> dict[str, Any]:
        more = {"square": self.square, "coordinates": list(self.coordinates)}
        return more | super().data()

    @staticmethod
    def read(reader: Reader, layout: Layout) -> PhaseLaw:
        """From ``data``."""
        return PhaseLaw(
            layout=layout,
            parts=read_parts(reader["parts"], layout),
            vectors=read_vectors(reader["vectors"]),
            coordinates=read_vectors(reader["coordinates"]),
            square=read_entry(reader["square"]),
            place=reader["place"].text(),
        )


def _determinant(scalars: Scalars, matrix: Pair, square: Array) -> Pair:
    """det M of M = A + Bj, (batch,) each, without divisions but by 1 … κ (Faddeev–LeVerrier).

    N_1 = 1, N_{k+1} = M N_k − (tr(M N_k)/k)·1; then det M = (−1)^{κ+1} tr(M N_κ)/κ.
    """
    a, b = matrix
    kappa = a.shape[-1]
    one = constant(np.eye(kappa, dtype=scalars.dtype)[None], a)
    c = constant(square, a)
    x, y = one, one * 0
    for step in range(1, kappa + 1):
        u = scalars.matmul(a, x) - scalars.mul(c, scalars.matmul(b, y))
        v = scalars.matmul(a, y) + scalars.matmul(b, x)
        share = constant(np.asarray(scalars.fraction(1, step), dtype=scalars.dtype), a)
        s, t = (scalars.mul(_trace(scalars, scalars.reduce(m)), share) for m in (u, v))
        if step == kappa:
            return (s, t) if kappa % 2 else (scalars.reduce(-s), scalars.reduce(-t))
        x = scalars.reduce(u - s[:, None, None] * one)
        y = scalars.reduce(v - t[:, None, None] * one)
    raise AssertionError("κ ≥ 1")


def _trace(scalars: Scalars, matrix: Array) -> Array:
    """(batch, κ, κ) → (batch,)."""
    every = range(matrix.shape[-1])
    return scalars.reduce(matrix[:, list(every), list(every)].sum(-1))
