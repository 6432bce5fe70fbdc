"""Formal values obey the relations that always hold and no others; derivatives obey their rules."""

import numpy as np
import pytest
from scipy import special

from conserved.kernel.functions import CONSTANTS, ELEMENTARY, FormalRing
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES
from conserved.kernel.real import Reals
from conserved.kernel.residues import FloatResidues, IntResidues

RESIDUES = [
    FloatResidues(BLAS_PRIMES[0]),
    IntResidues(BLAS_PRIMES[0]),
    IntResidues(INT64_PRIMES[0]),
]
SMOOTH = sorted(ELEMENTARY)
ODD = ["tanh", "erf", "sin", "normal"]

formal = pytest.mark.parametrize("scalars", RESIDUES, ids=str)
orders = pytest.mark.parametrize("order", [0, 1, 2, 3])


def jets(scalars, order, seed=0, count=40, name=""):
    """Random jets (2^order, 1, count); zero among the values at ε^0, or 1 for a logarithm."""
    z = scalars.random(np.random.default_rng(seed), (2**order, 1, count))
    z[0, 0, 0] = name == "log"
    return z


def assert_zero(ring, x):
    assert ring.scalars.is_zero(ring.scalars.reduce(np.asarray(x))).all()


def assert_equal(ring, x, y):
    assert_zero(ring, ring.sub(x, y))
    assert ring.invalid is None


RELATIONS = {
    "exp(−z) exp(z) = 1": lambda ring, f, z: ring.mul(f("exp", z), f("exp", ring.neg(z))),
    "σ(−z) + σ(z) = 1": lambda ring, f, z: ring.add(f("sigmoid", z), f("sigmoid", ring.neg(z))),
    "sin² + cos² = 1": lambda ring, f, z: ring.add(
        ring.mul(f("sin", z), f("sin", z)), ring.mul(f("cos", z), f("cos", z))
    ),
    "σ(z) (1 + exp(−z)) = 1": lambda ring, f, z: ring.mul(
        f("sigmoid", z), ring.add(f("exp", ring.neg(z)), ring.one())
    ),
}


class TestRelations:
    """As identities between jets, so that the derivatives obey them too."""

    @formal
    @orders
    @pytest.mark.parametrize("relation", RELATIONS)
    def test_equal_to_one(self, scalars, order, relation):
        ring = FormalRing(scalars, salt=3)
        assert_equal(
            ring, RELATIONS[relation](ring, ring.function, jets(scalars, order)), ring.one()
        )

    @formal
    @orders
    @pytest.mark.parametrize("name", ODD)
    def test_odd(self, scalars, order, name):
        ring, z = FormalRing(scalars, salt=3), jets(scalars, order)
        assert_equal(ring, ring.function(name, ring.neg(z)), ring.neg(ring.function(name, z)))
        assert_zero(ring, ring.function(name, z)[0, 0, 0])

    @formal
    @orders
    def test_cos_is_even(self, scalars, order):
        ring, z = FormalRing(scalars, salt=3), jets(scalars, order)
        assert_equal(ring, ring.function("cos", ring.neg(z)), ring.function("cos", z))

    @formal
    @orders
    def test_softplus(self, scalars, order):
        """softplus(z) − softplus(−z) = z."""
        ring, z = FormalRing(scalars, salt=3), jets(scalars, order)
        difference = ring.sub(ring.function("softplus", z), ring.function("softplus", ring.neg(z)))
        assert_equal(ring, difference, z)

    @formal
    @orders
    def test_log_of_a_reciprocal(self, scalars, order):
        ring, z = FormalRing(scalars, salt=3), jets(scalars, order, name="log")
        assert_equal(ring, ring.function("log", ring.inverse(z)), ring.neg(ring.function("log", z)))
        assert_zero(ring, ring.function("log", z)[0, 0, 0])

    @formal
    @orders
    def test_tanh_is_made_of_exp(self, scalars, order):
        """tanh(z) (exp(z) + exp(−z)) = exp(z) − exp(−z)."""
        ring, z = FormalRing(scalars, salt=3), jets(scalars, order)
        up, down = ring.function("exp", z), ring.function("exp", ring.neg(z))
        tanh = ring.function("tanh", z)
        assert_equal(ring, ring.mul(tanh, ring.add(up, down)), ring.sub(up, down))

    @formal
    def test_values_at_zero(self, scalars):
        ring = FormalRing(scalars, salt=3)
        zero = np.zeros((1, 1, 1), dtype=scalars.dtype)
        half = scalars.fraction(1, 2)
        for name, value in {"exp": 1, "cos": 1, "sigmoid": half, **dict.fromkeys(ODD, 0)}.items():
            assert ring.function(name, zero).item() == value

    @pytest.mark.parametrize("name", SMOOTH)
    def test_the_relations_are_those_of_the_real_functions(self, name):
        """exp has no real relation that the formal one lacks, and the other way round."""
        ring, z = FormalRing(Reals()), np.linspace(-3, 3, 42)[None, None]
        for relation in RELATIONS.values():
            np.testing.assert_allclose(relation(ring, ring.function, z), np.ones_like(z))
        mirrored = ring.function(name, -z) + ring.function(name, z)
        assert (np.abs(mirrored).max() < 1e-12) == (name in ODD)


class TestFormalValues:
    @formal
    @pytest.mark.parametrize("name", SMOOTH)
    def test_equal_arguments_have_equal_values(self, scalars, name):
        ring, z = FormalRing(scalars, salt=1), jets(scalars, 0, count=30)
        values = ring.function(name, z)
        again = ring.function(name, z[:, :, ::-1].reshape(1, 5, 6))
        assert (again.reshape(-1) == values[0, 0, ::-1]).all()

    @formal
    @pytest.mark.parametrize("name", SMOOTH)
    def test_different_arguments_and_salts_have_different_values(self, scalars, name):
        z = scalars.from_integers(np.arange(1, 400))[None, None]
        first, second = (FormalRing(scalars, salt=s).function(name, z) for s in (1, 2))
        distinct = len(np.unique(scalars.canonical(first)))
        assert distinct >= z.size - 2  # chance coincidences: z.size² / 2p < 0.01
        assert (first != second).mean() > 0.99

    @formal
    def test_different_functions_have_different_values(self, scalars):
        ring, z = FormalRing(scalars, salt=1), scalars.from_integers(np.arange(1, 50))[None, None]
        values = np.stack([ring.function(name, z)[0, 0] for name in SMOOTH])
        assert all(len(set(column)) == len(SMOOTH) for column in values.T.tolist())

    def test_values_are_the_same_in_both_layouts(self):
        floats, integers = RESIDUES[:2]
        z = floats.random(np.random.default_rng(0), (4, 3, 5))
        moved = integers.from_canonical(floats.canonical(z))
        for name in SMOOTH:
            a = FormalRing(floats, salt=5).function(name, z)
            b = FormalRing(integers, salt=5).function(name, moved)
            assert (floats.canonical(a) == integers.canonical(b)).all()

    @formal
    def test_values_fill_the_field_evenly(self, scalars):
        ring = FormalRing(scalars, salt=1)
        z = scalars.from_integers(np.arange(1, 20_001))[None, None]
        p = int(scalars.prime)
        for name in ("exp", "erf", "sin"):
            share = np.histogram(scalars.canonical(ring.function(name, z)), 10, (0, p))[0] / z.size
            assert np.abs(share - 0.1).max() < 0.015  # seven standard deviations

    @formal
    @pytest.mark.parametrize("name", CONSTANTS)
    def test_constants_are_fixed_by_the_salt(self, scalars, name):
        first, again, other = (FormalRing(scalars, salt=s).constant(name) for s in (1, 1, 2))
        assert first == again
        assert first != other
        assert first != 0

    @formal
    def test_formal_and_plain_values_of_a_key(self, scalars):
        values = FormalRing(scalars, salt=1).formal()
        z = scalars.from_integers([[1, -1, 2, 0]])
        keys = np.array([[7], [8]], dtype=np.uint64)
        odd, even, free = (draw("f", z, keys) for draw in (values.odd, values.even, values.free))
        for drawn in (odd, even, free):
            assert drawn.shape == (2, 4)
            assert (drawn[0, :3] != drawn[1, :3]).all()
        assert_zero(values, odd[:, 0] + odd[:, 1])
        assert (odd[:, 3] == 0).all()
        assert (even[:, 0] == even[:, 1]).all()
        assert (free[:, 0] != free[:, 1]).all()


def gaussian(constant, half):
    """c·exp(−z²) or c·exp(−z²/2)."""

    def rule(ring, z, f):
        square = ring.neg(ring.mul(z, z))
        if half:
            square = ring.scale(square, ring.scalars.fraction(1, 2))
        return ring.scale(ring.function("exp", square), ring.constant(constant))

    return rule


# f′ in terms of z and f = f(z), written again
DERIVATIVES = {
    "exp": lambda ring, z, f: f,
    "tanh": lambda ring, z, f: ring.sub(ring.one(), ring.mul(f, f)),
    "sigmoid": lambda ring, z, f: ring.mul(f, ring.sub(ring.one(), f)),
    "softplus": lambda ring, z, f: ring.function("sigmoid", z),
    "erf": gaussian("2/√π", half=False),
    "normal": gaussian("1/√(2π)", half=True),
    "sin": lambda ring, z, f: ring.function("cos", z),
    "cos": lambda ring, z, f: ring.neg(ring.function("sin", z)),
    "log": lambda ring, z, f: ring.inverse(z),
}


class TestDerivatives:
    @formal
    @pytest.mark.parametrize("name", SMOOTH)
    @pytest.mark.parametrize("order", [0, 1, 2])
    def test_the_last_infinitesimal_carries_the_derivative(self, scalars, name, order):
        """f(z + ε) = f(z) + ε f′(z), z itself a jet."""
        ring, z = FormalRing(scalars, salt=2), jets(scalars, order, name=name)
        tangent = np.zeros_like(z)
        tangent[0] = 1
        value = ring.function(name, np.concatenate([z, tangent]))
        assert_equal(ring, value[: len(z)], ring.function(name, z))
        expected = DERIVATIVES[name](ring, z, ring.function(name, z))
        assert_equal(ring, value[len(z) :], expected)

    @formal
    @pytest.mark.parametrize("name", SMOOTH)
    def test_second_derivatives_do_not_depend_on_the_order_of_differentiation(self, scalars, name):
        ring, z = FormalRing(scalars, salt=2), jets(scalars, 2, name=name)
        swapped = ring.function(name, z[[0, 2, 1, 3]])
        assert_equal(ring, ring.function(name, z)[[0, 2, 1, 3]], swapped)

    @pytest.mark.parametrize("name", SMOOTH)
    @pytest.mark.parametrize("order", [0, 1])
    def test_real_derivatives_against_differences(self, name, order):
        ring = FormalRing(Reals())
        z = np.linspace(0.5 if name == "log" else -2.5, 2.5, 30)[None, None].repeat(
            2**order, axis=0
        )
        z[1:] *= 0.3
        tangent = np.ones_like(z)
        jet = ring.function(name, np.concatenate([z, tangent]))[len(z) :]
        h = 1e-3
        wide, narrow = (
            (ring.function(name, z + s * tangent) - ring.function(name, z - s * tangent)) / (2 * s)
            for s in (h, h / 2)
        )
        np.testing.assert_allclose(jet, (4 * narrow - wide) / 3, atol=1e-9, rtol=1e-9)

    @pytest.mark.parametrize(
        "name, real",
        [
            *(("exp", np.exp), ("tanh", np.tanh), ("sigmoid", special.expit)),
            *(("softplus", lambda z: np.log1p(np.exp(z))), ("erf", special.erf)),
            *(("sin", np.sin), ("cos", np.cos), ("normal", lambda z: special.ndtr(z) - 0.5)),
        ],
    )
    def test_real_values(self, name, real):
        z = np.linspace(-4, 4, 33)[None, None]
        np.testing.assert_allclose(FormalRing(Reals()).function(name, z), real(z), atol=1e-14)


class TestRecordedArguments:
    """What the independence test will look at: every argument at ε^0, once per call."""

    @formal
    def test_name_their_family(self, scalars):
        ring, z = FormalRing(scalars), jets(scalars, 0)
        ring.arguments = met = []
        for name in ("exp", "tanh", "sigmoid", "softplus", "sin", "cos"):
            ring.function(name, z)
        families = ["exp"] * 4 + ["softplus", "value"] + ["circle"] * 2
        assert [family for family, _ in met] == families
        assert all((argument == z).all() for family, argument in met if family != "value")

    @formal
    @pytest.mark.parametrize("name, half", [("erf", False), ("normal", True)])
    def test_of_a_gaussian_are_its_exponents(self, scalars, name, half):
        """erf is recorded by the exponential in its slope, met or not: −z², or −z²/2 for normal."""
        ring, z = FormalRing(scalars), jets(scalars, 0)
        ring.arguments = met = []
        ring.function(name, z)
        (family, argument), *rest = met
        assert not rest
        assert family == "exp"
        square = ring.mul(z, z)
        assert_equal(ring, ring.scale(argument, -2 if half else -1), square)
