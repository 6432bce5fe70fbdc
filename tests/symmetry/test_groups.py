"""Every leaf is a group of orthogonal matrices of the stated order with a sign character."""

import subprocess
import sys
from itertools import permutations, product

import numpy as np
import pytest
from scipy.linalg import block_diag

from conserved.errors import InputError, LimitError
from conserved.kernel.primes import INT64_PRIMES, prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import IntResidues, residues
from conserved.symmetry import (
    Copies,
    Dihedral,
    DirectSum,
    GridDihedral,
    GridFlip,
    GridRotation,
    GridShift,
    Hyperoctahedral,
    Icosahedral,
    Negation,
    Octahedral,
    Orthogonal,
    Permutation,
    Rotation,
    Shift,
    SignFlip,
    SpecialOrthogonal,
    Tetrahedral,
    Trivial,
    enumerate_group,
)

COORDINATE_LEAVES = [Trivial, Negation, SignFlip, Permutation, Shift, Hyperoctahedral]
PLANE_LEAVES = [Rotation, Dihedral]
SPACE_LEAVES = [Tetrahedral, Octahedral, Icosahedral]
GRID_LEAVES = [GridRotation, GridFlip, GridDihedral, GridShift]
GROUPS = [
    # the table of the 384 elements of hyperoctahedral:4 alone would take as long as all others
    *(leaf(n) for leaf in COORDINATE_LEAVES for n in (1, 2, 3, 4) if leaf(n).order < 100),
    *(leaf(k) for leaf in PLANE_LEAVES for k in (1, 2, 3, 4, 5, 6, 7, 12)),
    *(leaf() for leaf in SPACE_LEAVES),
    *(leaf(h, w) for leaf in GRID_LEAVES for h, w in ((1, 1), (1, 4), (2, 2), (3, 2), (3, 3))),
    Orthogonal(1),
    SpecialOrthogonal(1),
    Permutation(3) * Rotation(5),
    Trivial(2) * Negation(2) * Dihedral(3),
    Copies(2, Permutation(3)),
    Copies(3, Dihedral(4)),
    Copies(2, Negation(2) * Shift(3)) * Trivial(1),
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
        if isinstance(group, Copies | DirectSum):
            return  # their characters have tests of their own
        elements = enumerate_group(group, Reals())
        determinants = np.linalg.det(elements.matrices)
        if isinstance(group, Negation):
            determinants = elements.matrices[:, 0, 0]
        np.testing.assert_allclose(elements.signs, determinants, atol=1e-12)


def matrix(images, signs):
    rows = np.zeros((len(images), len(images)))
    rows[np.arange(len(images)), list(images)] = signs
    return rows


def grid_images(group):
    """The images of pixel numbers under every element, with repetitions."""
    h, w = group.height, group.width
    pixels = np.arange(h * w).reshape(h, w)
    if isinstance(group, GridRotation):
        return [np.rot90(pixels, turns) for turns in range(0, 4, 1 if h == w else 2)]
    if isinstance(group, GridFlip | GridDihedral):
        flips = [pixels[::i, ::j] for i, j in product((1, -1), repeat=2)]
        square = isinstance(group, GridDihedral) and h == w
        return flips + [flip.T for flip in flips] * square
    return [np.roll(pixels, (i, j), (0, 1)) for i in range(h) for j in range(w)]


def rotations_of_the_icosahedron():
    """The matrices of determinant 1 that map one flag of neighbouring vertices to another."""
    phi = (1 + 5**0.5) / 2
    flat = [np.array([0, a, b * phi]) for a, b in product((1, -1), repeat=2)]
    vertices = [np.roll(v, shift) for v in flat for shift in range(3)]
    pairs = [(u, v) for u in vertices for v in vertices if abs(np.linalg.norm(u - v) - 2) < 1e-9]
    frames = [np.stack([u, v, np.cross(u, v)], axis=1) for u, v in pairs]
    return [frame @ np.linalg.inv(frames[0]) for frame in frames]


def by_brute_force(group):
    """All elements straight from the definition, as float64 matrices."""
    n = group.dimension
    if isinstance(group, DirectSum):
        parts = [by_brute_force(part) for part in group.parts]
        return [block_diag(*blocks) for blocks in product(*parts)]
    if isinstance(group, Copies):
        return [np.kron(np.eye(group.count), g) for g in by_brute_force(group.group)]
    if isinstance(group, Icosahedral):
        return rotations_of_the_icosahedron()
    same, flips = range(n), list(product((1, -1), repeat=n))
    if isinstance(group, Rotation | Dihedral):
        angles = 2 * np.pi * np.arange(group.k) / group.k
        turns = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in angles]
        mirrors = [np.eye(2)] + [np.diag([1, -1])] * isinstance(group, Dihedral)
        return [turn @ mirror for turn in turns for mirror in mirrors]
    signed = [matrix(i, s) for i in permutations(same) for s in flips] if n <= 4 else []
    if isinstance(group, tuple(GRID_LEAVES)):
        images = {tuple(image.ravel()) for image in grid_images(group)}
        return [matrix(image, 1) for image in images]
    return {
        Tetrahedral: lambda: [
            m for m in signed if np.linalg.det(abs(m)) > 0 and m.sum() in (3, -1)
        ],
        Octahedral: lambda: [m for m in signed if np.linalg.det(m) > 0],
        Orthogonal: lambda: signed,
        SpecialOrthogonal: lambda: [np.eye(1)],
        Trivial: lambda: [np.eye(n)],
        Negation: lambda: [np.eye(n), -np.eye(n)],
        SignFlip: lambda: [matrix(same, signs) for signs in flips],
        Permutation: lambda: [matrix(images, 1) for images in permutations(same)],
        Shift: lambda: [matrix([(i - s) % n for i in same], 1) for s in same],
        Hyperoctahedral: lambda: signed,
    }[type(group)]()


@each_group
def test_enumeration_agrees_with_the_definition(group):
    def rounded(matrices):
        return sorted(tuple(np.round(m, 8).ravel() + 0.0) for m in matrices)

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
        (Tetrahedral(), 12, (1, 1)),
        (Octahedral(), 24, (1, 1)),
        (Icosahedral(), 60, (1, 1)),
        (GridRotation(4, 4), 4, (1,)),
        (GridRotation(3, 5), 2, (-1,)),
        (GridRotation(1, 1), 1, ()),
        (GridFlip(2, 3), 4, (-1, 1)),
        (GridFlip(5, 1), 2, (1,)),
        (GridDihedral(4, 4), 8, (1, 1)),
        (GridDihedral(3, 3), 8, (1, -1)),
        (GridDihedral(2, 3), 4, (-1, 1)),
        (GridDihedral(1, 1), 1, ()),
        (GridShift(2, 3), 6, (-1, 1)),
        (Orthogonal(1), 2, (-1,)),
        (SpecialOrthogonal(1), 1, ()),
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


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_icosahedral_group_closes_over_every_prime(index):
    ring = residues(prime_with_roots(5, index=index))
    matrices = enumerate_group(Icosahedral(), ring).matrices
    assert len({ring.canonical(g).tobytes() for g in matrices}) == 60
    traces = ring.reduce(matrices.trace(axis1=1, axis2=2))
    # 1, 15 half turns, 20 turns by 2π/3, and 24 by multiples of 2π/5 with traces (1 ± √5)/2
    values, counts = np.unique(traces, return_counts=True)
    assert dict(zip(values, counts, strict=True))[3] == 1
    assert dict(zip(values, counts, strict=True))[-1] == 15
    assert sorted(counts) == [1, 12, 12, 15, 20]
    golden = values[counts == 12]
    assert ring.reduce(golden.sum()) == 1
    assert ring.mul(golden[0], golden[1]) == -1


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
    assert Icosahedral().name == Icosahedral().sized == "icosahedral"
    assert GridShift(3, 4).name == "grid-shift:3x4"
    assert GridFlip(3, 4).describe() == "upside down and mirrored images, 3×4 pixels, 4 elements"
    assert Orthogonal(3).describe() == (
        "every rotation and reflection, 3 coordinates, infinitely many elements"
    )
    assert SpecialOrthogonal(1).describe() == "every rotation"
    assert "about 10^" in Permutation(2000).describe()


def test_groups_are_values():
    assert Permutation(4) == Permutation(4)
    assert hash(Rotation(3)) == hash(Rotation(3))
    assert Rotation(3) != Dihedral(3)
    assert Permutation(3) != Shift(3)
    assert repr(Rotation(5)) == "Rotation(k=5)"


@pytest.mark.parametrize("leaf", [*COORDINATE_LEAVES, *PLANE_LEAVES, Orthogonal, SpecialOrthogonal])
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

    def test_sizes_from_numpy(self, leaf):
        """Python's integers from then on: orders of 64 bits overflow in silence."""
        group = leaf(np.int64(25))
        assert group == leaf(25)
        assert repr(group) == repr(leaf(25))
        assert group.order == leaf(25).order
        assert type(group.dimension) is int


def test_products_and_grids_of_sizes_from_numpy():
    two, three = np.int8(2), np.uint64(3)
    assert repr(GridShift(two, three)) == repr(GridShift(2, 3))
    assert repr(Copies(two, Permutation(three))) == repr(Copies(2, Permutation(3)))
    assert (Permutation(two) * Negation(three)).sized == "permutation:2+negation:3"


@pytest.mark.parametrize("leaf", GRID_LEAVES)
def test_grids_refuse_bad_sizes(leaf):
    for sides in ((0, 3), (3, -1), ("3", 3), (2.0, 2)):
        with pytest.raises(InputError, match="its size is a positive whole number"):
            leaf(*sides)
    for sides in ((10**30, 2), (2, 10**9), (100, 100)):
        with pytest.raises(LimitError, match="the limit is 4,096"):
            leaf(*sides)


def test_the_import_stays_light():
    heavy = "('flint', 'sympy', 'torch', 'scipy', 'matplotlib')"
    code = f"import sys, conserved.symmetry; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
