"""Exact linear algebra mod p on python-flint, and the way back from residues to fractions.

Matrices come as NumPy arrays of integers, or of float64 that hold integers (the centred residues
of ``residues.FloatResidues``). Building the flint matrix from a list costs about 130 ns an entry,
as much as its rank: worth knowing before optimising anything else here.

python-flint is imported inside the functions, so that importing this module stays fast.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd, isqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conserved.errors import LimitError
from conserved.kernel.primes import Prime, require_prime

if TYPE_CHECKING:
    from flint import nmod_mat

_FLOAT_INTEGERS = 2.0**53  # from here on, a float64 may be an integer that was rounded


def to_flint(matrix: NDArray[Any], prime: Prime) -> nmod_mat:
    """An integer matrix (m, n), reduced mod p, as a flint matrix. About 130 ns an entry.

    Args:
        matrix: integers of any size and sign, or float64 that holds integers below 2^53.
        prime: a Prime; a composite modulus could abort the process inside flint.

    Raises:
        TypeError: the modulus is not a Prime, or the entries are not numbers of these kinds.
        ValueError: the array is not a matrix, or a float entry is not an exact integer.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> to_flint(np.array([[-1.0, 2.0]]), BLAS_PRIMES[0]).entries()
        [8388592, 2]
    """
    from flint import nmod_mat

    p = require_prime(prime)
    if matrix.ndim != 2:
        raise ValueError(f"a matrix has two axes, not {matrix.ndim}")
    rows, columns = matrix.shape
    return nmod_mat(rows, columns, _reduced(matrix, p).ravel().tolist(), p)


def rank(matrix: NDArray[Any], prime: Prime) -> int:
    """The rank of a matrix (m, n) over GF(p): never above its rank over the rationals.

    Raises:
        TypeError, ValueError: as ``to_flint``.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> rank(np.array([[1, 2], [2, 4]]), BLAS_PRIMES[0])
        1
    """
    return to_flint(matrix, prime).rank()


def rational_reconstruction(
    residue: int, modulus: int, bound: int | None = None
) -> Fraction | None:
    """The fraction n/d ≡ residue mod m with |n|, d ≤ bound, or None (Wang 1981, by half of Euclid).

    At most one exists when 2·bound² < m. With the largest such bound (the default) more than half
    of all residues are some fraction: an answer is a candidate, to be checked mod another prime or
    by the equation it should solve. A smaller bound makes an accidental answer as rare as
    2·bound²/m.

    Raises:
        LimitError: 2·bound² ≥ m, so that an answer need not be unique.

    Example:
        >>> rational_reconstruction(-2 * pow(3, -1, 10007), 10007)
        Fraction(-2, 3)
        >>> rational_reconstruction(4321, 10007, bound=5) is None
        True
    """
    if bound is None:
        bound = isqrt((modulus - 1) // 2)
    if 2 * bound * bound >= modulus:
        raise LimitError(f"fractions up to {bound} are not unique mod {modulus}: add primes")
    # every pair keeps numerator ≡ denominator · residue mod m
    previous, numerator = modulus, residue % modulus
    previous_denominator, denominator = 0, 1
    while numerator > bound:
        quotient = previous // numerator
        previous, numerator = numerator, previous - quotient * numerator
        previous_denominator, denominator = (
            denominator,
            previous_denominator - quotient * denominator,
        )
    if abs(denominator) > bound or gcd(numerator, denominator) != 1:
        return None
    return Fraction(numerator, denominator)


def _reduced(values: NDArray[Any], p: int) -> NDArray[Any]:
    """Integers as residues in [0, p): int64, or Python ints where the input has those."""
    kind = values.dtype.kind
    if kind == "f":
        if not (np.abs(values) < _FLOAT_INTEGERS).all() or (values != np.rint(values)).any():
            raise ValueError("float entries must be integers of size below 2^53")
    elif kind == "O":
        if not all(isinstance(entry, int) for entry in values.flat):
            raise TypeError("object entries must be Python integers")
    elif kind not in "biu":
        raise TypeError(f"entries must be integers, not {values.dtype}")
    exact = values if kind == "O" or values.dtype == np.uint64 else values.astype(np.int64)
    reduced: NDArray[Any] = np.remainder(exact, p)
    return reduced
