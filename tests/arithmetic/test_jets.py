"""Jets against SymPy: polynomials in ε1, ε2, ε3 over GF(p) with every ε_i² struck out."""

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from conserved.kernel.jets import Jets, halves, join
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES
from conserved.kernel.real import Reals
from conserved.kernel.residues import FloatResidues, IntResidues

SCALARS = [FloatResidues(BLAS_PRIMES[0]), IntResidues(BLAS_PRIMES[0]), IntResidues(INT64_PRIMES[0])]
ORDERS = [(i, j) for i in range(4) for j in range(4)]
scalars_cases = pytest.mark.parametrize("scalars", SCALARS, ids=str)
seeds = st.integers(0, 2**32 - 1)


def polynomial(scalars, jet):
    """A single jet (2^k,) as a SymPy polynomial in e1, e2, e3 over GF(p)."""
    p = int(scalars.prime)
    ring, *_ = sympy.ring("e1, e2, e3", sympy.GF(p, symmetric=False))
    terms = {
        (mask & 1, mask >> 1 & 1, mask >> 2 & 1): int(value)
        for mask, value in enumerate(scalars.canonical(jet))
    }
    return ring.from_dict({m: ring.domain(v) for m, v in terms.items() if v})


def truncated(value):
    """The polynomial without the terms that some ε_i² kills."""
    return value.ring.from_dict({m: c for m, c in value.items() if max(m) < 2})


def powers(value, count):
    """1, value, value², … as truncated polynomials."""
    result = [value.ring.one]
    while len(result) < count:
        result.append(truncated(result[-1] * value))
    return result


def assert_same(scalars, jet, expected):
    assert polynomial(scalars, jet) == truncated(expected)


def assert_matrix_product(scalars, i, j, inner):
    """(2, inner) times (inner, 2), orders i and j, entry by entry."""
    rng = np.random.default_rng(8 * i + j)
    a = random_jet(scalars, rng, i, (2, inner))
    b = random_jet(scalars, rng, j, (inner, 2))
    found = Jets(scalars).matmul(a, b)
    for row in range(2):
        for column in range(2):
            terms = [
                polynomial(scalars, a[:, row, n]) * polynomial(scalars, b[:, n, column])
                for n in range(inner)
            ]
            assert_same(scalars, found[:, row, column], sum(terms, terms[0].ring.zero))


def random_jet(scalars, rng, k, shape=()):
    return scalars.random(rng, (2**k, *shape))


@scalars_cases
@pytest.mark.parametrize("i, j", ORDERS)
class TestMixedOrders:
    """Orders mix freely: the missing entries of the shorter jet are zero."""

    def test_sum_and_difference(self, scalars, i, j):
        rng = np.random.default_rng(8 * i + j)
        a, b = random_jet(scalars, rng, i), random_jet(scalars, rng, j)
        x, y = polynomial(scalars, a), polynomial(scalars, b)
        assert_same(scalars, Jets(scalars).add(a, b), x + y)
        assert_same(scalars, Jets(scalars).sub(a, b), x - y)

    def test_product(self, scalars, i, j):
        rng = np.random.default_rng(8 * i + j)
        a, b = random_jet(scalars, rng, i), random_jet(scalars, rng, j)
        product = Jets(scalars).mul(a, b)
        assert len(product) == 2 ** max(i, j)
        assert_same(scalars, product, polynomial(scalars, a) * polynomial(scalars, b))

    @pytest.mark.parametrize("inner", [1, 3])
    def test_matrix_product(self, scalars, i, j, inner):
        assert_matrix_product(scalars, i, j, inner)


@scalars_cases
@pytest.mark.parametrize("i, j", [(3, 3), (3, 1), (1, 3)])
def test_matrix_products_that_reduce_early(scalars, i, j):
    """8 · 70 products are more than float64 adds exactly."""
    assert_matrix_product(scalars, i, j, inner=70)


@scalars_cases
class TestRules:
    @pytest.mark.parametrize("k", range(4))
    def test_inverse(self, scalars, k):
        """1/(a + n) = Σ (−n)^i / a^{i+1}, n nilpotent."""
        x = random_jet(scalars, np.random.default_rng(k), k)
        poly = polynomial(scalars, x)
        constant = poly.ring.domain.one / poly.coeff(1)
        ratio = (poly - poly.coeff(1)) * -constant
        expected = sum(powers(ratio, 4), poly.ring.zero) * constant
        assert_same(scalars, Jets(scalars).inverse(x), expected)

    @pytest.mark.parametrize("k", range(4))
    def test_square_root(self, scalars, k):
        """√(a + n) = √a · Σ binom(1/2, i) (n/a)^i."""
        x = random_jet(scalars, np.random.default_rng(k), k)
        x[0] = scalars.mul(x[0], x[0])
        ring = Jets(scalars)
        root = ring.square_root(x)
        assert ring.invalid is None
        poly, domain = polynomial(scalars, x), polynomial(scalars, x).ring.domain
        ratio = (poly - poly.coeff(1)) * (domain.one / poly.coeff(1))
        binomials = [sympy.binomial(sympy.Rational(1, 2), i) for i in range(4)]
        series = [
            power * (domain(int(c.p)) / domain(int(c.q)))
            for power, c in zip(powers(ratio, 4), binomials, strict=True)
        ]
        base = polynomial(scalars, root).coeff(1)
        assert base * base == poly.coeff(1)
        assert_same(scalars, root, sum(series, poly.ring.zero) * base)

    @pytest.mark.parametrize("exponent", [1, 2, 3, 4, 5, 7, 12])
    def test_power(self, scalars, exponent):
        x = random_jet(scalars, np.random.default_rng(exponent), 3)
        expected = powers(polynomial(scalars, x), exponent + 1)[-1]
        assert_same(scalars, Jets(scalars).power(x, exponent), expected)

    def test_infinitesimals_are_nilpotent(self, scalars):
        ring = Jets(scalars)
        for i in range(3):
            epsilon = scalars.from_integers(np.eye(8, dtype=np.int64)[1 << i])
            assert not ring.mul(epsilon, epsilon).any()
        total = scalars.from_integers([0, 1, 1, 0, 1, 0, 0, 0])
        assert ring.power(total, 3).tolist() == [0, 0, 0, 0, 0, 0, 0, 6]
        assert not ring.power(total, 4).any()

    @given(seed=seeds, orders=st.tuples(*[st.integers(0, 3)] * 3))
    def test_ring_axioms(self, scalars, seed, orders):
        rng, ring = np.random.default_rng(seed), Jets(scalars)
        top = max(orders)  # equal orders, or constants, as the tape has them
        a, b, c = (random_jet(scalars, rng, k if k in (0, top) else top, (2, 3)) for k in orders)

        def assert_equal(x, y):
            assert not ring.sub(x, y).any()

        assert_equal(ring.add(a, b), ring.add(b, a))
        assert_equal(ring.mul(a, b), ring.mul(b, a))
        assert_equal(ring.mul(ring.mul(a, b), c), ring.mul(a, ring.mul(b, c)))
        assert_equal(ring.mul(a, ring.add(b, c)), ring.add(ring.mul(a, b), ring.mul(a, c)))
        turned = b.swapaxes(-1, -2)
        assert_equal(ring.matmul(ring.matmul(a, turned), c), ring.matmul(a, ring.matmul(turned, c)))

    def test_broadcasts_behind_the_jet_axis(self, scalars):
        rng, ring = np.random.default_rng(0), Jets(scalars)
        a, b = random_jet(scalars, rng, 2, (5, 1, 3)), random_jet(scalars, rng, 2, (1, 4, 1))
        wide = [np.broadcast_to(x, (4, 5, 4, 3)) for x in (a, b)]
        for operation in (ring.add, ring.sub, ring.mul):
            assert (operation(a, b) == operation(*wide)).all()
            assert (operation(b[:1], a) == operation(wide[1][:1], wide[0])).all()

    def test_leaves_its_arguments_alone(self, scalars):
        rng, ring = np.random.default_rng(0), Jets(scalars)
        a, b = random_jet(scalars, rng, 2, (2, 2)), random_jet(scalars, rng, 0, (2, 2))
        kept = a.copy(), b.copy()
        for operation in (ring.add, ring.sub, ring.mul, ring.matmul):
            operation(a, b)
            operation(b, a)
        ring.inverse(a)
        assert (a == kept[0]).all()
        assert (b == kept[1]).all()


@scalars_cases
class TestInvalid:
    def test_division_by_zero_names_the_samples(self, scalars):
        ring = Jets(scalars)
        x = scalars.from_integers([[[1, 2], [3, 0], [4, 5]], [[1, 1], [1, 1], [0, 0]]])
        ring.inverse(x)
        assert ring.invalid.tolist() == [False, True, False]

    def test_zero_behind_an_infinitesimal_is_harmless(self, scalars):
        ring = Jets(scalars)
        ring.inverse(scalars.from_integers([[[1]], [[0]]]))
        assert ring.invalid is None

    def test_a_non_square_names_the_samples(self, scalars):
        p = int(scalars.prime)
        other = next(n for n in range(2, 100) if pow(n, (p - 1) // 2, p) == p - 1)
        ring = Jets(scalars)
        ring.square_root(scalars.from_integers([[[4, 1], [9, other], [other, other]]]))
        assert ring.invalid.tolist() == [False, True, True]

    def test_the_root_of_zero_has_a_value_but_no_derivative(self, scalars):
        ring = Jets(scalars)
        root = ring.square_root(scalars.from_integers([[[0], [4]]]))
        assert ring.invalid is None
        assert root[0, 0, 0] == 0
        ring.square_root(scalars.from_integers([[[0], [4]], [[1], [1]]]))
        assert ring.invalid.tolist() == [True, False]

    def test_marks_add_up(self, scalars):
        ring = Jets(scalars)
        ring.inverse(scalars.from_integers([[[1], [0], [1]]]))
        ring.inverse(scalars.from_integers([[[1], [1], [0]]]))
        assert ring.invalid.tolist() == [False, True, True]


def test_halves_and_join():
    x = np.arange(24).reshape(8, 3)
    assert (join(*halves(x)) == x).all()
    raised = join(np.ones((1, 1)), np.full((4, 3), 2.0))
    assert raised[:, 0].tolist() == [1, 0, 0, 0, 2, 2, 2, 2]
    lowered = join(np.ones((4, 3)), np.full((1, 1), 2.0))
    assert lowered[:, 2].tolist() == [1, 1, 1, 1, 2, 0, 0, 0]


def test_derivatives_of_a_real_polynomial():
    """f(x) = x³ at 2 + ε1 + ε2: f, f′, f′, f″."""
    x = np.array([2.0, 1.0, 1.0, 0.0])
    assert Jets(Reals()).power(x, 3).tolist() == [8.0, 12.0, 12.0, 12.0]
