"""The averaged moments of actual data, and the fields they make, against explicit orbits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import conserved as cq
from conserved.errors import ConservedError, InputError
from conserved.fields import (
    Leaves,
    MomentFields,
    OrbitFields,
    averages,
    moment_space,
)
from conserved.fields.averages import along_elements
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.residues import residues
from conserved.kernel.rowspace import inverse_matrix
from conserved.search.lifted import splitting_scalars
from tests.moments.oracles import assert_same_span, paired_elements, rank, ring_for

PROBLEMS = [
    ("linear:4-2-1", "permutation", "invariant"),
    ("linear:3-2-2", "permutation", "sign"),
    ("linear:4-2-4", "permutation", "equivariant"),
    ("linear:3-1-3", "hyperoctahedral", "equivariant"),
    ("linear:5-1-5", "shift", "equivariant"),
    ("linear:4-2-2", "negation", "sign"),
    ("linear:4-1-1", "2xrotation:3", "invariant"),
    ("linear:5-2-1", "permutation:3+negation:2", "invariant"),
    ("linear:2-2-2-2", "dihedral:5", "equivariant"),
    ("linear:6-1-1", "grid-shift:2x3", "invariant"),
    ("poly:2-2-1,power=2", "rotation:3", "invariant"),
    ("poly:2-2-2,power=2", "dihedral:3", "equivariant"),
    ("poly:2-2-1,power=2", "dihedral:4", "sign"),
    ("poly:2-2-1,power=3", "rotation:4", "invariant"),
    ("poly:2-1-2,power=3", "rotation:5", "equivariant"),
    ("poly:2-2-1,power=2", "negation", "invariant"),
    ("poly:3-2-1,power=2", "tetrahedral", "invariant"),
    ("poly:3-2-3,power=2", "octahedral", "equivariant"),
    ("poly:3-1-1,power=3", "icosahedral", "invariant"),
    ("poly:2-2-2-1,power=2", "rotation:3", "invariant"),
    ("lightning:dim=2,tokens=1,head=1,out=1", "rotation:4", "invariant"),
    ("lightning:dim=2,tokens=2,head=1,out=1", "rotation:4", "invariant"),
    ("lightning:dim=2,tokens=2,head=1,out=2", "dihedral:3", "equivariant"),
    ("lightning:dim=3,tokens=2,head=1,out=1", "signflip", "invariant"),
    ("lightning:dim=3,tokens=3,head=1,out=1", "permutation", "sign"),
]
each_problem = pytest.mark.parametrize("texts", PROBLEMS, ids=" ".join)


def problem_of(texts):
    network, symmetry, labels = texts
    return cq.Problem.from_text(network, symmetry=symmetry, labels=labels)


def orbit_actions(problem, scalars):
    """Matrices of every element on inputs and on labels."""
    group, m = problem.group, problem.network.output_shape[-1]
    labels = problem.labels.matrices(group, scalars, m)
    return paired_elements(scalars, group.generators(scalars), labels)


def explicit_moments(problem, scalars, x, y):
    """Σ_g Σ_rows Φ(gx)Φ(gx)ᵀ and Σ_g Σ_rows (gy)Φ(gx)ᵀ, datum by datum."""
    lift = problem.network.lift()
    y = y.reshape(len(y), lift.rows, lift.outputs)
    quadratic = mixed = 0
    for g, h in zip(*orbit_actions(problem, scalars), strict=True):
        phi = lift.features(scalars, scalars.matmul(x, g.T))
        label = scalars.matmul(y, h.T)
        quadratic = scalars.reduce(quadratic + scalars.matmul(phi.swapaxes(-1, -2), phi))
        mixed = scalars.reduce(mixed + scalars.matmul(label.swapaxes(-1, -2), phi))
    return quadratic, mixed


@each_problem
def test_the_space_is_that_of_explicit_orbits(texts):
    """Exact ranks, both inclusions, for S and for C; data drawn here, not there."""
    problem = problem_of(texts)
    scalars, rng = ring_for(problem.group), np.random.default_rng(1)
    space = moment_space(problem, scalars)
    most = len(space.quadratic) + len(space.mixed) + 8
    x = scalars.random(rng, (most, *problem.network.input_shape))
    y = scalars.random(rng, (most, *problem.network.output_shape))
    quadratic, mixed = explicit_moments(problem, scalars, x, y)
    assert_same_span(scalars, space.quadratic, quadratic)
    assert_same_span(scalars, space.mixed, mixed)
    assert len(space.quadratic) == rank(scalars, space.quadratic)
    assert len(space.mixed) == rank(scalars, space.mixed)


def coordinates(scalars, basis, forms):
    """The combinations of the basis that give the forms, (count, k)."""
    if not len(basis):
        assert not forms.any()
        return np.zeros((len(forms), 0), dtype=scalars.dtype)
    flat = basis.reshape(len(basis), -1)
    mix = scalars.random(np.random.default_rng(9), (flat.shape[1], len(flat)))
    back = inverse_matrix(scalars, scalars.matmul(flat, mix))
    found = scalars.matmul(scalars.matmul(forms.reshape(len(forms), -1), mix), back)
    assert not scalars.reduce(scalars.matmul(found, flat) - forms.reshape(len(forms), -1)).any()
    return found


@each_problem
def test_the_fields_are_those_of_explicit_orbits(texts):
    """Not spans but values, on jets: Σ_g J(gx)ᵀ(f(gx) − gy) is the field of the moments of (x, y).

    The orbit road runs the network at every g x, the other one knows S and C alone.
    """
    problem = problem_of(texts)
    scalars = ring_for(problem.group)
    moments = MomentFields(problem, scalars, np.random.default_rng(0))
    orbits = OrbitFields(problem, scalars, np.random.default_rng(1))
    leaves = orbits.draw_leaves(4)
    space = moments.space
    quadratic, mixed = explicit_moments(problem, scalars, *leaves.arrays[:2])
    same = Leaves(
        (
            coordinates(scalars, space.quadratic, quadratic),
            coordinates(scalars, space.mixed, mixed),
        )
    )
    theta = scalars.random(np.random.default_rng(2), (4, 4, problem.network.size))  # two ε
    expected = orbits.pull(leaves, theta)
    assert not scalars.reduce(moments.pull(same, theta) - expected).any()
    assert expected.any()


@each_problem
def test_the_closures_agree(texts):
    problem = problem_of(texts)
    moments, orbits = (cq.lie_closure(problem, route=route) for route in ("moments", "orbits"))
    assert moments.closed
    assert orbits.closed
    assert moments.upper == orbits.upper
    assert moments.ranks[0] == orbits.ranks[0]
    assert moments.route != orbits.route


# ------------------------------------------------------------------ few moments


@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_lightning_sees_three_numbers_at_most(d, tokens):
    """(tr Z)³, tr Z·tr Z², tr Z³ for Z = XᵀX of rank min(tokens, d); labels drop out."""
    network = f"lightning:dim={d},tokens={tokens},head=1,out=1"
    problem = problem_of((network, "orthogonal", "invariant"))
    space = moment_space(problem, residues(BLAS_PRIMES[0]))
    assert len(space.quadratic) == min(3, tokens, d)
    assert len(space.mixed) == 0


@pytest.mark.parametrize("r", [1, 2, 3, 4])
def test_one_vector_under_all_rotations_has_one_moment(r):
    """|x|^2r is all that is left of ΦΦᵀ, though Sym²(Sym^r) has more invariants."""
    problem = problem_of((f"poly:3-2-1,power={r}", "orthogonal", "invariant"))
    space = moment_space(problem, residues(BLAS_PRIMES[0]))
    assert (len(space.quadratic), len(space.mixed)) == (1, 1 - r % 2)


@pytest.mark.parametrize(
    "network, labels, finite, infinite",
    [
        ("poly:2-2-1,power=2", "invariant", "dihedral:7", "orthogonal"),
        ("poly:2-2-2,power=2", "equivariant", "rotation:7", "special-orthogonal"),
        ("poly:2-2-1,power=3", "sign", "dihedral:7", "orthogonal"),
        ("lightning:dim=2,tokens=2,head=1,out=1", "invariant", "dihedral:7", "orthogonal"),
        (
            "lightning:dim=2,tokens=3,head=1,out=2",
            "equivariant",
            "rotation:7",
            "special-orthogonal",
        ),
        ("poly:3-2-1,power=2", "invariant", "icosahedral", "special-orthogonal"),
        ("linear:3-2-3", "equivariant", "octahedral", "special-orthogonal"),
        ("linear:4-2-4", "equivariant", "hyperoctahedral", "orthogonal"),
    ],
)
def test_designs_average_like_the_whole_group(network, labels, finite, infinite):
    """A finite group without invariants of low degree of its own: two roads to O(n)."""
    scalars = residues(prime_with_roots(35))
    few, all_ = (
        moment_space(problem_of((network, group, labels)), scalars) for group in (finite, infinite)
    )
    assert_same_span(scalars, few.quadratic, all_.quadratic)
    assert_same_span(scalars, few.mixed, all_.mixed)


def test_an_icosahedron_is_no_design_of_degree_six():
    """Negative control of the test above: x ↦ x^⊗3 has sixth-order moments."""
    scalars = residues(prime_with_roots(5))
    sizes = [
        len(moment_space(problem_of(("poly:3-2-1,power=3", group, "invariant")), scalars).quadratic)
        for group in ("icosahedral", "special-orthogonal")
    ]
    assert sizes == [2, 1]


# ------------------------------------------------------------------ cost and choice


def test_cost_does_not_grow_with_the_order_of_a_group():
    """From 720 to 479,001,600 elements: the same number of evaluations, one pass over τ points."""
    closures = {
        n: cq.lie_closure(problem_of((f"linear:{n}-3-1", "permutation", "invariant")))
        for n in range(6, 13)
    }
    assert len({closure.evaluations for closure in closures.values()}) == 1
    assert len({closure.ranks for closure in closures.values()}) == 1
    assert all(f"τ = {n}" in closure.route for n, closure in closures.items())


def test_cost_does_not_grow_with_the_number_of_rotations():
    counts = {
        cq.lie_closure(
            problem_of(("poly:2-2-1,power=2", f"rotation:{k}", "invariant")), route="moments"
        ).evaluations
        for k in (5, 8, 64, 1024, 8192)
    }
    assert len(counts) == 1


def test_orbits_do_cost_more_with_the_order():
    """Negative control: memory of one evaluation, orbit against moments."""
    few, many = (
        OrbitFields(
            problem_of((f"linear:{n}-1-1", "permutation", "invariant")),
            residues(BLAS_PRIMES[0]),
            np.random.default_rng(0),
        ).sample_bytes
        for n in (4, 6)
    )
    assert many > 20 * few


@pytest.mark.parametrize("labels", ["invariant", "sign", "equivariant"])
def test_all_data_span_the_same_moments(labels):
    """A trivial group: every S and every C; the moment route then counts architecture laws."""
    if labels != "invariant":
        with pytest.raises(InputError, match="no symmetry"):
            problem_of(("linear:3-2-3", "none", labels))
        return
    problem = problem_of(("linear:3-2-3", "none", labels))
    space = moment_space(problem, residues(BLAS_PRIMES[0]))
    assert (len(space.quadratic), len(space.mixed)) == (6, 9)
    assert cq.lie_closure(problem, route="moments").upper == 3


def test_moments_are_shared_by_problem_not_by_text():
    """Two networks of one spec need not compute the same."""
    scalars = residues(BLAS_PRIMES[0])
    one, two = (problem_of(("linear:3-2-1", "permutation", "invariant")) for _ in range(2))
    assert moment_space(one, scalars) is moment_space(one, scalars)
    assert moment_space(one, scalars) is not moment_space(two, scalars)
    other = residues(BLAS_PRIMES[1])
    assert moment_space(one, other) is not moment_space(one, scalars)


@pytest.mark.parametrize(
    "network, loss",
    [
        ("relu:3-2-1", "mse"),
        ("linear:3-2-1", "poly:3"),
        ("linear:3-2-1", "logistic"),
        ("linear:3-2-2", "cross-entropy"),
    ],
)
def test_the_moment_route_is_refused_where_there_is_none(network, loss):
    problem = cq.Problem.from_text(network, symmetry="permutation", loss=loss)
    with pytest.raises(InputError, match="squared error and a tensorizable network"):
        cq.lie_closure(problem, route="moments")
    with pytest.raises(InputError, match="squared error and a network that is a polynomial"):
        _ = cq.lift_report(problem)
    assert "orbit" in cq.lie_closure(problem).route


def test_an_unknown_route_is_refused():
    problem = problem_of(("linear:3-2-1", "permutation", "invariant"))
    with pytest.raises(InputError, match="auto, moments, orbits"):
        cq.lie_closure(problem, route="haar")


def test_a_quadratic_loss_by_its_other_name_takes_the_same_route():
    first, second = (
        cq.lie_closure(cq.Problem.from_text("linear:6-2-1", symmetry="permutation", loss=loss))
        for loss in ("mse", "poly:2")
    )
    assert (first.upper, first.route) == (second.upper, second.route)


# ------------------------------------------------------------------ two roads to the averages

TWO_ROADS = [
    ("linear:4-2-1", "permutation", "invariant"),
    ("linear:4-2-4", "shift", "equivariant"),
    ("poly:2-1-1,power=2", "dihedral:4", "sign"),
    ("poly:3-1-1,power=2", "octahedral", "invariant"),
    ("lightning:dim=3,tokens=2,head=1,out=1", "shift", "invariant"),
    ("lightning:dim=3,tokens=2,head=1,out=3", "signflip", "equivariant"),
    ("lightning:dim=2,tokens=1,head=1,out=1", "negation", "sign"),
]


@pytest.mark.parametrize("case", TWO_ROADS)
def test_orbit_sums_span_the_invariants_in_reach(case):
    problem = problem_of(case)
    scalars = splitting_scalars(problem)
    exact = moment_space(problem, scalars)
    rng = np.random.default_rng(1)
    quadratic, mixed = along_elements(problem, scalars, exact.lift, rng)
    assert_same_span(scalars, quadratic, exact.quadratic)
    assert_same_span(scalars, mixed, exact.mixed)


def test_sums_over_a_part_of_the_group_are_refused(monkeypatch):
    """Planted: an orbit with one element left out is not symmetric, and is not accepted."""
    whole = averages.enumerate_group

    def part(group, scalars):
        elements = whole(group, scalars)
        return dataclasses.replace(
            elements, matrices=elements.matrices[:-1], signs=elements.signs[:-1]
        )

    monkeypatch.setattr(averages, "enumerate_group", part)
    monkeypatch.setattr(averages, "_CANDIDATES", 1)
    problem = problem_of(("lightning:dim=3,tokens=2,head=1,out=1", "shift", "invariant"))
    with pytest.raises(ConservedError, match="not invariant"):
        moment_space(problem, splitting_scalars(problem))


def test_a_group_whose_elements_do_not_fit_is_averaged_by_its_generators(monkeypatch):
    def refuse(*_):
        raise AssertionError("the elements were listed")

    monkeypatch.setattr(averages, "_CANDIDATES", 1)
    monkeypatch.setattr(averages, "enumerate_group", refuse)
    scalars = residues(BLAS_PRIMES[0])
    with pytest.raises(AssertionError, match="listed"):
        moment_space(problem_of(("linear:9-1-1", "shift", "invariant")), scalars)
    monkeypatch.setattr(averages, "_CHUNK", 9 * 9 * 9 - 1)
    space = moment_space(problem_of(("linear:9-1-1", "shift", "invariant")), scalars)
    assert (len(space.quadratic), len(space.mixed)) == (5, 1)
