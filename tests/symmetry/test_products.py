"""Sums and copies: orders, characters and matrices from those of the parts."""

from math import lcm

import numpy as np
import pytest

from conserved.errors import InputError, LimitError
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import residues
from conserved.symmetry import (
    Copies,
    Dihedral,
    DirectSum,
    Icosahedral,
    Negation,
    Orthogonal,
    Permutation,
    Rotation,
    Shift,
    SignFlip,
    Trivial,
    enumerate_group,
)

PAIRS = [
    (Permutation(3), Rotation(4)),
    (Negation(2), Negation(3)),
    (Dihedral(3), Icosahedral()),
    (Trivial(2), SignFlip(2)),
]


@pytest.mark.parametrize("first, second", PAIRS)
def test_a_sum_has_all_pairs_of_elements(first, second):
    group = first * second
    assert group == DirectSum(first, second)
    assert group.order == first.order * second.order
    assert group.dimension == first.dimension + second.dimension
    assert group.roots == lcm(first.roots, second.roots)
    assert group.signs == first.signs + second.signs
    elements, n = enumerate_group(group, Reals()), first.dimension
    assert not elements.matrices[:, :n, n:].any()
    assert not elements.matrices[:, n:, :n].any()
    sums = elements.signs.sum()
    assert sums == enumerate_group(first, Reals()).signs.sum() * (
        enumerate_group(second, Reals()).signs.sum()
    )


@pytest.mark.parametrize("group", [Permutation(3), Negation(2), Dihedral(5), Icosahedral()])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_copies_move_together_with_the_character_of_the_group(group, count):
    copies = Copies(count, group)
    assert (copies.order, copies.roots, copies.signs) == (group.order, group.roots, group.signs)
    ring = residues(prime_with_roots(group.roots))
    one, several = enumerate_group(group, ring), enumerate_group(copies, ring)
    expected = np.kron(np.eye(count), one.matrices)
    assert sorted(m.tobytes() for m in ring.canonical(expected)) == sorted(
        m.tobytes() for m in ring.canonical(several.matrices)
    )
    assert (one.signs == several.signs).all()


def test_infinitesimal_generators():
    group = Orthogonal(3) * Trivial(1) * Copies(2, Orthogonal(2))
    turns = group.infinitesimal(Reals())
    assert group.infinitesimal_count == len(turns) == 3
    quarter = np.array([[0, 1], [-1, 0]])
    assert (turns[0, :2, :2] == quarter).all()
    assert not turns[:2, 3:].any()
    assert (turns[2, 4:, 4:] == np.kron(np.eye(2), quarter)).all()
    assert not turns[2, :4].any()
    assert len(group.generators(Reals())) == len(group.signs) == 2


def test_sums_are_flat_and_values():
    parts = Permutation(2), Negation(1), Shift(3)
    assert (parts[0] * parts[1]) * parts[2] == parts[0] * (parts[1] * parts[2]) == DirectSum(*parts)
    assert hash(DirectSum(*parts)) == hash(DirectSum(*parts))
    assert Permutation(2) * Shift(3) != Shift(3) * Permutation(2)
    assert repr(Rotation(3) * Negation(2)) == "DirectSum(Rotation(k=3), Negation(dimension=2))"
    assert Copies(2, Copies(3, Shift(2))).name == "2x3xshift:2"
    assert Copies(2, Shift(2) * Trivial(1)).name == "2x(shift:2+none:1)"


def test_descriptions():
    assert (Permutation(4) * Trivial(2)).describe() == (
        "independent groups on consecutive coordinates, permutation:4 + none:2, 24 elements"
    )
    assert Copies(2, Permutation(5)).describe() == "permutation:5 on 2 copies at once, 120 elements"


class TestRefusals:
    def test_what_is_no_group(self):
        with pytest.raises(InputError, match="two or more groups"):
            DirectSum(Permutation(3))
        with pytest.raises(InputError, match="two or more groups"):
            DirectSum(Permutation(3), "none:2")
        with pytest.raises(InputError, match="only a group has copies"):
            Copies(2, "permutation:3")
        with pytest.raises(TypeError):
            Permutation(3) * 2

    @pytest.mark.parametrize("count", [0, -1, 2.0, True])
    def test_counts(self, count):
        with pytest.raises(InputError, match="positive whole number"):
            Copies(count, Permutation(2))

    def test_matrices_beyond_memory(self):
        with pytest.raises(LimitError, match="256 generators on 4,256 coordinates would take"):
            SignFlip(256) * Trivial(4000)
        with pytest.raises(LimitError, match="2 generators on 400,000 coordinates"):
            Copies(100_000, Permutation(4))
        with pytest.raises(LimitError, match="the limit is 10,000,000"):
            Copies(10_000_000, Trivial(2))
        assert Copies(1_000_000, Trivial(2)).trivial
