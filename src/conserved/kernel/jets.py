"""Jets: scalars with ε1, …, εk adjoined, ε_i² = 0 (theory §8; 2307.00144, §3).

An array of jets has a leading axis of length 2^k; entry S (a bit mask) is the coefficient of
∏_{i ∈ S} ε_i. A leading axis of length 1 is a constant and costs no more than a scalar. Evaluating
a field at θ + ε·v leaves its directional derivative along v in the ε entry, and jets of jets give
derivatives of derivatives, which is all that nested brackets need.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.scalars import Array, Scalars

Product = Callable[[Array, Array], Array]


class Jets:
    """Arithmetic on jets over given scalars; orders mix freely, constants have order 0.

    Args:
        scalars: the ring of the coefficients.

    ``invalid`` collects, per sample (axis 1), where an operation had no value (a zero divisor, a
    non-square). The entries there are meaningless; whoever drew the samples draws those again.

    Example:
        >>> from conserved.kernel.real import Reals
        >>> ring = Jets(Reals())
        >>> x = np.array([3.0, 1.0])  # 3 + ε
        >>> ring.mul(x, x).tolist()  # 9 + 6ε
        [9.0, 6.0]
    """

    def __init__(self, scalars: Scalars) -> None:
        self.scalars = scalars
        self.invalid: NDArray[np.bool_] | None = None

    def add(self, a: Array, b: Array) -> Array:
        """a + b; a constant touches only the entry of ε^0."""
        return self.scalars.reduce(_combine(a, b, np.add))

    def sub(self, a: Array, b: Array) -> Array:
        return self.scalars.reduce(_combine(a, b, np.subtract))

    def mul(self, a: Array, b: Array) -> Array:
        """Entrywise product with broadcasting behind the jet axis."""
        return self._bilinear(a, b, np.multiply, self.scalars.mul, 1)

    def matmul(self, a: Array, b: Array) -> Array:
        """Matrix product on the last two axes."""
        inner = a.shape[-1]
        if inner == 1:  # an outer product: one broadcast, no call per matrix
            return self.mul(a, b)
        return self._bilinear(a, b, np.matmul, self.scalars.matmul, inner)

    def inverse(self, x: Array) -> Array:
        """1/x; samples with a zero at ε^0 are marked invalid. 1/(a+εb) = 1/a − ε b/a²."""
        if len(x) == 1:
            self.mark_invalid(self.scalars.is_zero(x))
            return self.scalars.inverse(x)
        low, tangent = halves(x)
        inverse = self.inverse(low)
        slope = self.mul(inverse, inverse)
        return join(inverse, self.scalars.reduce(-self.mul(slope, tangent)))

    def square_root(self, x: Array) -> Array:
        """√x; samples without a root are marked invalid. √(a+εb) = √a + ε b/(2√a)."""
        if len(x) == 1:
            root, ok = self.scalars.square_root(x)
            self.mark_invalid(~ok)
            return root
        low, tangent = halves(x)
        root = self.square_root(low)
        slope = self.inverse(self.scalars.reduce(2 * root))
        return join(root, self.mul(slope, tangent))

    def power(self, x: Array, exponent: int) -> Array:
        """x^exponent, exponent ≥ 1, by squaring."""
        if exponent < 1:
            raise ValueError(f"exponents are whole numbers ≥ 1, got {exponent}")
        result: Array | None = None
        square = x
        while exponent:
            if exponent & 1:
                result = square if result is None else self.mul(result, square)
            exponent >>= 1
            if exponent:
                square = self.mul(square, square)
        assert result is not None
        return result

    def mark_invalid(self, where: NDArray[np.bool_]) -> None:
        """Remember the samples (axis 1 of ``where``) at which a value does not exist."""
        per_sample: NDArray[np.bool_] = np.any(where, axis=(0, *range(2, where.ndim)))
        if per_sample.any():
            held = self.invalid
            self.invalid = per_sample if held is None else np.logical_or(held, per_sample)

    def _bilinear(self, a: Array, b: Array, raw: Product, reduced: Product, inner: int) -> Array:
        """Σ_{T ⊆ S} a_T · b_{S∖T} for every S, reducing as late as the scalars allow."""
        if len(a) == 1 or len(b) == 1:
            return reduced(a, b)
        size = max(len(a), len(b))
        a, b = _of_size(a, size), _of_size(b, size)
        late = size * inner <= self.scalars.safe_terms
        product = raw if late else reduced
        total = product(a[:1], b)  # T = ∅ meets every S
        for subset, rest, target in _disjoint(size):
            total[target] += product(a[subset : subset + 1], b[rest])
        return self.scalars.reduce(total)


def halves(x: Array) -> tuple[Array, Array]:
    """x = a + ε_k b as (a, b)."""
    half = len(x) // 2
    return x[:half], x[half:]


def join(low: Array, tangent: Array) -> Array:
    """a + ε_k b; both are brought to one order and one shape."""
    size = max(len(low), len(tangent))
    shape = np.broadcast_shapes(low.shape[1:], tangent.shape[1:])
    out = np.zeros((2 * size, *shape), dtype=tangent.dtype)
    out[: len(low)] = low
    out[size : size + len(tangent)] = tangent
    return out


def _of_size(x: Array, size: int) -> Array:
    """The same jets with further infinitesimals, whose coefficients are 0."""
    if len(x) == size:
        return x
    return np.concatenate([x, np.zeros((size - len(x), *x.shape[1:]), dtype=x.dtype)])


def _combine(a: Array, b: Array, operation: Callable[..., Array]) -> Array:
    if len(a) == len(b):
        return operation(a, b)
    shape = (max(len(a), len(b)), *np.broadcast_shapes(a.shape[1:], b.shape[1:]))
    out = np.zeros(shape, dtype=a.dtype)
    out[: len(a)] = a
    out[: len(b)] = operation(out[: len(b)], b)
    return out


Index = slice | list[int]


@lru_cache(maxsize=16)
def _disjoint(size: int) -> tuple[tuple[int, Index, Index], ...]:
    """For each T ≠ ∅: (T, all U disjoint from T, all T ∪ U), as slices where they are regular."""
    table = []
    for subset in range(1, size):
        rest = [u for u in range(size) if not u & subset]
        table.append((subset, _regular(rest), _regular([u | subset for u in rest])))
    return tuple(table)


def _regular(indices: list[int]) -> Index:
    if len(indices) == 1:
        return slice(indices[0], indices[0] + 1)
    step = indices[1] - indices[0]
    if indices == list(range(indices[0], indices[-1] + 1, step)):
        return slice(indices[0], indices[-1] + 1, step)
    return indices
