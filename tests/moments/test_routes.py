"""The moment route against explicit orbits: the same count wherever both apply."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.fields import MomentFields, OrbitFields
from conserved.kernel.rowspace import RowSpace
from conserved.search.lifted import splitting_scalars

SMALL = [
    ("linear:3-2-1", "permutation", "sign"),
    ("linear:3-2-3", "permutation", "equivariant"),
    ("linear:4-2", "signflip", "invariant"),
    ("linear:4-3-2-2", "shift", "invariant"),
    ("poly:2-2-1,power=2", "dihedral:3", "sign"),
    ("poly:2-2-2,power=3", "rotation:4", "sign"),
    ("poly:2-1-1-1,power=2", "rotation:3", "invariant"),
    ("linear:2-1-2", "dihedral:4", "equivariant"),
    ("lightning:dim=2,tokens=1", "rotation:3", "invariant"),
    ("linear:4-1-1", "2xrotation:3", "invariant"),
    ("lightning:dim=3,tokens=2", "permutation", "invariant"),
    ("lightning:dim=2,tokens=2", "negation", "sign"),
    ("linear:3-2-2", "octahedral", "invariant"),
    ("linear:5-1-1", "permutation:3+none:2", "invariant"),
    ("linear:4-2-1", "grid-rotation:2x2", "invariant"),
    ("linear:3-1-3", "shift", "equivariant"),
]


@pytest.mark.parametrize("network, symmetry, labels", SMALL)
def test_the_fields_span_the_same_space(network, symmetry, labels):
    """W_G(θ) itself, both inclusions, at one point."""
    problem = cq.Problem.from_text(network, symmetry=symmetry, labels=labels)
    scalars = splitting_scalars(problem)
    moments = MomentFields(problem, scalars, np.random.default_rng(1))
    orbits = OrbitFields(problem, scalars, np.random.default_rng(2))
    theta = moments.point()
    spans = []
    for fields in (moments, orbits):
        space = RowSpace(scalars, fields.dimension)
        values = fields.draw(problem.network.size + 8, theta)[1]
        space.add(values)
        spans.append((space, values))
    (first, first_values), (second, second_values) = spans
    assert first.rank == second.rank
    assert not first.remainder(second_values).any()
    assert not second.remainder(first_values).any()
    counts = {cq.lie_closure(problem, route=route).upper for route in ("moments", "orbits")}
    assert len(counts) == 1


@pytest.mark.parametrize("tokens, moments", [(1, 1), (2, 2), (3, 3), (5, 3)])
def test_the_rank_of_the_data_limits_the_moments(tokens, moments):
    """Theory §6: the data enter through (tr Z)³, tr Z·tr Z², tr Z³, Z of rank ≤ tokens."""
    problem = cq.Problem.from_text(f"lightning:dim=4,tokens={tokens}", symmetry="orthogonal")
    assert cq.lift_report(problem).quadratic == moments
    assert cq.lift_report(problem).mixed == 0


def test_cost_does_not_depend_on_the_order_of_the_group():
    """The field evaluations of linear:n-3-1 under S_n, of order up to 10^13, stay the same."""
    counts = set()
    for n in (8, 10, 12, 16):
        problem = cq.Problem.from_text(f"linear:{n}-3-1", symmetry="permutation")
        counts.add(cq.lie_closure(problem).ranks)
    assert len(counts) == 1


def test_moments_need_squared_error_and_a_lift():
    for network, loss in (("mlp:3-2-1,act=tanh", "mse"), ("linear:3-1", "poly:3")):
        problem = cq.Problem.from_text(network, symmetry="shift", loss=loss)
        with pytest.raises(cq.ConservedError, match="squared error and a tensorizable network"):
            cq.lie_closure(problem, route="moments")
    with pytest.raises(cq.ConservedError, match="route"):
        cq.lie_closure(cq.Problem.from_text("linear:3-1", symmetry="shift"), route="magic")
