"""Rank, echelon form and null space against SymPy; reconstruction against planted fractions."""

import os
import subprocess
import sys
from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from conserved.arithmetic.exact import (
    rank,
    rational_reconstruction,
    to_flint,
)
from conserved.errors import LimitError
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES, WIDE_PRIMES, prime_with_roots

P = BLAS_PRIMES[0]
SEVENTEEN = prime_with_roots(1, below=18)  # small, so that ranks do drop

primes = st.sampled_from([*BLAS_PRIMES[:2], INT64_PRIMES[0], WIDE_PRIMES[0], SEVENTEEN])
shapes = st.tuples(st.integers(0, 4), st.integers(0, 5))
small = arrays(np.int64, shapes, elements=st.integers(-3, 3))
fractions = st.builds(Fraction, st.integers(-1000, 1000), st.integers(1, 1000))


def over_field(matrix, p):
    """SymPy's matrix over GF(p): the independent road."""
    domain = sympy.GF(int(p), symmetric=False)
    rows = [[domain(int(entry)) for entry in row] for row in matrix]
    return sympy.polys.matrices.DomainMatrix(rows, matrix.shape, domain)


class TestToFlint:
    @pytest.mark.parametrize("modulus", [15, 8388593, 8388595, 1, 0, True, None])
    def test_refuses_a_modulus_nobody_proved(self, modulus):
        for function in (to_flint, rank):
            with pytest.raises(TypeError, match="Prime"):
                function(np.eye(2), modulus)

    @given(
        arrays(np.int64, (2, 2), elements=st.integers(-(2**63), 2**63 - 1)),
        primes,
    )
    def test_reduces_any_integers(self, matrix, p):
        expected = [int(entry) % p for entry in matrix.flat]
        assert [int(entry) for entry in to_flint(matrix, p).entries()] == expected

    @pytest.mark.parametrize(
        "matrix",
        [
            np.array([[-1, 5]], dtype=np.int32),
            np.array([[-1.0, 5.0]]),
            np.array([[-1, 5]], dtype=object),
            np.array([[P - 1, 5]], dtype=np.uint64),
            np.array([[2 * P - 1, 10**30 - (10**30 - 5) % P]], dtype=object),
        ],
    )
    def test_every_layout_gives_the_same_residues(self, matrix):
        assert [int(entry) for entry in to_flint(matrix, P).entries()] == [P - 1, 5]

    def test_unsigned_integers_do_not_wrap(self):
        matrix = np.array([[2**64 - 1]], dtype=np.uint64)
        assert to_flint(matrix, P).entries()[0] == (2**64 - 1) % P

    @pytest.mark.parametrize("entry", [0.5, np.nan, np.inf, -np.inf, 2.0**53, 1e300, 1e-300])
    def test_refuses_floats_that_hold_no_exact_integer(self, entry):
        with pytest.raises(ValueError, match="integers"):
            to_flint(np.array([[1.0, entry]]), P)

    @pytest.mark.parametrize("entry", [1j, "1", Fraction(1, 2), np.datetime64("2024-01-01"), None])
    def test_refuses_other_entries(self, entry):
        with pytest.raises(TypeError, match="integers"):
            to_flint(np.array([[entry]]), P)

    @pytest.mark.parametrize("shape", [(), (3,), (1, 2, 2)])
    def test_refuses_what_is_no_matrix(self, shape):
        with pytest.raises(ValueError, match="two axes"):
            to_flint(np.zeros(shape), P)


class TestLinearAlgebra:
    @given(small, primes)
    def test_agrees_with_sympy(self, matrix, p):
        oracle = over_field(matrix, p)
        assert rank(matrix, p) == rank(matrix.astype(np.float64), p) == oracle.rank()

    @pytest.mark.parametrize("p", [P, INT64_PRIMES[0], WIDE_PRIMES[0]])
    def test_planted_dependent_rows_are_found_out(self, p):
        matrix = np.random.default_rng(0).integers(-9, 10, size=(6, 6))
        assert rank(matrix, p) == 6
        matrix[5] = 3 * matrix[0] - 7 * matrix[2]
        assert rank(matrix, p) == 5
        matrix[4] = matrix[1]
        assert rank(matrix, p) == 4
        # and a single wrong entry makes a dependent row independent again
        matrix[5, 0] += 1
        assert rank(matrix, p) == 5

    def test_rank_is_taken_mod_p(self):
        matrix = np.array([[1, 2], [3, 6 + SEVENTEEN]])
        assert rank(matrix, SEVENTEEN) == 1
        assert rank(matrix, P) == 2

    @pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
    def test_empty_matrices(self, shape):
        matrix = np.zeros(shape)
        assert rank(matrix, P) == 0


class TestRationalReconstruction:
    @given(fractions, st.sampled_from([P, INT64_PRIMES[0], WIDE_PRIMES[0]]))
    def test_finds_a_planted_fraction(self, fraction, p):
        residue = fraction.numerator * pow(fraction.denominator, -1, p)
        assert rational_reconstruction(residue, p) == fraction

    @given(st.integers(3, 130), st.integers(-(10**4), 10**4), st.integers(0, 20))
    def test_agrees_with_trying_every_fraction(self, modulus, residue, bound):
        if 2 * bound * bound >= modulus:
            bound = isqrt((modulus - 1) // 2)
        fitting = {
            Fraction(n, d)
            for d in range(1, bound + 1)
            for n in range(-bound, bound + 1)
            if sympy.gcd(d, modulus) == 1 and (n - d * residue) % modulus == 0
        }
        assert len(fitting) <= 1
        found = rational_reconstruction(residue, modulus, bound)
        assert ({found} if found is not None else set()) == fitting

    def test_default_bound_is_the_largest(self):
        bound = isqrt((P - 1) // 2)
        for numerator in (bound, -bound):
            residue = numerator * pow(bound - 1, -1, P)
            assert rational_reconstruction(residue, P) == Fraction(numerator, bound - 1)
        with pytest.raises(LimitError, match="add primes"):
            rational_reconstruction(1, P, bound + 1)

    def test_refuses_what_is_larger_than_the_bound(self):
        assert rational_reconstruction(101, P, 100) is None
        assert rational_reconstruction(pow(101, -1, P), P, 100) is None
        assert rational_reconstruction(100, P, 100) == 100

    def test_random_residues_rarely_pass_a_small_bound(self):
        residues = np.random.default_rng(0).integers(0, WIDE_PRIMES[0], size=500).tolist()
        assert all(rational_reconstruction(r, WIDE_PRIMES[0], 2**20) is None for r in residues)


def test_flint_is_imported_only_when_used():
    code = "import conserved.arithmetic.exact, sys; sys.exit('flint' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
