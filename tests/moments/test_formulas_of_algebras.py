"""The formulas of theory §6 for complex and quaternionic blocks, against the exact count."""

from __future__ import annotations

from itertools import product

import pytest

import conserved as cq
from tests.cases import sweep
from tests.moments.formulas import laws, range_count, two_layers
from tests.moments.oracles import monomial_generators, unitary_algebra, write_group


def algebra_count(kind, k, kappa):
    """Range laws over C or H; over C also the phase of the volume, as Hermitian commutators have
    trace 0.
    """
    if kappa > k:
        return 0
    return 2 * kappa * (k - kappa) + 1 if kind == "complex" else 4 * kappa * (k - kappa)


MONOMIAL = [
    *(("complex", k, copies, h) for k in (1, 2, 3) for copies in (2, 3) for h in (1, 2)),
    ("complex", 4, 2, 1),
    *(("quaternionic", k, 2, h) for k in (1, 2, 3) for h in (1, 2)),
]


@pytest.mark.parametrize("beside", ["", "+none:1"], ids=["alone", "beside a label"])
@pytest.mark.parametrize("kind, k, copies, h", sweep(MONOMIAL, 5))
def test_monomial_groups_over_other_algebras(kind, k, copies, h, beside, tmp_path, monkeypatch):
    """Two or more copies of C^k or H^k: moments Hermitian over C or H, κ = copies·h columns."""
    monkeypatch.chdir(tmp_path)
    write_group(tmp_path / "g.json", monomial_generators(kind, k, copies), [])
    n = {"complex": 2, "quaternionic": 4}[kind] * k * copies + len(beside) // 6
    network, symmetry = f"linear:{n}-{h}-1", f"g.json{beside}"
    expected = two_layers(n, h, 1) + algebra_count(kind, k, copies * h)
    assert laws.__wrapped__(network, symmetry, route="moments") == expected
    if h == 1 and cq.Problem.from_text(network, symmetry=symmetry).group.order < 500:
        assert laws.__wrapped__(network, symmetry, route="orbits") == expected


@pytest.mark.parametrize("k, h, extra", [(2, 1, 1), (3, 1, 5), (4, 1, 9), (4, 2, 1), (5, 2, 9)])
def test_unitary_groups_on_two_copies(k, h, extra, tmp_path, monkeypatch):
    """2κ(n/2 − κ) + 1 with κ = 2h, n/2 = k: U(3) and U(4) give the 5 and 9 of theory §6."""
    monkeypatch.chdir(tmp_path)
    write_group(tmp_path / "u.json", [], unitary_algebra(k, 2))
    network = f"linear:{4 * k}-{h}-1"
    assert algebra_count("complex", k, 2 * h) == extra
    assert laws.__wrapped__(network, "u.json") == two_layers(4 * k, h, 1) + extra


@pytest.mark.parametrize("k, h", [*product((2, 3), (1, 2))])
def test_one_copy_of_a_complex_space_is_real(k, h, tmp_path, monkeypatch):
    """A Hermitian 1 × 1 matrix is a real number: the loss sees O(2k)."""
    monkeypatch.chdir(tmp_path)
    write_group(tmp_path / "u.json", [], unitary_algebra(k, 1))
    n = 2 * k + 1
    expected = two_layers(n, h, 1) + range_count(2 * k, h)
    assert laws.__wrapped__(f"linear:{n}-{h}-1", "u.json+none:1") == expected


CYCLIC = [
    ("linear:4-1-1", "2xrotation:3", 0),
    ("linear:4-2-1", "2xrotation:3", 0),
    ("linear:4-1-1", "2xrotation:5", 0),
    ("linear:4-2-1", "2xrotation:5", 0),
    ("linear:5-1-1", "2xrotation:3+none:1", 0),
    ("linear:6-2-1", "3xrotation:3", 0),
    ("linear:6-1-1", "2xshift:3", 0),
    ("linear:6-2-1", "2xshift:3", 0),
    ("linear:8-1-1", "2xshift:4", 0),
    ("linear:10-1-1", "2xshift:5", 0),
    ("linear:4-1-1", "2xdihedral:3", 0),
    ("linear:4-1-2", "2xrotation:3", 1),  # the direction of W2: labels drop out
]


@pytest.mark.parametrize("network, symmetry, extra", CYCLIC)
def test_two_copies_of_the_cyclic_representation(network, symmetry, extra):
    """n/2 = 1 and κ = 2h > 1: the complex columns fill the line, and nothing is kept."""
    for route in ("moments", "orbits"):
        assert laws(network, symmetry, route=route) == laws(network) + extra


@pytest.mark.parametrize("symmetry", ["2xrotation:3", "2xrotation:5", "2xspecial-orthogonal:2"])
@pytest.mark.parametrize("p, extra", [(1, 0), (2, 1), (3, 5), (4, 9)])
def test_one_layer_on_two_copies_of_the_plane(symmetry, p, extra):
    """W is complex, p × 2, and W′ = −W S with S Hermitian: two columns in C^p keep their range.

    For p = 2 only the phase of the determinant is left.
    """
    assert algebra_count("complex", p, 2) == extra
    assert laws(f"linear:4-{p}") == 0
    assert laws(f"linear:4-{p}", symmetry) == extra
