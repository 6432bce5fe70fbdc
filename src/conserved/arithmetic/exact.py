"""Exact linear algebra mod p on python-flint, and the way back from residues to fractions.

Matrices come as NumPy arrays of integers, or of float64 that hold integers (the centred residues
of ``residues.FloatResidues``). Building the flint matrix from a list costs about 130 ns an entry,
as much as its rank: worth knowing before optimising anything else here.

python-flint is imported inside the functions, so that importing this module stays fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from math import gcd, isqrt, prod
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


def rref(matrix: NDArray[Any], prime: Prime) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """The reduced row echelon form of a matrix (m, n) over GF(p), without its zero rows.

    Returns:
        The rows, shape (rank, n), entries in [0, p), and the column of each row's leading 1.

    Raises:
        TypeError, ValueError: as ``to_flint``.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> rows, pivots = rref(np.array([[0, 2, 6], [0, 1, 3]]), BLAS_PRIMES[0])
        >>> rows.tolist(), pivots
        ([[0, 1, 3]], (1,))
    """
    echelon, height = to_flint(matrix, prime).rref(True)
    columns = matrix.shape[1]
    size = height * columns
    entries = islice(map(int, echelon.entries()), size)
    rows = np.fromiter(entries, dtype=np.int64, count=size).reshape(height, columns)
    # without columns there are no rows either, but argmax wants an axis of length ≥ 1
    pivots = (rows != 0).argmax(axis=1).tolist() if height else []
    return rows, tuple(pivots)


def null_space(matrix: NDArray[Any], prime: Prime) -> NDArray[np.int64]:
    """A basis of {x : A x = 0} over GF(p) for A of shape (m, n): rows, shape (n − rank, n).

    Row j has 1 at the j-th column without a pivot and 0 at the other such columns. This basis is
    unique, so its residues mod several primes belong to the same rational vectors (as long as the
    pivots agree) and ``reconstruct`` may join them.

    Raises:
        TypeError, ValueError: as ``to_flint``.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> null_space(np.array([[1, 0, -3], [0, 1, -5]]), BLAS_PRIMES[0]).tolist()
        [[3, 5, 1]]
    """
    p = require_prime(prime)
    rows, pivots = rref(matrix, prime)
    columns = matrix.shape[1]
    free = np.setdiff1d(np.arange(columns), pivots)
    basis = np.zeros((len(free), columns), dtype=np.int64)
    basis[np.arange(len(free)), free] = 1
    basis[:, list(pivots)] = np.remainder(-rows[:, free].T, p)
    return basis


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


def crt(residues: Sequence[NDArray[Any]], primes: Sequence[Prime]) -> NDArray[np.object_]:
    """The integers in [0, ∏p) with the given residues: Python ints in an array of the same shape.

    Args:
        residues: one integer array (or float64 that holds integers) for each prime, of one shape.
        primes: distinct.

    Raises:
        TypeError: a modulus is not a Prime.
        ValueError: no primes, a prime twice, numbers of arrays and primes that differ, or shapes.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> p, q = BLAS_PRIMES[:2]
        >>> crt([np.array([10**9 % p]), np.array([10**9 % q])], [p, q]).tolist()
        [1000000000]
    """
    if not primes or len(set(primes)) != len(primes) or len(primes) != len(residues):
        raise ValueError("one array of residues for each of one or more distinct primes is needed")
    if any(array.shape != residues[0].shape for array in residues):
        raise ValueError("the arrays of residues differ in shape")
    joined: NDArray[np.object_] = np.zeros(residues[0].shape, dtype=object)
    known = 1  # the product of the primes joined so far
    for array, prime in zip(residues, primes, strict=True):
        p = require_prime(prime)
        # Newton's step: add the multiple of ``known`` that puts the residue mod p right
        step = (_reduced(array, p).astype(object) - joined) * pow(known, -1, p) % p
        joined += step * known
        known *= p
    return joined


def reconstruct(
    residue_vectors: Sequence[NDArray[Any]], primes: Sequence[Prime], bound: int | None = None
) -> list[Fraction] | None:
    """The rational vector (n,) with the given residues mod each prime, or None when an entry fails.

    Entrywise ``rational_reconstruction`` mod ∏p, with its warning: the answer is a candidate.

    Raises:
        TypeError, ValueError: as ``crt``; ValueError too when the arrays are not vectors.
        LimitError: 2·bound² ≥ ∏p.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> thirds = [np.array([pow(3, -1, p), -7]) for p in BLAS_PRIMES[:2]]
        >>> reconstruct(thirds, BLAS_PRIMES[:2])
        [Fraction(1, 3), Fraction(-7, 1)]
    """
    joined = crt(residue_vectors, primes)
    if joined.ndim != 1:
        raise ValueError(f"a vector has one axis, not {joined.ndim}")
    product = prod(map(int, primes))
    fractions = []
    for residue in joined.tolist():
        fraction = rational_reconstruction(residue, product, bound)
        if fraction is None:
            return None
        fractions.append(fraction)
    return fractions


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
