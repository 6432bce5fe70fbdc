"""A tensorizable network of the user's own: A and Φ derived from its degree, or given."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.kernel.evaluate import Run
from conserved.networks import Network, Parameter
from conserved.networks.lift import MonomialLift, homogeneous
from conserved.networks.linear_form import Lift
from conserved.networks.monomials import Monomials
from conserved.networks.tracing import trace
from conserved.testing import check_network
from tests.search.due import due


class Product(Network):
    """f(x) = (a·x)(b·x), which no built-in family is."""

    family = "product"

    def __init__(self, inputs: int, degree: int = 2) -> None:
        self.degree = degree
        parameters = [Parameter("A", (1, inputs)), Parameter("B", (1, inputs))]
        self._declare(f"product:{inputs}", parameters, (inputs,), (1,))

    def forward(self, parameters, x):
        return (x @ parameters["A"].T) * (x @ parameters["B"].T)

    def lift(self) -> Lift:
        return homogeneous(self.program, self.degree)


class Given(MonomialLift):
    """The same lift with A(θ) written out instead of interpolated."""

    def outputs_at(self, ring, theta):
        tensors = self.program.parameters
        return Run(trace(tensors, (), self._coefficients), ring, theta)

    def _coefficients(self, named, given):
        a, b = (v.reshape(-1, 1) for v in named.values())
        full = a @ b.T
        # x_i x_j with i < j has the coefficient a_i b_j + a_j b_i
        (n,) = self.input_shape
        picks = np.zeros((self.dimension, n**2), int)
        for row, alpha in enumerate(Monomials(n, 2).exponents):
            i, j = np.repeat(np.arange(n), alpha)
            picks[row, i * n + j] = 1
            picks[row, j * n + i] = 1
        return full.recording.constant(picks) @ full.reshape(n * n, 1)

    def change_basis(self, scalars, moments):
        return moments

    def change_basis_mixed(self, scalars, moments):
        return moments.swapaxes(-1, -2)


class ProductGiven(Product):
    def lift(self) -> Lift:
        return Given(self.program, homogeneous(self.program, 2).found)


def test_it_is_a_network():
    check_network(Product(3))


@pytest.mark.parametrize("family", [Product, ProductGiven])
def test_range_of_both_vectors(family):
    problem = cq.Problem(network=family(5), symmetry=cq.symmetry.Orthogonal(5))
    state, _, extra = due(problem)
    (law,) = state.laws
    assert law.text == "range of [A B]"
    assert law.independent == 2 * (5 - 2) == extra


@pytest.mark.parametrize("family", [Product, ProductGiven])
@pytest.mark.parametrize("group", [cq.symmetry.Permutation(4), cq.symmetry.Hyperoctahedral(4)])
def test_both_routes_agree(family, group):
    problem = cq.Problem(network=family(4), symmetry=group)
    counts = {cq.lie_closure(problem, route=route).upper for route in ("moments", "orbits")}
    assert len(counts) == 1


@pytest.mark.parametrize("degree", [1, 3])
def test_a_wrong_degree_is_refused(degree):
    problem = cq.Problem(network=Product(4, degree), symmetry=cq.symmetry.Permutation(4))
    with pytest.raises(InputError, match="its lift is wrong"):
        cq.lie_closure(problem, route="moments")
