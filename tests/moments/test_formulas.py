"""The formulas of theory §6 against the exact count, over swept ranges.

Counts come from exact ranks, the expectations from closed formulas alone.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import conserved as cq
from conserved.fields import moment_space
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.residues import residues
from tests.cases import sweep
from tests.moments.formulas import laws, range_count, two_layers


def size(network):
    return cq.Problem.from_text(network).network.size


# ------------------------------------------------------------------ range laws: linear networks


@pytest.mark.parametrize("n, h, m", sweep(product(range(3, 11), range(1, 6), (1, 2, 3)), 4))
def test_permuted_inputs(n, h, m):
    """+ h(n−1−h): W1 on the zero-sum part."""
    expected = two_layers(n, h, m) + range_count(n - 1, h)
    assert laws(f"linear:{n}-{h}-{m}", "permutation") == expected


DEEP = [
    *product(range(4, 8), (1, 2, 3), (1, 2, 3), (1, 2)),
    *product((4, 6), (1, 2), (1, 2), (2,), (1, 2)),
]


@pytest.mark.parametrize("text", sweep(["-".join(map(str, widths)) for widths in DEEP], 5))
def test_permuted_inputs_of_deep_networks(text):
    """The first layer alone carries the range, whatever follows."""
    network, widths = f"linear:{text}", [*map(int, text.split("-"))]
    assert laws(network, "permutation") == laws(network) + range_count(widths[0] - 1, widths[1])


COPIES = [(mu, n, h) for mu in (1, 2, 3) for n in range(3, 9) for h in (1, 2, 3) if mu * n < 20]


@pytest.mark.parametrize("mu, n, h", sweep(COPIES, 2))
def test_a_block_with_multiplicity(mu, n, h):
    """μ copies of the zero-sum part: κ = hμ vectors in R^(n−1)."""
    expected = two_layers(mu * n, h, 1) + range_count(n - 1, h * mu)
    assert laws(f"linear:{mu * n}-{h}-1", f"{mu}xpermutation:{n}") == expected


@pytest.mark.parametrize("n, m", [*product(range(3, 17), (1, 2))])
def test_shifted_inputs_of_one_unit(n, m):
    """Each of the ⌊(n−1)/2⌋ planes keeps a direction."""
    assert laws(f"linear:{n}-1-{m}", "shift") == two_layers(n, 1, m) + (n - 1) // 2


@pytest.mark.parametrize("n, h", [*product(range(3, 9), (2, 3))])
def test_shifted_inputs_of_more_units(n, h):
    """Two vectors fill a plane: nothing is left."""
    assert laws(f"linear:{n}-{h}-1", "shift") == two_layers(n, h, 1)


SUMS = [
    ((3, 4), 1),
    ((3, 4), 2),
    ((4, 4), 2),
    ((5, 3), 1),
    ((3, 3, 4), 1),
    ((6, 5), 3),
]


@pytest.mark.parametrize("sizes, h", SUMS)
def test_independent_groups_add_their_ranges(sizes, h):
    symmetry = "+".join(f"permutation:{n}" for n in sizes)
    n = sum(sizes)
    expected = two_layers(n, h, 1) + sum(range_count(k - 1, h) for k in sizes)
    assert laws(f"linear:{n}-{h}-1", symmetry) == expected


EQUIVARIANT = [(n, h) for n in range(2, 8) for h in (1, 2, 3)]
# brackets past length 16; seen by tests/closure/test_cases.py
DEEP_BRACKETS = {(6, 2), (7, 2), (7, 3)}


@pytest.mark.parametrize("n, h", sweep((e for e in EQUIVARIANT if e not in DEEP_BRACKETS), 2))
def test_equivariant_signed_permutations(n, h):
    """+ 2h(n−2h): rows of W1 and columns of W2 in one R^n."""
    expected = two_layers(n, h, n) + range_count(n, 2 * h)
    assert laws(f"linear:{n}-{h}-{n}", "hyperoctahedral", "equivariant") == expected


@pytest.mark.parametrize("n, h", sweep(product(range(3, 9), (1, 2)), 3))
def test_equivariant_permutations(n, h):
    """The same on the zero-sum part, + 2h(n−1−2h)."""
    expected = two_layers(n, h, n) + range_count(n - 1, 2 * h)
    assert laws(f"linear:{n}-{h}-{n}", "permutation", "equivariant") == expected


@pytest.mark.parametrize("n, h", [(3, 1), (4, 1), (5, 1), (5, 2)])
def test_equivariant_orthogonal_is_equivariant_hyperoctahedral(n, h):
    """Second moments do not tell O(n) from the signed permutations."""
    expected = two_layers(n, h, n) + range_count(n, 2 * h)
    assert laws(f"linear:{n}-{h}-{n}", "orthogonal", "equivariant") == expected


# ------------------------------------------------------------------ one layer: directions

BLOCKS = {  # dimensions of the irreducible blocks that labels do not share
    "permutation:3": [2],
    "permutation:4": [3],
    "shift:4": [1, 2],
    "shift:5": [2, 2],
    "shift:6": [1, 2, 2],
    "rotation:3": [2],
    "rotation:5": [2],
    "dihedral:4": [2],
    "orthogonal:3": [3],
    "special-orthogonal:3": [3],
    "hyperoctahedral:3": [3],
    "octahedral": [3],
    "signflip:2": [1, 1],
    "none:1": [],
}
WIDTHS = {"rotation": 2, "dihedral": 2, "octahedral": 3}


def width(part):
    name, _, number = part.partition(":")
    return WIDTHS.get(name) or int(number)


SINGLE = [[part] for part in BLOCKS if part != "none:1"]
PAIRS = [
    ["permutation:3", "permutation:4"],
    ["orthogonal:3", "permutation:3"],
    ["hyperoctahedral:3", "shift:4"],
    ["rotation:5", "orthogonal:3"],
    ["permutation:3", "permutation:3", "permutation:3"],
    ["signflip:2", "shift:4"],
    ["permutation:4", "none:1"],
    ["shift:5", "permutation:3", "none:1"],
]


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("parts", SINGLE + PAIRS, ids="+".join)
def test_one_layer_keeps_directions(parts, p):
    """Σ (p·d_i − 1); all data leave no law at all."""
    n = sum(map(width, parts))
    expected = sum(p * d - 1 for part in parts for d in BLOCKS[part])
    assert laws(f"linear:{n}-{p}") == 0
    assert laws(f"linear:{n}-{p}", "+".join(parts)) == expected


# ------------------------------------------------------------------ no label component

SINGLE_FIELD = [
    ("linear:2-2-2", "rotation:4", "invariant"),
    ("linear:3-2", "orthogonal", "invariant"),
    ("linear:3-2-1", "hyperoctahedral", "invariant"),
    ("linear:3-2-1", "octahedral", "invariant"),
    ("linear:4-3-1", "orthogonal", "invariant"),
    ("linear:4-2-2-1", "hyperoctahedral", "sign"),
    ("linear:3-2-3-1", "icosahedral", "invariant"),
    ("poly:2-2-1,power=3", "orthogonal", "invariant"),
    ("poly:3-2-2,power=3", "special-orthogonal", "invariant"),
    ("poly:2-2-2,power=2", "orthogonal", "sign"),
    *((f"lightning:dim={d},tokens=1,head=1,out=1", "orthogonal", "invariant") for d in (2, 3, 5)),
]


@pytest.mark.parametrize("network, symmetry, labels", SINGLE_FIELD)
def test_a_single_field(network, symmetry, labels):
    """C_G = 0 and one S: all data pull along one field, D − 1 laws."""
    problem = cq.Problem.from_text(network, symmetry=symmetry, labels=labels)
    assert (cq.lift_report(problem).quadratic, cq.lift_report(problem).mixed) == (1, 0)
    assert laws(network, symmetry, labels) == size(network) - 1


@pytest.mark.parametrize("n, h, m", [(4, 1, 2), (4, 1, 3), (5, 2, 3), (6, 2, 4), (4, 2, 2)])
def test_labels_that_drop_out_free_the_outputs(n, h, m):
    """C_G = 0 and n moments: W2′ = −W2 (W1 S W1ᵀ), so W2 keeps its range in R^m; W1 gains none."""
    assert laws(f"linear:{n}-{h}-{m}", "signflip") == two_layers(n, h, m) + range_count(m, h)


# ------------------------------------------------------------------ polynomial networks


def sees_all_rotations(k, r):
    """No integer j ≠ 0 with k·j among the weights of Sym^r or of its products."""
    weights = {*range(-r, r + 1, 2), *range(-2 * r, 2 * r + 1, 2)} - {0}
    return not any(weight % k == 0 for weight in weights)


def poly_extra(k, h, m, r):
    """What rotations by 2π/k add to poly:2-h-m,power=r.

    An invariant of degree r, for a label to meet, exists for even r, or when k divides an odd
    weight of Sym^r. Without it and with all rotations one field is left, D − 1 laws; without it
    alone, W2 still keeps its range.
    """
    architecture = h
    labels_seen = any(weight % k == 0 for weight in range(-r, r + 1, 2))
    if sees_all_rotations(k, r):
        return range_count(2, h) if labels_seen else (2 + m) * h - 1 - architecture
    return 0 if labels_seen else range_count(m, h)


@pytest.mark.parametrize("k, h, m, r", sweep(product(range(2, 13), (1, 2), (1, 2, 3), (2, 3)), 5))
def test_rotations_of_the_plane(k, h, m, r):
    """r = 2: k = 3 or k ≥ 5; r = 3: k = 5 or k ≥ 7 (theory §6)."""
    known = {2: k == 3 or k >= 5, 3: k == 5 or k >= 7}[r]
    assert sees_all_rotations(k, r) == known
    network = f"poly:2-{h}-{m},power={r}"
    expected = h + poly_extra(k, h, m, r)
    assert laws(network) == h
    assert laws(network, f"rotation:{k}", route="moments") == expected
    assert laws(network, f"rotation:{k}", route="orbits") == expected


@pytest.mark.parametrize(
    "h, m, r, symmetry, extra",
    [
        (1, 1, 2, "icosahedral", 2),
        (2, 1, 2, "icosahedral", 2),
        (2, 2, 2, "icosahedral", 2),
        (3, 1, 2, "icosahedral", 0),
        (1, 1, 3, "icosahedral", 1),
        (1, 2, 3, "icosahedral", 2),  # labels drop out: one for the direction of W2
        (2, 1, 3, "icosahedral", 0),
        (1, 1, 2, "octahedral", 1),
        (2, 1, 2, "octahedral", 0),
        (1, 1, 2, "tetrahedral", 1),
        (1, 1, 3, "octahedral", 0),
        *((h, m, 2, "orthogonal", range_count(3, h)) for h in (1, 2, 3) for m in (1, 2)),
        *((h, m, 2, "special-orthogonal", range_count(3, h)) for h in (1, 2, 3) for m in (1, 2)),
    ],
)
def test_rotations_of_space(h, m, r, symmetry, extra):
    network = f"poly:3-{h}-{m},power={r}"
    assert laws(network) == h
    assert laws(network, symmetry) == h + extra
    if "orthogonal" not in symmetry:
        assert laws(network, symmetry, route="orbits") == h + extra


@pytest.mark.parametrize("n, h", [(4, 1), (4, 2), (4, 3), (5, 2), (5, 4), (6, 3)])
def test_all_rotations_of_more_dimensions(n, h):
    """+ h(n−h)."""
    assert laws(f"poly:{n}-{h}-1,power=2", "orthogonal") == h + range_count(n, h)


# ------------------------------------------------------------------ lightning attention


@pytest.mark.parametrize(
    "d, tokens", sweep([*product(range(3, 7), range(2, 6)), (7, 2), (8, 5)], 3)
)
def test_lightning(d, tokens):
    """Head and out of width 1, two tokens or more: 3d − 7 laws, 2 of them of the architecture."""
    network = f"lightning:dim={d},tokens={tokens},head=1,out=1"
    assert laws(network, "orthogonal") == 3 * d - 7
    if d < 6:
        assert laws(network) == 2


@pytest.mark.parametrize("d", range(2, 7))
def test_lightning_on_one_token(d):
    """One vector: S is |x|⁶ times a fixed form, a single field."""
    assert laws(f"lightning:dim={d},tokens=1,head=1,out=1", "orthogonal") == 3 * d - 1


@pytest.mark.parametrize(
    "d, head, out, architecture",
    sweep([(4, 1, 2, 2), (3, 1, 2, 2), (5, 1, 2, 2), (4, 2, 1, 4), (6, 2, 1, 4)], 3),
)
def test_lightning_with_wider_heads(d, head, out, architecture):
    """range([Q K V]): κ = 2·head + out vectors of R^d."""
    network = f"lightning:dim={d},tokens=2,head={head},out={out}"
    assert laws(network) == architecture
    assert laws(network, "orthogonal") == architecture + range_count(d, 2 * head + out)


def test_moments_behind_the_formulas():
    """k absolutely irreducible blocks outside the labels: one S each, S_n has two in all."""
    space = moment_space(
        cq.Problem.from_text("linear:7-2-1", symmetry="permutation"), residues(BLAS_PRIMES[0])
    )
    assert (len(space.quadratic), len(space.mixed)) == (2, 1)
    np.testing.assert_array_equal(space.mixed, np.ones((1, 1, 7)))
