"""Actions on labels: shapes, the action law, and which outputs can carry them."""

import numpy as np
import pytest

from conserved.arithmetic.primes import prime_with_roots
from conserved.arithmetic.residues import residues
from conserved.errors import InputError
from conserved.symmetry import (
    LABELS,
    Dihedral,
    Equivariant,
    Invariant,
    LabelAction,
    Negation,
    Permutation,
    Rotation,
    Sign,
    enumerate_group,
    parse_labels,
)

GROUP = Dihedral(5)
RING = residues(prime_with_roots(5))
ELEMENTS = enumerate_group(GROUP, RING)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
class TestEveryAction:
    @pytest.mark.parametrize("shape", [(2,), (3, 2)])
    def test_shape_and_identity(self, labels, shape):
        labels.check(GROUP, shape)
        y = RING.random(np.random.default_rng(0), (4, *shape))
        orbit = labels.act(ELEMENTS, y, RING)
        assert orbit.shape == (4, 10, *shape)
        assert RING.is_zero(RING.reduce(orbit[:, 0] - y)).all()

    def test_acting_by_h_then_g_is_acting_by_gh(self, labels):
        y = RING.random(np.random.default_rng(1), (1, 2))
        index = {RING.canonical(g).tobytes(): i for i, g in enumerate(ELEMENTS.matrices)}
        once = labels.act(ELEMENTS, y, RING)[0]
        twice = labels.act(ELEMENTS, once, RING)  # [h, g] = g·(h·y)
        for h, g in np.ndindex(10, 10):
            product = RING.matmul(ELEMENTS.matrices[g], ELEMENTS.matrices[h])
            gh = index[RING.canonical(product).tobytes()]
            assert RING.is_zero(RING.reduce(twice[h, g] - once[gh])).all()

    def test_is_found_by_its_name(self, labels):
        assert isinstance(labels, LabelAction)
        assert parse_labels(f" {labels.name} ") == labels
        assert labels.summary


def test_scalar_outputs():
    y = RING.from_integers([[7], [-2]])
    signs = ELEMENTS.signs[:, None]
    assert (Invariant().act(ELEMENTS, y, RING) == y[:, None]).all()
    assert (Sign().act(ELEMENTS, y, RING) == y[:, None] * signs).all()


def test_signs_of_negation_and_of_permutations():
    y = RING.from_integers([[1]])
    assert Sign().act(enumerate_group(Negation(2), RING), y, RING).ravel().tolist() == [1, -1]
    permuted = Sign().act(enumerate_group(Permutation(3), RING), y, RING)
    assert sorted(permuted.ravel().tolist()) == [-1, -1, -1, 1, 1, 1]


class TestRefusals:
    def test_equivariant_needs_outputs_of_the_input_width(self):
        with pytest.raises(InputError) as caught:
            Equivariant().check(Permutation(4), (1,))
        assert caught.value.argument == "labels"
        assert "outputs have width 1 but permutation acts on 4 coordinates" in str(caught.value)

    def test_equivariant_looks_at_the_last_axis(self):
        Equivariant().check(Rotation(3), (5, 2))
        with pytest.raises(InputError, match="outputs have width 5"):
            Equivariant().check(Rotation(3), (2, 5))

    def test_the_others_fit_every_output(self):
        for labels in (Invariant(), Sign()):
            labels.check(Permutation(4), (1,))

    @pytest.mark.parametrize(
        "text, advice",
        [("invarient", "did you mean 'invariant'"), ("", "known: equi"), ("x" * 5000, "known:")],
    )
    def test_unknown_names(self, text, advice):
        with pytest.raises(InputError, match=advice) as caught:
            parse_labels(text)
        assert len(str(caught.value)) < 200
