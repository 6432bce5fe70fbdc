"""Orbits: every element once, in the same order in all scalars, and refusals before any work."""

from dataclasses import dataclass
from time import process_time

import numpy as np
import pytest

from conserved.errors import ConservedError, LimitError
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import IntResidues, residues
from conserved.symmetry import (
    ORBIT_LIMIT,
    CoordinateGroup,
    Copies,
    Dihedral,
    Hyperoctahedral,
    Orthogonal,
    Permutation,
    Rotation,
    Shift,
    SignFlip,
    act_on_inputs,
    enumerate_group,
    enumerate_words,
)
from conserved.symmetry.cayley import order_by_closure

RING = residues(prime_with_roots(1))


class TestEnumeration:
    @pytest.mark.parametrize("group", [Permutation(7), SignFlip(10), Shift(60), Dihedral(500)])
    def test_larger_groups_have_distinct_elements(self, group):
        ring = residues(prime_with_roots(group.roots))
        elements = enumerate_group(group, ring)
        distinct = {g.tobytes() for g in ring.canonical(elements.matrices)}
        assert len(distinct) == len(elements.signs) == group.order
        assert abs(elements.signs.sum()) in (0, group.order)

    def test_the_order_does_not_depend_on_the_scalars(self):
        group = Hyperoctahedral(4)
        expected = enumerate_group(group, Reals())
        for ring in (RING, IntResidues(prime_with_roots(1, below=2**31))):
            elements = enumerate_group(group, ring)
            wanted = ring.from_integers(expected.matrices.astype(int))
            assert ring.is_zero(ring.reduce(elements.matrices - wanted)).all()
            assert (elements.signs == expected.signs).all()

    def test_long_words_stay_orthogonal_in_float64(self):
        turns = enumerate_group(Rotation(5000), Reals()).matrices
        gram = turns @ turns.swapaxes(1, 2)
        np.testing.assert_allclose(gram, np.broadcast_to(np.eye(2), gram.shape), atol=1e-11)

    @pytest.mark.parametrize("group", [Permutation(5), Rotation(30), Dihedral(1), Shift(1)])
    def test_orders_are_found_without_being_told(self, group):
        assert order_by_closure(group) == group.order

    def test_an_order_beyond_listing_is_unknown(self):
        assert np.isnan(order_by_closure(Shift(500)))  # 1 GB of matrices

    def test_words_are_shortest(self):
        words = enumerate_words(Hyperoctahedral(3))
        assert words.levels[0] == 0
        assert words.levels[-1] == 48
        length = np.searchsorted(words.levels, np.arange(48), side="right") - 1
        assert (length[words.parents[1:]] == length[1:] - 1).all()

    def test_hyperoctahedral_5_takes_a_fraction_of_a_second(self):
        start = process_time()
        enumerate_group(Hyperoctahedral(5), RING)
        assert process_time() - start < 0.3


@dataclass(frozen=True)
class Misstated(CoordinateGroup):
    """Generators of one group under the order of another."""

    stated: int = 1
    stretch: int = 1
    word = "misstated"
    action = "for tests"

    def generators(self, scalars):
        return scalars.reduce(Permutation(self.dimension).generators(scalars) * self.stretch)

    @property
    def signs(self):
        return Permutation(self.dimension).signs

    @property
    def order(self):
        return self.stated


class TestRefusals:
    @pytest.mark.parametrize("stated", [23, 25, 5])
    def test_a_wrong_order_names_both_numbers(self, stated):
        with pytest.raises(ConservedError, match=rf"give at least \d+ .* order is {stated}"):
            enumerate_group(Misstated(4, stated), RING)
        assert len(enumerate_words(Misstated(4, 24)).parents) == 24

    def test_an_infinite_group_is_stopped(self):
        with pytest.raises(ConservedError, match="stated order is 24"):
            enumerate_group(Misstated(4, 24, stretch=2), RING)

    def test_an_orbit_too_large(self):
        with pytest.raises(LimitError) as caught:
            enumerate_group(Permutation(10), RING)
        assert str(caught.value) == (
            "symmetry 'permutation:10': an orbit has 3,628,800 elements; "
            "explicit orbits stop at 50,000: take a smaller group"
        )
        assert ORBIT_LIMIT == 50_000

    def test_the_limit_can_be_set(self):
        with pytest.raises(LimitError, match="has 24 elements; explicit orbits stop at 23"):
            enumerate_group(Permutation(4), RING, limit=23)
        assert len(enumerate_group(Permutation(4), RING, limit=24).signs) == 24

    def test_an_order_nobody_can_print(self):
        with pytest.raises(LimitError, match=r"has about 10\^\d+ elements"):
            enumerate_group(Permutation(2000), RING)

    @pytest.mark.parametrize("group", [Orthogonal(8), Copies(2, Orthogonal(2)) * Permutation(3)])
    def test_an_infinite_group(self, group):
        with pytest.raises(LimitError) as caught:
            enumerate_group(group, RING)
        assert str(caught.value) == (
            f"symmetry '{group.name}': the group is infinite; explicit orbits list finite groups "
            "of up to 50,000 elements: take a finite subgroup"
        )

    def test_matrices_beyond_memory(self):
        with pytest.raises(LimitError, match=r"'shift:1000': .* take 7\.5 GiB; .* 0\.5 GiB"):
            enumerate_group(Shift(1000), RING)


class TestAction:
    @pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 4, 3)])
    @pytest.mark.parametrize("batch", [0, 1, 5])
    def test_against_a_loop_over_elements(self, shape, batch):
        rng = np.random.default_rng(1)
        x = RING.random(rng, (batch, *shape))
        elements = enumerate_group(Hyperoctahedral(3), RING)
        orbit = act_on_inputs(elements, x, RING)
        assert orbit.shape == (batch, 48, *shape)
        for index, g in enumerate(elements.matrices):
            expected = np.einsum("ij,...j->...i", g, x)
            assert RING.is_zero(RING.reduce(orbit[:, index] - expected)).all()

    def test_elements_compose(self):
        group = Dihedral(5)
        ring = residues(prime_with_roots(group.roots))
        elements = enumerate_group(group, ring)
        x = ring.random(np.random.default_rng(2), (1, 2))
        orbit = {ring.canonical(y).tobytes() for y in act_on_inputs(elements, x, ring)[0]}
        for y in act_on_inputs(elements, x, ring)[0]:
            again = act_on_inputs(elements, y[None], ring)[0]
            assert {ring.canonical(z).tobytes() for z in again} == orbit
        assert len(orbit) == 10

    def test_a_mismatch_in_size_is_an_error(self):
        elements = enumerate_group(Permutation(3), RING)
        with pytest.raises(ValueError, match="matmul"):
            act_on_inputs(elements, np.ones((3, 2)), RING)
