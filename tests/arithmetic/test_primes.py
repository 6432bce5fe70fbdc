"""Only primes become moduli, and roots mod p obey the identities of the real ones."""

import copy
import pickle

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from conserved.errors import InputError, LimitError
from conserved.kernel.primes import (
    BLAS_PRIMES,
    INT64_PRIMES,
    WIDE_PRIMES,
    Prime,
    cos_sin_mod,
    is_prime,
    modulus,
    prime_with_roots,
    require_prime,
    root_of_unity,
)

# composites that pass Miller-Rabin for the first few bases (OEIS A014233), and Carmichael numbers
PSEUDOPRIMES = [
    *(2047, 1373653, 25326001, 3215031751, 2152302898747, 3474749660383, 341550071728321),
    *(3825123056546413051, 561, 1105, 1729, 8911),
]


class TestTables:
    @pytest.mark.parametrize(
        "table, below, size",
        [(BLAS_PRIMES, 2**23, 16), (INT64_PRIMES, 2**31, 16), (WIDE_PRIMES, 2**61, 4)],
    )
    def test_the_largest_primes_below_the_bound_by_sympy_and_by_search(self, table, below, size):
        by_sympy, by_search = [], []
        n = below
        while len(by_sympy) < size:
            n = sympy.prevprime(n)
            by_sympy.append(n)
        n = below
        while len(by_search) < size:
            n -= 1
            by_search += [n] * is_prime(n)
        assert list(table) == by_sympy == by_search
        assert all(isinstance(p, Prime) for p in table)

    def test_blas_primes_by_a_sieve(self):
        low = BLAS_PRIMES[-1]
        window = np.arange(low, 2**23)
        for q in range(2, 2897):  # 2897² > 2^23
            window = window[window % q != 0]
        assert sorted(BLAS_PRIMES) == window.tolist()

    def test_500_centred_products_stay_exact_in_float64(self):
        assert 500 * (BLAS_PRIMES[0] // 2 + 2) ** 2 < 2**53

    def test_residue_products_fit_int64(self):
        assert (INT64_PRIMES[0] - 1) ** 2 < 2**63


class TestIsPrime:
    def test_agrees_with_sympy_on_small_numbers(self):
        assert [n for n in range(-5, 5000) if is_prime(n)] == list(sympy.primerange(5000))

    @given(st.integers(0, 2**64 - 1))
    def test_agrees_with_sympy(self, n):
        assert is_prime(n) == sympy.isprime(n)

    @given(st.integers(2, 2**32 - 1), st.integers(2, 2**32 - 1))
    def test_refuses_products(self, a, b):
        assert not is_prime(a * b)

    @pytest.mark.parametrize("n", PSEUDOPRIMES)
    def test_refuses_pseudoprimes(self, n):
        assert not is_prime(n)

    def test_undecided_above_64_bits(self):
        assert is_prime(2**64 - 59)
        with pytest.raises(LimitError):
            is_prime(2**64)


class TestPrime:
    """A composite that passed for a Prime could abort the process, so no call makes one."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Prime(15),
            lambda: Prime(8388593),
            lambda: Prime("15"),
            lambda: Prime(),
            lambda: Prime.__new__(Prime, 15),
            lambda: Prime.from_bytes(b"\x0f"),
            lambda: type("Fake", (Prime,), {"__new__": lambda cls, n: int.__new__(cls, n)}),
        ],
    )
    def test_is_not_constructed(self, make):
        with pytest.raises(TypeError, match="Prime"):
            make()

    def test_is_immutable(self):
        with pytest.raises(AttributeError):
            BLAS_PRIMES[0].note = "mine"

    def test_arithmetic_gives_plain_integers(self):
        p = BLAS_PRIMES[0]
        results = [p + 0, p * 1, -p, +p, abs(p), p % (p + 1), p // 1, p.real, int(p), round(p)]
        assert {type(value) for value in results} == {int}

    def test_copies_are_the_same_object(self):
        p = BLAS_PRIMES[0]
        assert copy.copy(p) is p
        assert copy.deepcopy([p])[0] is p

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    @pytest.mark.parametrize("p", [BLAS_PRIMES[3], WIDE_PRIMES[0], prime_with_roots(5, below=100)])
    def test_pickles_by_value(self, p, protocol):
        again = pickle.loads(pickle.dumps(p, protocol))
        assert isinstance(again, Prime)
        assert again == p

    @pytest.mark.parametrize("composite", [8388595, 1, 4, -7])
    def test_a_tampered_pickle_is_refused(self, composite):
        stored = pickle.dumps(BLAS_PRIMES[0], 0)
        assert stored.count(b"8388593") == 1
        with pytest.raises(InputError, match="prime"):
            pickle.loads(stored.replace(b"8388593", str(composite).encode()))

    def test_require_prime_refuses_integers(self):
        assert type(require_prime(BLAS_PRIMES[0])) is int
        for number in (15, 8388593, True, 7.0):
            with pytest.raises(TypeError, match="Prime"):
                require_prime(number)


class TestModulus:
    @given(st.integers(2**20 + 1, 2**61 - 1))
    def test_accepts_exactly_the_primes(self, n):
        if sympy.isprime(n):
            assert isinstance(modulus(n), Prime)
        else:
            with pytest.raises(InputError, match=r"2\^20 and 2\^61"):
                modulus(n)

    @pytest.mark.parametrize("p", [*BLAS_PRIMES, *INT64_PRIMES, *WIDE_PRIMES, 1048583])
    def test_accepts_every_table(self, p):
        assert modulus(int(p)) == modulus(p) == p
        assert isinstance(modulus(int(p)), Prime)

    @pytest.mark.parametrize(
        "given",
        [
            *(0, -8388593, 2, 1048573, 2**61 + 15, 2**64 + 13, 10**100, 2**61, *PSEUDOPRIMES),
            *(True, None, 8388593.0, "8388593", [8388593], float("nan"), 8388593 * 8388587),
            prime_with_roots(5, below=100),
        ],
    )
    def test_refuses_the_rest(self, given):
        with pytest.raises(InputError, match=r"^prime "):
            modulus(given)


class TestPrimeWithRoots:
    @given(st.integers(1, 60), st.integers(300, 20000), st.integers(0, 3))
    def test_the_largest_ones_by_a_sieve(self, k, below, index):
        fitting = [p for p in sympy.primerange(below) if p % (4 * k) == 1]
        if index < len(fitting):
            p = prime_with_roots(k, below, index)
            assert isinstance(p, Prime)
            assert p == fitting[-1 - index]
        else:
            with pytest.raises(LimitError):
                prime_with_roots(k, below, index)

    @pytest.mark.parametrize(
        "arguments",
        [(0,), (-1,), (5, 2**23, -1), (2**22,), (5, 0), (5, -100), (5, 2**61 + 1), (5, 100, 2)],
    )
    def test_says_when_none_exists(self, arguments):
        with pytest.raises(LimitError, match="no prime number"):
            prime_with_roots(*arguments)

    def test_bound_is_strict(self):
        assert prime_with_roots(5, below=61) == 41
        assert prime_with_roots(5, below=62) == 61


ORDERS = [1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 30, 60, 64]
COMMON = prime_with_roots(8640)  # has the roots of every order above


class TestRoots:
    @pytest.mark.parametrize("k", ORDERS)
    @pytest.mark.parametrize("below", [2**23, 2**31, 2**61])
    def test_are_primitive(self, k, below):
        p = prime_with_roots(k, below)
        powers = [pow(root_of_unity(k, p), e, p) for e in range(1, k + 1)]
        assert powers.index(1) == k - 1

    @pytest.mark.parametrize("k", ORDERS)
    def test_of_different_orders_fit_together(self, k):
        root = root_of_unity(k, COMMON)
        for d in sympy.divisors(k):
            assert pow(root, d, COMMON) == root_of_unity(k // d, COMMON)

    def test_come_from_a_primitive_root(self):
        for p in [prime_with_roots(k, below) for k in (1, 3, 5) for below in (100, 1000)]:
            generator = root_of_unity(p - 1, p)
            assert sympy.is_primitive_root(generator, int(p))

    @pytest.mark.parametrize("k", [0, -5, 7, 2**40])
    def test_need_k_to_divide(self, k):
        p = prime_with_roots(5, below=100)  # 61, and 7 does not divide 60
        with pytest.raises(InputError, match="prime_with_roots"):
            root_of_unity(k, p)

    def test_refuse_plain_integers(self):
        for function in (root_of_unity, cos_sin_mod):
            with pytest.raises(TypeError, match="Prime"):
                function(2, 15)


class TestCosSin:
    @pytest.mark.parametrize("k", ORDERS)
    def test_cosine_is_a_root_of_its_minimal_polynomial(self, k):
        x = sympy.Symbol("x")
        cosine, sine = cos_sin_mod(k, COMMON)
        polynomial = sympy.Poly(sympy.minimal_polynomial(sympy.cos(2 * sympy.pi / k), x), x)
        assert polynomial.eval(cosine) % COMMON == 0
        assert (cosine**2 + sine**2) % COMMON == 1

    @pytest.mark.parametrize(
        "k, twice", [(1, (2, 0)), (2, (-2, 0)), (4, (0, 2)), (3, (-1, None)), (12, (None, 1))]
    )
    def test_rational_values_have_the_sign_of_the_real_ones(self, k, twice):
        for value, expected in zip(cos_sin_mod(k, COMMON), twice, strict=True):
            assert expected is None or (2 * value - expected) % COMMON == 0

    @pytest.mark.parametrize("j, k, total", [(3, 6, 2), (5, 20, 4), (12, 6, 4), (8, 8, 4)])
    def test_angles_add(self, j, k, total):
        (a, b), (c, d) = cos_sin_mod(j, COMMON), cos_sin_mod(k, COMMON)
        expected = cos_sin_mod(total, COMMON)
        assert ((a * c - b * d) % COMMON, (a * d + b * c) % COMMON) == expected

    def test_need_i(self):
        p = modulus(2**31 - 1)  # 3 mod 4: the third roots are there, i is not
        assert root_of_unity(3, p)
        with pytest.raises(InputError):
            cos_sin_mod(3, p)
