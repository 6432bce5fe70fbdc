"""Actions on labels: shapes, the action law, and which outputs can carry them."""

import numpy as np
import pytest

from conserved.errors import InputError
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import residues
from conserved.symmetry import (
    LABELS,
    Dihedral,
    Equivariant,
    Invariant,
    LabelAction,
    Negation,
    Orthogonal,
    Permutation,
    Represented,
    Rotation,
    Sign,
    SpecialOrthogonal,
    enumerate_group,
    parse_labels,
)

GROUP = Dihedral(5)
RING = residues(prime_with_roots(5))
ELEMENTS = enumerate_group(GROUP, RING)


@pytest.mark.parametrize(
    "labels", [Invariant(), Equivariant(), Sign()], ids=lambda labels: labels.name
)
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

    @pytest.mark.parametrize("shape", [(2,), (3, 2)])
    def test_generators_do_what_the_elements_do(self, labels, shape):
        y = RING.random(np.random.default_rng(2), (4, *shape))
        orbit = labels.act(ELEMENTS, y, RING)
        index = {RING.canonical(g).tobytes(): i for i, g in enumerate(ELEMENTS.matrices)}
        moves = labels.matrices(GROUP, RING, 2)
        assert moves.shape == (2, 2, 2)
        for g, move in zip(GROUP.generators(RING), moves, strict=True):
            moved = RING.matmul(y, move.T)
            assert (moved == orbit[:, index[RING.canonical(g).tobytes()]]).all()

    @pytest.mark.parametrize("scalars", [RING, Reals()], ids=repr)
    def test_infinitesimal_actions_are_antisymmetric(self, labels, scalars):
        for group in (Orthogonal(3), Permutation(3), Orthogonal(1)):
            turns = labels.infinitesimal(group, scalars, 3 if group.dimension == 3 else 1)
            assert len(turns) == group.infinitesimal_count
            assert not scalars.reduce(turns + turns.swapaxes(1, 2)).any()
            assert len(labels.matrices(group, scalars, group.dimension)) == len(group.signs)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
def test_every_action_is_found_by_its_name(labels):
    assert isinstance(labels, LabelAction)
    assert parse_labels(f" {labels.name} ") == labels
    assert labels.summary


def test_actions_of_a_continuous_group():
    group, turns = Orthogonal(3), Orthogonal(3).infinitesimal(RING)
    assert (Equivariant().infinitesimal(group, RING, 3) == turns).all()
    assert not Invariant().infinitesimal(group, RING, 5).any()
    assert not Sign().infinitesimal(group, RING, 5).any()
    assert (Sign().matrices(group, RING, 2) == -np.eye(2)).all()
    assert (Invariant().matrices(group, RING, 2) == np.eye(2)).all()
    assert Invariant().matrices(SpecialOrthogonal(3), RING, 2).shape == (0, 2, 2)


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

    def test_labels_from_a_file_need_one(self):
        with pytest.raises(InputError, match="permutation brings no matrices for labels; take a"):
            Represented().check(Permutation(4), (1,))
        with pytest.raises(ValueError, match="brings no matrices"):
            Represented().matrices(Permutation(4), RING, 1)
        with pytest.raises(ValueError, match="brings no matrices"):
            Represented().act(ELEMENTS, RING.from_integers([[1]]), RING)

    @pytest.mark.parametrize(
        "text, advice",
        [("invarient", "did you mean 'invariant'"), ("", "known: equi"), ("x" * 5000, "known:")],
    )
    def test_unknown_names(self, text, advice):
        with pytest.raises(InputError, match=advice) as caught:
            parse_labels(text)
        assert len(str(caught.value)) < 200
