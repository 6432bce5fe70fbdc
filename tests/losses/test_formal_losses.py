"""Formal losses on jets: derivatives, parities and labels of the random series."""

from __future__ import annotations

import numpy as np
import pytest

from conserved.kernel.functions import FormalRing
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.residues import residues
from conserved.losses import AnyLoss, Exponential, Logistic

SCALARS = residues(BLAS_PRIMES[0])
COUNT = 6
KEYS = np.arange(1, COUNT + 1, dtype=np.uint64)


@pytest.fixture
def ring():
    return FormalRing(SCALARS, salt=5)


def drawn(seed, *shape):
    return SCALARS.random(np.random.default_rng(seed), shape)


def scalar_gradient(ring, loss, jets, sign=1.0):
    labels = np.full((1, COUNT, 1, 1), sign)
    return loss.gradient(ring, jets, labels, KEYS)


def on_jets(point, tangent):
    return np.concatenate([point, tangent])


@pytest.mark.parametrize("loss", [Logistic(), Exponential()], ids=str)
class TestMargin:
    def test_the_tangent_is_linear_and_not_zero(self, ring, loss):
        point, tangent = drawn(0, 1, COUNT, 1, 1), drawn(1, 1, COUNT, 1, 1)
        once = scalar_gradient(ring, loss, on_jets(point, tangent))[1]
        twice = scalar_gradient(ring, loss, on_jets(point, SCALARS.reduce(2 * tangent)))[1]
        assert once.all()
        assert np.array_equal(twice, SCALARS.reduce(2 * once))

    def test_second_derivatives_commute(self, ring, loss):
        """At θ + ε1 s + ε2 t + ε1ε2·0 the last entry is r″ s t, whichever comes first."""
        point, s, t = (drawn(i, 1, COUNT, 1, 1) for i in range(3))
        zero = np.zeros_like(point)
        first = scalar_gradient(ring, loss, np.concatenate([point, s, t, zero]))[3]
        second = scalar_gradient(ring, loss, np.concatenate([point, t, s, zero]))[3]
        assert first.all()
        assert np.array_equal(first, second)

    def test_the_label_acts_inside_and_outside(self, ring, loss):
        """∇ℓ(ŷ, −1) = −r(−ŷ), with r(ŷ) = ∇ℓ(ŷ, 1)."""
        point = drawn(3, 1, COUNT, 1, 1)
        negative = scalar_gradient(ring, loss, point, sign=-1.0)
        mirrored = scalar_gradient(ring, loss, SCALARS.reduce(-point))
        assert np.array_equal(negative, SCALARS.reduce(-mirrored))

    def test_keys_name_different_series(self, ring, loss):
        point = np.full((1, COUNT, 1, 1), 7.0)
        assert len(np.unique(scalar_gradient(ring, loss, point))) == COUNT


def parts(ring, loss, point):
    """r(ŷ), r′(ŷ), r″(ŷ) at ŷ and at −ŷ."""
    one, zero = np.ones_like(point), np.zeros_like(point)
    out = []
    for sign in (1, -1):
        jets = np.concatenate([SCALARS.reduce(sign * point), one, one, zero])
        out.append(scalar_gradient(ring, loss, jets)[[0, 1, 3]])
    return out


def test_logistic_has_order_zero_and_odd_orders(ring):
    first, second = drawn(0, 1, COUNT, 1, 1), drawn(1, 1, COUNT, 1, 1)
    sums = []
    for point in (first, second):
        here, there = parts(ring, Logistic(), point)
        sums.append(SCALARS.reduce(here[0] + there[0]))
        assert np.array_equal(here[1], there[1]), "r′ is even"
        assert np.array_equal(here[2], SCALARS.reduce(-there[2])), "r″ is odd"
    assert np.array_equal(*sums), "r minus its constant is odd"
    assert sums[0].all(), "order 0 occurs"


def test_exponential_has_no_parity(ring):
    here, there = parts(ring, Exponential(), drawn(0, 1, COUNT, 1, 1))
    assert (here[1] != there[1]).all()
    assert SCALARS.reduce(here[2] + there[2]).all()


class TestAny:
    OUTPUTS = 3

    def gradient(self, ring, jets, labels=None):
        if labels is None:
            labels = np.zeros((1, COUNT, 1, self.OUTPUTS))
        return AnyLoss().gradient(ring, jets, labels, KEYS)

    def test_its_hessian_is_symmetric_and_full(self, ring):
        point = drawn(0, 1, COUNT, 1, self.OUTPUTS)
        columns = []
        for j in range(self.OUTPUTS):
            tangent = np.zeros_like(point)
            tangent[..., j] = 1
            columns.append(self.gradient(ring, on_jets(point, tangent))[1, :, 0])
        hessian = np.stack(columns, axis=-1)
        assert hessian.all(), "every component of the tangent counts"
        assert np.array_equal(hessian, hessian.swapaxes(-1, -2))

    def test_the_chain_rule_over_all_components(self, ring):
        point, tangent = (drawn(i, 1, COUNT, 1, self.OUTPUTS) for i in (0, 1))
        together = self.gradient(ring, on_jets(point, tangent))[1]
        apart = np.zeros_like(together)
        for j in range(self.OUTPUTS):
            only = np.zeros_like(tangent)
            only[..., j] = tangent[..., j]
            apart = SCALARS.reduce(apart + self.gradient(ring, on_jets(point, only))[1])
        assert np.array_equal(together, apart)

    def test_equal_pairs_are_grouped_and_others_are_not(self, ring):
        point = np.repeat(drawn(0, 1, 1, 1, self.OUTPUTS), COUNT, axis=1)
        keys = np.ones(COUNT, dtype=np.uint64)
        labels = np.zeros((1, COUNT, 1, self.OUTPUTS))
        same = AnyLoss().gradient(ring, point, labels, keys)
        assert (same == same[:, :1]).all()
        labels[0, :, 0, 0] = np.arange(COUNT)
        apart = AnyLoss().gradient(ring, point, labels, keys)
        assert len(np.unique(apart[0, :, 0, 0])) == COUNT
