"""Every leaf is a group of orthogonal matrices of the stated order with a sign character."""

import subprocess
import sys
from itertools import permutations, product

import numpy as np
import pytest

from conserved.arithmetic.primes import INT64_PRIMES, prime_with_roots
from conserved.arithmetic.real import Reals
from conserved.arithmetic.residues import IntResidues, residues
from conserved.errors import InputError, LimitError
from conserved.symmetry import (
    Dihedral,
    Hyperoctahedral,
    Negation,
    Permutation,
    Rotation,
    Shift,
    SignFlip,
    Trivial,
    enumerate_group,
)

COORDINATE_LEAVES = [Trivial, Negation, SignFlip, Permutation, Shift, Hyperoctahedral]
PLANE_LEAVES = [Rotation, Dihedral]
GROUPS = [
    *(leaf(n) for leaf in COORDINATE_LEAVES for n in (1, 2, 3, 4)),
    *(leaf(k) for leaf in PLANE_LEAVES for k in (1, 2, 3, 4, 5, 6, 7, 12)),
]
SCALARS = {
    "float64": lambda group: Reals(),
    "residues in float64": lambda group: residues(prime_with_roots(group.roots)),
    "residues in int64": lambda group: IntResidues(prime_with_roots(group.roots, below=2**31)),
}
each_group = pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.sized)
each_scalars = pytest.mark.parametrize("scalars_for", SCALARS.values(), ids=SCALARS.keys())


def assert_equal(scalars, a, b):
    if scalars.exact:
        assert scalars.is_zero(scalars.reduce(a - b)).all()
    else:
        np.testing.assert_allclose(a, np.broadcast_to(b, a.shape), atol=1e-12)


def table_mod_p(group):
    """The multiplication table: entry [a, b] is the index of g_a g_b."""
    ring = residues(prime_with_roots(group.roots))
    matrices = enumerate_group(group, ring).matrices
    index = {ring.canonical(g).tobytes(): i for i, g in enumerate(matrices)}
    products = ring.canonical(ring.matmul(matrices[:, None], matrices[None]))
    return np.array([[index[g.tobytes()] for g in row] for row in products])


@each_group
@each_scalars
class TestGenerators:
    def test_shapes(self, group, scalars_for):
        generators = group.generators(scalars_for(group))
        n = group.dimension
        assert generators.shape == (len(group.signs), n, n)
        assert generators.dtype == scalars_for(group).dtype

    def test_orthogonal(self, group, scalars_for):
        scalars = scalars_for(group)
        generators = group.generators(scalars)
        gram = scalars.matmul(generators, generators.swapaxes(1, 2))
        assert_equal(scalars, gram, scalars.from_integers(np.eye(group.dimension, dtype=int)))

    def test_none_is_the_identity(self, group, scalars_for):
        scalars = scalars_for(group)
        identity = scalars.from_integers(np.eye(group.dimension, dtype=int))
        for generator in group.generators(scalars):
            assert not scalars.is_zero(scalars.reduce(generator - identity)).all()


@each_group
class TestAxioms:
    def test_identity_first_closed_and_inverses(self, group):
        table = table_mod_p(group)
        everyone = np.arange(group.order)
        assert table.shape == (group.order, group.order)
        assert (table[0] == everyone).all()
        assert (np.sort(table, axis=1) == everyone).all()
        assert (np.sort(table, axis=0) == everyone[:, None]).all()

    def test_signs_are_a_homomorphism(self, group):
        signs = enumerate_group(group, Reals()).signs
        assert set(signs) <= {1, -1}
        assert (signs[table_mod_p(group)] == signs[:, None] * signs).all()

    @each_scalars
    def test_the_table_mod_p_holds_in_all_scalars(self, group, scalars_for):
        scalars = scalars_for(group)
        matrices = enumerate_group(group, scalars).matrices
        products = scalars.matmul(matrices[:, None], matrices[None])
        assert_equal(scalars, products, matrices[table_mod_p(group)])

    def test_signs_are_determinants_except_for_negation(self, group):
        elements = enumerate_group(group, Reals())
        determinants = np.linalg.det(elements.matrices)
        if isinstance(group, Negation):
            determinants = elements.matrices[:, 0, 0]
        np.testing.assert_allclose(elements.signs, determinants, atol=1e-12)


def matrix(images, signs):
    rows = np.zeros((len(images), len(images)))
    rows[np.arange(len(images)), list(images)] = signs
    return rows


def by_brute_force(group):
    """All elements straight from the definition, as float64 matrices."""
    n = group.dimension
    same, flips = range(n), list(product((1, -1), repeat=n))
    if isinstance(group, Rotation | Dihedral):
        angles = 2 * np.pi * np.arange(group.k) / group.k
        turns = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in angles]
        mirrors = [np.eye(2)] + [np.diag([1, -1])] * isinstance(group, Dihedral)
        return [turn @ mirror for turn in turns for mirror in mirrors]
    return {
        Trivial: lambda: [np.eye(n)],
        Negation: lambda: [np.eye(n), -np.eye(n)],
        SignFlip: lambda: [matrix(same, signs) for signs in flips],
        Permutation: lambda: [matrix(images, 1) for images in permutations(same)],
        Shift: lambda: [matrix([(i - s) % n for i in same], 1) for s in same],
        Hyperoctahedral: lambda: [matrix(i, s) for i in permutations(same) for s in flips],
    }[type(group)]()


@each_group
def test_enumeration_agrees_with_the_definition(group):
    def rounded(matrices):
        return sorted(tuple(np.round(m, 9).ravel() + 0.0) for m in matrices)

    assert rounded(enumerate_group(group, Reals()).matrices) == rounded(by_brute_force(group))


@pytest.mark.parametrize(
    "group, order, signs",
    [
        (Trivial(7), 1, ()),
        (Negation(2), 2, (-1,)),
        (SignFlip(3), 8, (-1, -1, -1)),
        (Permutation(1), 1, ()),
        (Permutation(2), 2, (-1,)),
        (Permutation(5), 120, (-1, 1)),
        (Shift(1), 1, ()),
        (Shift(6), 6, (-1,)),
        (Hyperoctahedral(1), 2, (-1,)),
        (Hyperoctahedral(4), 384, (-1, -1, -1)),
        (Rotation(1), 1, ()),
        (Dihedral(1), 2, (-1,)),
        (Dihedral(2), 4, (1, -1)),
        (Hyperoctahedral(20), 2**20 * 2432902008176640000, (-1, -1, -1)),
    ],
    ids=lambda value: getattr(value, "sized", None),
)
def test_orders_and_signs(group, order, signs):
    assert (group.order, group.signs) == (order, signs)


def test_rotation_over_a_prime_is_a_primitive_root():
    ring = residues(prime_with_roots(7))
    turn = Rotation(7).generators(ring)[0]
    powers = [np.eye(2)]
    for _ in range(7):
        powers.append(ring.matmul(powers[-1], turn))
    assert (ring.canonical(powers[7]) == np.eye(2)).all()
    assert all((ring.canonical(power) != np.eye(2)).any() for power in powers[1:7])


def test_integer_groups_need_no_special_prime():
    for leaf in COORDINATE_LEAVES:
        assert leaf(3).roots == 1
        assert len(enumerate_group(leaf(3), residues(INT64_PRIMES[0])).signs) == leaf(3).order


def test_names_and_descriptions():
    assert [leaf(3).name for leaf in COORDINATE_LEAVES] == [
        *("none", "negation", "signflip", "permutation", "shift", "hyperoctahedral")
    ]
    assert Permutation(4).sized == "permutation:4"
    assert (Dihedral(6).name, Dihedral(6).sized, Dihedral(6).dimension) == (
        *("dihedral:6", "dihedral:6"),
        2,
    )
    assert Permutation(4).describe() == (
        "every reordering of the coordinates, 4 coordinates, 24 elements"
    )
    assert "5 elements" in Rotation(5).describe()
    assert "about 10^" in Permutation(2000).describe()


def test_groups_are_values():
    assert Permutation(4) == Permutation(4)
    assert hash(Rotation(3)) == hash(Rotation(3))
    assert Rotation(3) != Dihedral(3)
    assert Permutation(3) != Shift(3)
    assert repr(Rotation(5)) == "Rotation(k=5)"


@pytest.mark.parametrize("leaf", [*COORDINATE_LEAVES, *PLANE_LEAVES])
class TestRefusals:
    @pytest.mark.parametrize("size", [0, -1, 2.0, "3", True, None])
    def test_not_a_positive_integer(self, leaf, size):
        with pytest.raises(InputError, match="its size is a positive whole number") as caught:
            leaf(size)
        assert caught.value.argument == "symmetry"

    @pytest.mark.parametrize("size", [10**8, 10**30, 10**6000], ids=["8", "30", "6000"])
    def test_absurd_size(self, leaf, size):
        with pytest.raises(LimitError, match=r"size .*; the limit is \d") as caught:
            leaf(size)
        assert "\n" not in str(caught.value)


def test_the_import_stays_light():
    heavy = "('flint', 'sympy', 'torch', 'scipy', 'matplotlib')"
    code = f"import sys, conserved.symmetry; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
