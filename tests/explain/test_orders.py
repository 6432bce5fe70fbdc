"""An invariant form of too high an order: named, kept by the group, and not blamed falsely."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.closure import lie_closure
from conserved.explain import explain
from conserved.explain.orders import companion, example_of, form_spaces
from conserved.fields import moment_space
from conserved.kernel.rowspace import inverse_matrix
from conserved.search.lifted import splitting_scalars


def problem_of(network: str, symmetry: str, labels: str = "invariant") -> cq.Problem:
    return cq.Problem.from_text(network, symmetry=symmetry, labels=labels)


def reasons(problem: cq.Problem) -> str:
    closures = lie_closure(problem), lie_closure(problem.architecture())
    return " ".join(explain(problem, *closures).reasons)


NAMED = [
    ("poly:2-1-1,power=2", "rotation:4", "O(2): this loss sees forms of degree 4", "x₁² x₂²"),
    ("poly:3-2-1,power=2", "octahedral", "O(3): this loss sees forms of degree 4", "x₃⁴"),
    ("poly:3-1-1,power=3", "tetrahedral", "O(3): this loss sees forms of degree 3", "x₁ x₂ x₃"),
    ("lightning:dim=3,tokens=2,head=1,out=1", "octahedral", "O(3): this", "Z₁₁ Z₂₂ Z₃₃"),
    ("lightning:dim=3,tokens=2,head=1,out=1", "shift", "forms of degree 3", "x₁ Z₁₁ + x₂ Z₂₂"),
    ("lightning:dim=4,tokens=3,head=1,out=1", "hyperoctahedral", "degree 6", "Z₁₁³ + Z₂₂³"),
    ("lightning:dim=5,tokens=2,head=1,out=1", "shift", "O(2) × O(2): this loss", "x₁ Z₁₁ + x₂ Z₂₂"),
    # reducible: O(5) and O(4) are not to blame
    ("poly:5-3-1,power=2", "octahedral+rotation:4", "O(3) × O(2): this loss", "degree 4"),
    ("poly:4-2-1,power=2", "permutation:3+none:1", "O(2): this loss", "degree 4"),
]


@pytest.mark.parametrize(
    "network, symmetry, group, form",
    [
        pytest.param(*case, marks=[pytest.mark.slow] * case[0].startswith("lightning:dim=5"))
        for case in NAMED
    ],
)
def test_one_form_is_named(network, symmetry, group, form):
    text = reasons(problem_of(network, symmetry))
    assert "The order is too high for " in text
    assert group in text
    assert form in text


@pytest.mark.parametrize(
    "network, symmetry",
    [
        ("poly:3-3-1,power=2", "orthogonal"),
        ("poly:3-3-1,power=2", "icosahedral"),
        ("lightning:dim=3,tokens=2,head=1,out=1", "orthogonal"),
        ("poly:5-5-1,power=2", "orthogonal:3+orthogonal:2"),
    ],
)
def test_what_rotations_keep_is_not_blamed(network, symmetry):
    """Planted: the search for a form on problems where K keeps every form the loss sees."""
    problem = problem_of(network, symmetry)
    scalars = splitting_scalars(problem)
    algebra = companion(scalars, problem)[1]
    assert len(algebra)
    for forms in form_spaces(moment_space(problem, scalars).lift):
        assert example_of(scalars, problem, forms, algebra) == ""
    assert "order is too high" not in reasons(problem)


@pytest.mark.parametrize("network, symmetry", [case[:2] for case in NAMED])
def test_the_group_of_comparison_is_kept_at_second_order(network, symmetry):
    """exp of the algebra of K (by Cayley) keeps every second moment that G keeps."""
    problem = problem_of(network, symmetry)
    scalars = splitting_scalars(problem)
    n = problem.network.input_shape[-1]
    linear = problem_of(f"linear:{n}-1", symmetry)
    moments = moment_space(linear, scalars).quadratic
    one = np.eye(n, dtype=scalars.dtype)
    for x in companion(scalars, problem)[1]:
        g = scalars.matmul(scalars.reduce(one - x), inverse_matrix(scalars, one + x))
        moved = scalars.matmul(scalars.matmul(g, moments), g.T)
        assert not scalars.reduce(moved - moments).any()


def test_labels_with_a_sign_have_forms_with_a_sign():
    """x₁ x₂ changes sign under a quarter turn's mirror: kept with sign labels, not without."""
    with_sign = reasons(problem_of("poly:2-1-1,power=2", "dihedral:4", "sign"))
    assert "order is too high" in with_sign
    without = reasons(problem_of("poly:2-1-1,power=2", "dihedral:4"))
    assert "degree 4" in without


def test_no_continuous_group_at_second_order():
    text = reasons(problem_of("lightning:dim=4,tokens=2,head=1,out=1", "negation"))
    assert "No continuous group keeps the second moments of data under negation" in text


@pytest.mark.parametrize(
    "network, symmetry, loss, named",
    [
        ("linear:4-1-1", "permutation", "poly:4", "O(3): this loss sees forms of degree 3"),
        ("linear:3-2-2", "permutation", "poly:3", "permutation keeps x₁ x₂ x₃"),
        ("linear:2-1-1", "rotation:4", "poly:4", "rotation:4 keeps x₁² x₂²"),
        ("poly:2-1-1,power=2", "rotation:3", "poly:3", "forms of degree 6"),
    ],
)
def test_losses_of_higher_degree_name_a_form_as_well(
    network: str, symmetry: str, loss: str, named: str
) -> None:
    problem = cq.Problem.from_text(network, symmetry=symmetry, loss=loss)
    analysis = cq.analyze(problem)
    assert analysis.from_data_symmetry == 0
    assert any(named in reason for reason in analysis.explanation.reasons)


def test_no_form_is_blamed_where_the_degree_is_low_enough() -> None:
    """Rotations by 2π/5 keep no form of degree 2, 4 or 6 that O(2) does not keep."""
    for loss, blamed in (("poly:3", False), ("poly:5", True)):
        problem = cq.Problem.from_text("poly:2-1-1,power=2", symmetry="rotation:5", loss=loss)
        analysis = cq.analyze(problem)
        assert analysis.from_data_symmetry == (0 if blamed else 1)
        reasons = " ".join(analysis.explanation.reasons)
        assert ("order is too high" in reasons) is blamed
