"""The lifted group: isotypic blocks and Lie algebras, against direct linear solves."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.fields import moment_space
from conserved.search.lifted import lift_report, splitting_scalars
from tests.moments.oracles import (
    antisymmetric_units,
    monomial_generators,
    rank,
    shapes,
    unitary_algebra,
    write_group,
)
from tests.search.due import due


def problem_of(network, symmetry, labels="invariant"):
    return cq.Problem.from_text(network, symmetry=symmetry, labels=labels)


REAL = "real"

# ------------------------------------------------------------------ what the loss sees


@pytest.mark.parametrize("n", [3, 4, 5, 8, 13])
def test_permutations_look_like_rotations_of_the_zero_sum_part(n):
    report = cq.lift_report(problem_of(f"linear:{n}-2-1", "permutation"))
    assert report.algebra == report.feature_algebra == (f"so({n - 1})", comb(n - 1, 2))
    # the all-ones direction pairs with the label
    assert shapes(report.blocks) == [(n - 1, 1, REAL), (1, 2, REAL)]
    assert (report.name, report.dimension, report.quadratic, report.mixed) == ("x", n, 2, 1)


@pytest.mark.parametrize("k", [3, 4, 5, 7, 12])
def test_few_rotations_look_like_all(k):
    """C_k acts; the loss sees O(2)."""
    report = cq.lift_report(problem_of("linear:2-1-1", f"rotation:{k}"))
    assert report.algebra == ("so(2)", 1)
    assert shapes(report.blocks) == [(2, 1, REAL), (1, 1, REAL)]


def test_half_turns_look_like_nothing_more():
    """Every symmetric matrix commutes with −1."""
    report = cq.lift_report(problem_of("linear:2-1-1", "rotation:2"))
    assert report.algebra == ("0", 0)
    assert (report.quadratic, report.mixed) == (3, 0)


@pytest.mark.parametrize("n", [4, 5, 6, 7, 8, 9, 12])
def test_shifts_split_into_planes(n):
    """Conjugate blocks over Q(cos 2π/n) come apart; the label joins the constants."""
    report = cq.lift_report(problem_of(f"linear:{n}-1-1", "shift"))
    planes, even = (n - 1) // 2, [(1, 1, REAL)] * (1 - n % 2)
    assert shapes(report.blocks) == [(2, 1, REAL)] * planes + [(1, 2, REAL)] + even
    name = " ⊕ ".join(["so(2)"] * planes) if planes <= 4 else f"{planes}·so(2)"
    assert report.algebra == (name, planes)


@pytest.mark.parametrize("n", [3, 5])
def test_shifts_on_two_copies_are_complex(n):
    """The complex type of the cyclic representation: u(1) for each plane."""
    report = cq.lift_report(problem_of(f"linear:{2 * n}-1-1", f"2xshift:{n}"))
    planes = (n - 1) // 2
    assert shapes(report.blocks) == [(2, 2, "complex")] * planes + [(1, 3, REAL)]
    assert report.algebra == (" ⊕ ".join(["u(1)"] * planes), planes)


@pytest.mark.parametrize(
    "network, symmetry, labels, expected",
    [
        ("linear:8-1-1", "2xpermutation:4", "invariant", [(3, 2, REAL), (1, 3, REAL)]),
        ("linear:12-1-1", "3xpermutation:4", "invariant", [(3, 3, REAL), (1, 4, REAL)]),
        ("linear:5-2-5", "hyperoctahedral", "equivariant", [(5, 2, REAL)]),
        ("linear:5-2-5", "permutation", "equivariant", [(4, 2, REAL), (1, 2, REAL)]),
        (
            "linear:5-2-1",
            "permutation:3+negation:2",
            "invariant",
            [(2, 1, REAL), (1, 2, REAL), (1, 2, REAL)],
        ),
        (
            "linear:7-1-1",
            "permutation:4+permutation:3",
            "invariant",
            [(3, 1, REAL), (2, 1, REAL), (1, 3, REAL)],
        ),
        ("linear:6-1-1", "2xrotation:3+none:2", "invariant", [(2, 2, "complex"), (1, 3, REAL)]),
        ("linear:4-1-2", "2xdihedral:3", "invariant", [(2, 2, REAL), (2, 1, REAL)]),
        ("linear:3-1-1", "signflip", "invariant", [(1, 1, REAL)] * 4),
        ("linear:3-1-1", "icosahedral", "invariant", [(3, 1, REAL), (1, 1, REAL)]),
        ("poly:2-1-1,power=2", "rotation:5", "invariant", [(2, 1, REAL), (1, 2, REAL)]),
        ("poly:2-1-1,power=2", "rotation:4", "invariant", [(1, 2, REAL), (1, 2, REAL)]),
        # Sym² = 5 + 1, and |x|² joins the label
        ("poly:3-1-1,power=2", "icosahedral", "invariant", [(5, 1, REAL), (1, 2, REAL)]),
    ],
)
def test_blocks(network, symmetry, labels, expected):
    problem = problem_of(network, symmetry, labels)
    report = cq.lift_report(problem)
    assert shapes(report.blocks) == expected
    whole = report.dimension + problem.network.output_shape[-1]
    assert sum(block.size for block in report.blocks) == whole


def test_lightning_acts_on_features_by_all_rotations():
    report = cq.lift_report(problem_of("lightning:dim=4,tokens=3,head=1,out=1", "orthogonal"))
    assert report.feature_algebra == ("so(4)", 6)
    assert shapes(report.features) == [(4, 1, REAL), (1, 1, REAL)]
    assert (report.dimension, report.quadratic, report.mixed) == (40, 3, 0)


@pytest.mark.parametrize(
    "r, k, algebra",
    [(2, 3, 1), (2, 4, 0), (2, 5, 1), (3, 4, 0), (3, 5, 1), (3, 6, 0), (3, 7, 1), (3, 3, 0)],
)
def test_features_of_polynomial_networks(r, k, algebra):
    """The rule of theory §6 as a Lie algebra: the loss sees O(2), or no continuous group."""
    report = cq.lift_report(problem_of(f"poly:2-1-1,power={r}", f"rotation:{k}"))
    assert report.feature_algebra[1] == algebra


def test_a_report_needs_squared_error_and_a_lift():
    for network, loss in (("relu:4-2-1", "mse"), ("linear:4-2-1", "poly:3")):
        problem = cq.Problem.from_text(network, symmetry="permutation", loss=loss)
        with pytest.raises(InputError, match="squared error"):
            lift_report(problem)


def test_seeds_do_not_matter():
    problem = problem_of("linear:10-1-1", "2xshift:5")
    assert len({tuple(shapes(lift_report(problem, seed).blocks)) for seed in range(6)}) == 1


# ------------------------------------------------------------------ against a linear solve


def kernel_dimension(scalars, images):
    """How many combinations of the images, (count, …), vanish."""
    return len(images) - rank(scalars, images)


def lifted_dimension(scalars, space):
    """{(X, Z): X S + S Xᵀ = 0, Z C + C Xᵀ = 0}, X antisymmetric for the metric, Z antisymmetric."""
    tau, m = space.lift.dimension, space.lift.outputs
    metric = scalars.from_integers(space.lift.metric.astype(object))
    back = scalars.inverse(metric)
    images = []
    for x in antisymmetric_units(scalars, tau):
        x = scalars.mul(back[:, None], x)  # diag(d)⁻¹ A for A = −Aᵀ
        s = scalars.matmul(x, space.quadratic) + scalars.matmul(space.quadratic, x.T)
        images.append(np.concatenate([s.ravel(), scalars.matmul(space.mixed, x.T).ravel()]))
    for z in antisymmetric_units(scalars, m):
        s = np.zeros_like(space.quadratic)
        images.append(np.concatenate([s.ravel(), scalars.matmul(z, space.mixed).ravel()]))
    return kernel_dimension(scalars, scalars.reduce(np.stack(images)))


def feature_dimension(scalars, space):
    """The same for X = dρ(Y), Y an antisymmetric matrix on input features."""
    n, m = space.lift.input_shape[-1], space.lift.outputs
    images = []
    for x in space.lift.derivative(scalars, antisymmetric_units(scalars, n)):
        s = scalars.matmul(x, space.quadratic) + scalars.matmul(space.quadratic, x.T)
        images.append(np.concatenate([s.ravel(), scalars.matmul(space.mixed, x.T).ravel()]))
    for z in antisymmetric_units(scalars, m):
        s = np.zeros_like(space.quadratic)
        images.append(np.concatenate([s.ravel(), scalars.matmul(z, space.mixed).ravel()]))
    return kernel_dimension(scalars, scalars.reduce(np.stack(images)))


SOLVED = [
    ("linear:4-2-1", "permutation", "invariant"),
    ("linear:4-2-3", "permutation", "invariant"),
    ("linear:3-2-3", "permutation", "equivariant"),
    ("linear:4-1-4", "hyperoctahedral", "equivariant"),
    ("linear:5-1-1", "shift", "invariant"),
    ("linear:7-1-2", "shift", "invariant"),
    ("linear:4-1-1", "2xrotation:3", "invariant"),
    ("linear:6-1-1", "3xrotation:5", "invariant"),
    ("linear:10-1-1", "2xshift:5", "invariant"),
    ("linear:5-1-1", "2xrotation:3+none:1", "invariant"),
    ("linear:6-1-2", "permutation:3+rotation:5+none:1", "invariant"),
    ("linear:3-1-2", "orthogonal", "invariant"),
    ("linear:3-1-2", "negation", "sign"),
    ("linear:4-1-4", "2xrotation:5", "equivariant"),
    ("poly:2-1-1,power=2", "rotation:3", "invariant"),
    ("poly:2-1-1,power=2", "rotation:4", "invariant"),
    ("poly:2-1-1,power=3", "rotation:5", "invariant"),
    ("poly:2-1-1,power=3", "rotation:3", "invariant"),
    ("poly:3-1-1,power=2", "icosahedral", "invariant"),
    ("poly:3-1-1,power=2", "octahedral", "invariant"),
    ("poly:3-1-2,power=2", "permutation", "invariant"),
    ("lightning:dim=2,tokens=1,head=1,out=2", "dihedral:3", "equivariant"),
]

# Y drops out beside a part of T that Φ never reaches; inputs turn by t while outputs turn by 2t
TURNING = [
    ("lightning:dim=2,tokens=2,head=1,out=1", "orthogonal", "invariant"),
    ("lightning:dim=2,tokens=2,head=1,out=1", "rotation:4", "invariant"),
    ("poly:2-1-2,power=2", "dihedral:3", "equivariant"),
]


@pytest.mark.parametrize("network, symmetry, labels", SOLVED + TURNING)
def test_the_algebra_is_that_of_a_linear_solve(network, symmetry, labels):
    """Its dimension, from blocks and from D(D−1)/2 unknowns."""
    problem = problem_of(network, symmetry, labels)
    scalars = splitting_scalars(problem)
    space = moment_space(problem, scalars)
    report = cq.lift_report(problem)
    assert report.algebra[1] == lifted_dimension(scalars, space)
    assert report.feature_algebra is not None
    assert report.feature_algebra[1] == feature_dimension(scalars, space)


@pytest.mark.parametrize("kind, k", [("complex", 2), ("complex", 3), ("quaternionic", 2)])
def test_groups_from_files(kind, k, tmp_path, monkeypatch):
    """Two copies of C^k or H^k: u(k) or sp(k), though the group is finite."""
    monkeypatch.chdir(tmp_path)
    write_group(tmp_path / "g.json", monomial_generators(kind, k, 2), [])
    d = {"complex": 2, "quaternionic": 4}[kind]
    problem = problem_of(f"linear:{2 * d * k}-1-1", "g.json")
    report = cq.lift_report(problem)
    name = {"complex": f"u({k})", "quaternionic": f"sp({k})"}[kind]
    dimension = {"complex": k * k, "quaternionic": k * (2 * k + 1)}[kind]
    assert report.algebra == (name, dimension)
    assert shapes(report.blocks) == [(d * k, 2, kind), (1, 1, REAL)]
    scalars = splitting_scalars(problem)
    assert lifted_dimension(scalars, moment_space(problem, scalars)) == dimension


def test_an_infinite_group_from_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_group(tmp_path / "u.json", [], unitary_algebra(3, 2))
    report = cq.lift_report(problem_of("linear:12-1-1", "u.json"))
    assert report.algebra == ("u(3)", 9)
    write_group(tmp_path / "u.json", [], unitary_algebra(3, 1))
    assert cq.lift_report(problem_of("linear:6-1-1", "u.json")).algebra == ("so(6)", 15)


@pytest.mark.parametrize("outputs", [1, 2, 3, 5, 9])
def test_moments_of_low_rank_do_not_hide_a_block(outputs):
    """All outputs and the mean of the inputs are one block, though yΦᵀ has rank one."""
    problem = cq.Problem.from_text(f"linear:5-{outputs}", symmetry="permutation")
    blocks = [(b.dimension, b.multiplicity) for b in cq.lift_report(problem).blocks]
    assert blocks == [(4, 1), (1, 1 + outputs)]
    state, _, added = due(problem)
    assert added == sum(law.independent for law in state.laws) == 4 * outputs - 1
