"""Both layouts of GF(p) against Python integers, at the edges of what float64 and int64 hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES, cos_sin_mod, prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import FloatResidues, IntResidues, residues

SMALL = prime_with_roots(1, below=50)  # 41
MANY_TWOS = prime_with_roots(2**14)  # p − 1 divisible by 2^16: the long way to a square root
RINGS = [
    FloatResidues(BLAS_PRIMES[0]),
    FloatResidues(BLAS_PRIMES[-1]),
    FloatResidues(SMALL),
    FloatResidues(MANY_TWOS),
    IntResidues(BLAS_PRIMES[0]),
    IntResidues(INT64_PRIMES[0]),
    IntResidues(SMALL),
    IntResidues(MANY_TWOS),
]
rings = pytest.mark.parametrize("ring", RINGS, ids=str)
integers = st.one_of(
    st.integers(-(2**80), 2**80), st.sampled_from([s * 2**e for s in (1, -1) for e in (31, 53, 63)])
)
vectors = st.lists(integers, min_size=1, max_size=6)


def ints(ring, x):
    """Reduced scalars as Python integers in [0, p), after checking that they are reduced."""
    p = int(ring.prime)
    assert x.dtype == ring.dtype
    assert (np.abs(x) <= p // 2 + 2).all() if ring.dtype.kind == "f" else ((x >= 0) & (x < p)).all()
    values = ring.canonical(x)
    assert (values < p).all()
    return np.asarray(values).astype(object).tolist()


def exactly(x):
    """The same numbers as Python integers, which no product rounds."""
    return x.astype(np.int64).astype(object)


def extremes(ring, shape):
    """The largest representatives that ``random`` or a reduction hands out."""
    p = int(ring.prime)
    return np.full(shape, p // 2 if ring.dtype.kind == "f" else p - 1, dtype=ring.dtype)


@rings
class TestRing:
    @given(data=vectors)
    def test_integers_of_any_size(self, ring, data):
        p = int(ring.prime)
        assert ints(ring, ring.from_integers(data)) == [v % p for v in data]
        assert ints(ring, ring.from_integers(data[0])) == data[0] % p

    @given(a=vectors, b=vectors)
    def test_sum_difference_product(self, ring, a, b):
        p, n = int(ring.prime), min(len(a), len(b))
        a, b = a[:n], b[:n]
        x, y = (ring.from_integers(np.array(v, dtype=object)) for v in (a, b))
        assert ints(ring, ring.reduce(x + y)) == [(u + v) % p for u, v in zip(a, b, strict=True)]
        assert ints(ring, ring.reduce(x - y)) == [(u - v) % p for u, v in zip(a, b, strict=True)]
        assert ints(ring, ring.mul(x, y)) == [u * v % p for u, v in zip(a, b, strict=True)]
        outer = ring.mul(x[:, None], y[None])
        assert ints(ring, outer) == [[u * v % p for v in b] for u in a]

    def test_largest_products(self, ring):
        p = int(ring.prime)
        top = extremes(ring, 1)
        for a in (top, ring.reduce(-top)):
            for b in (top, ring.reduce(-top)):
                assert ints(ring, ring.mul(a, b)) == [int(a[0]) * int(b[0]) % p]

    @pytest.mark.parametrize("inner", [1, 2, 511, 512, 513, 2000, 33_000])
    def test_matrix_products_of_any_length(self, ring, inner):
        p = int(ring.prime)
        rng = np.random.default_rng(inner)
        a = ring.random(rng, (3, inner))
        b = ring.random(rng, (inner, 2))
        a[0], b[:, 0] = extremes(ring, inner), extremes(ring, inner)
        a[1] = ring.reduce(-a[0])
        expected = (exactly(a) @ exactly(b)) % p
        assert ints(ring, ring.matmul(a, b)) == expected.tolist()

    def test_sums_of_safe_terms_products_are_exact(self, ring):
        p, count = int(ring.prime), min(ring.safe_terms, 10_000)
        top = extremes(ring, count)
        total = ring.reduce(np.asarray((top * top).sum()))
        assert ints(ring, total) == count * int(top[0]) ** 2 % p

    def test_matrix_products_broadcast(self, ring):
        rng = np.random.default_rng(0)
        a, b = ring.random(rng, (4, 1, 2, 3)), ring.random(rng, (5, 3, 2))
        expected = np.matmul(exactly(a), exactly(b)) % int(ring.prime)
        assert ints(ring, ring.matmul(a, b)) == expected.tolist()

    def test_inverses(self, ring):
        p = int(ring.prime)
        x = ring.from_integers([*range(1, 40), p - 1, p // 2, p // 2 + 1])
        assert ints(ring, ring.mul(x, ring.inverse(x))) == [1] * 42
        assert ints(ring, ring.inverse(ring.from_integers([0, 2]))) == [0, pow(2, -1, p)]

    @given(numerator=st.integers(-(2**70), 2**70), denominator=st.integers(1, 40))
    def test_fractions(self, ring, numerator, denominator):
        p = int(ring.prime)
        scalar = ring.fraction(numerator, denominator)
        assert isinstance(scalar, float if ring.dtype.kind == "f" else int)
        assert (int(scalar) * denominator - numerator) % p == 0

    @given(exponent=st.integers(0, 2**30))
    def test_powers(self, ring, exponent):
        p = int(ring.prime)
        x = ring.from_integers([0, 1, -1, 2, 12345])
        expected = [pow(v, exponent, p) for v in (0, 1, -1, 2, 12345)]
        assert ints(ring, ring.power(x, exponent)) == expected

    def test_square_roots_exist_for_squares_only(self, ring):
        p = int(ring.prime)
        values = list(range(200))
        root, ok = ring.square_root(ring.from_integers(values))
        squares = [v % p == 0 or pow(v, (p - 1) // 2, p) == 1 for v in values]  # Euler
        assert ok.tolist() == squares
        found = ints(ring, ring.mul(root, root))
        assert [r for r, s in zip(found, squares, strict=True) if s] == [
            v % p for v, s in zip(values, squares, strict=True) if s
        ]
        assert {True, False} == set(squares)

    def test_canonical_and_back(self, ring):
        p = int(ring.prime)
        values = np.array([0, 1, p // 2, p // 2 + 1, p - 1], dtype=np.uint64)
        there = ring.from_canonical(values)
        assert ints(ring, there) == values.tolist()
        assert ints(ring, ring.from_integers(values.astype(np.int64))) == values.tolist()

    def test_zero_is_recognised_in_every_representative(self, ring):
        p = int(ring.prime)
        one = ring.from_integers(1)
        zeros = [ring.reduce(np.asarray(x, dtype=ring.dtype)) for x in (0, p, -p, 3 * p)]
        zeros.append(ring.reduce(one - one))
        assert all(ring.is_zero(z).all() for z in zeros)
        assert not ring.is_zero(one).any()

    def test_random_scalars_are_reduced_fill_the_field_and_follow_the_seed(self, ring):
        draw = ring.random(np.random.default_rng(1), (50, 100))
        p = int(ring.prime)
        values = np.array(ints(ring, draw), dtype=np.int64)
        assert (draw == ring.random(np.random.default_rng(1), (50, 100))).all()
        if p == SMALL:
            assert len(np.unique(values)) == SMALL
        assert values.min() < p / 10
        assert values.max() > p * 9 / 10

    def test_reduces_without_touching_its_argument(self, ring):
        x = np.array([5, int(ring.prime) * 3 + 7], dtype=ring.dtype)
        kept = x.copy()
        reduced = ring.reduce(x)
        reduced[:] = 0
        assert (x == kept).all()


class TestLayouts:
    def test_agree_with_each_other(self):
        prime = BLAS_PRIMES[2]
        floats, whole = FloatResidues(prime), IntResidues(prime)
        rng = np.random.default_rng(0)
        a, b = floats.random(rng, (6, 700)), floats.random(rng, (700, 5))
        x, y = (whole.from_canonical(floats.canonical(m)) for m in (a, b))
        assert ints(floats, floats.matmul(a, b)) == ints(whole, whole.matmul(x, y))
        assert ints(floats, floats.inverse(a)) == ints(whole, whole.inverse(x))
        for left, right in zip(floats.square_root(a), whole.square_root(x), strict=True):
            if left.dtype != np.bool_:
                left, right = floats.mul(left, left), whole.mul(right, right)
                left, right = floats.canonical(left), whole.canonical(right)
            assert (left == right).all()

    @pytest.mark.parametrize("layout", [FloatResidues, IntResidues])
    @pytest.mark.parametrize("k", [1, 3, 8])
    def test_cosines_are_those_of_the_primes(self, layout, k):
        prime = prime_with_roots(24)
        found = [int(v) % prime for v in layout(prime).cos_sin(k)]
        assert tuple(found) == cos_sin_mod(k, prime)

    def test_are_chosen_by_the_size_of_the_prime(self):
        assert isinstance(residues(BLAS_PRIMES[0]), FloatResidues)
        assert isinstance(residues(INT64_PRIMES[0]), IntResidues)
        assert isinstance(residues(BLAS_PRIMES[0], "int64"), IntResidues)

    def test_refuse_what_they_cannot_hold(self):
        with pytest.raises(ValueError, match=r"2\^23"):
            FloatResidues(INT64_PRIMES[0])
        with pytest.raises(ValueError, match=r"2\^31"):
            IntResidues(prime_with_roots(1, below=2**40))
        for layout in (FloatResidues, IntResidues):
            with pytest.raises(TypeError, match="primes"):
                layout(8388593)

    @given(a=st.integers(-(2**20), 2**20), b=st.integers(-(2**20), 2**20))
    def test_obey_the_law_of_scalars(self, a, b):
        for ring in (*RINGS, Reals()):
            x, y = ring.from_integers([[a]]), ring.from_integers([[b]])
            for combined, expected in (
                (ring.reduce(x + y), a + b),
                (ring.mul(x, y), a * b),
                (ring.matmul(x, y), a * b),
            ):
                assert ring.is_zero(ring.reduce(combined - ring.from_integers([[expected]]))).all()
