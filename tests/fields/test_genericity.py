"""Formal values are generic exactly where the arguments satisfy no linear relation."""

import numpy as np
import pytest

from conserved.closure import lie_closure
from conserved.fields import OrbitFields
from conserved.kernel import genericity as module
from conserved.kernel.genericity import genericity
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.residues import residues
from conserved.networks import Network, Parameter, parse_network
from conserved.problem import Problem


def examined(problem, seed=0):
    roots = problem.group.roots
    prime = BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots)
    return genericity(OrbitFields(problem, residues(prime), np.random.default_rng(seed)))


def assert_fails(result, arguments, relations, functions="exp"):
    assert not result.holds
    assert result.arguments == arguments
    assert f"the {arguments} arguments of {functions} " in result.note
    assert f"satisfy {relations} linear relations" in result.note


class Planted(Network):
    """f(x) = Σ φ(z) over linear combinations z of z1 = a·x and z2 = b·x."""

    family = "planted"

    def __init__(self, *combinations, function="tanh"):
        self.combinations = combinations
        self.function = function
        parameters = [Parameter("a", (1, 3)), Parameter("b", (1, 3))]
        self._declare(f"planted:{function}:{combinations}", parameters, (3,), (1,))

    def forward(self, parameters, x):
        z1, z2 = x @ parameters["a"].T, x @ parameters["b"].T
        terms = [(z1.scale(i) + z2.scale(j)).function(self.function) for i, j in self.combinations]
        return sum(terms[1:], terms[0])


class OfParameters(Network):
    """f(x) = Σ exp(c) x_i over combinations c of two parameters: no datum enters exp."""

    family = "of-parameters"

    def __init__(self, *combinations):
        self.combinations = combinations
        parameters = [Parameter("a", (1,)), Parameter("b", (1,))]
        self._declare(f"of-parameters:{combinations}", parameters, (1,), (1,))

    def forward(self, parameters, x):
        a, b = parameters["a"], parameters["b"]
        terms = [(a.scale(i) + b.scale(j)).function("exp") * x for i, j in self.combinations]
        return sum(terms[1:], terms[0])


class Shifted(Network):
    """f(x) = c1 φ(a x + b1) + c2 φ(a x + b2): one unit, shifted by a function of θ alone."""

    family = "shifted"

    def __init__(self, function):
        self.function = function
        parameters = [Parameter(name, (1,)) for name in ("a", "b1", "b2", "c1", "c2")]
        self._declare(f"shifted:{function}", parameters, (1,), (1,))

    def forward(self, parameters, x):
        a, b1, b2, c1, c2 = parameters.values()
        z = a * x
        return c1 * (z + b1).function(self.function) + c2 * (z + b2).function(self.function)


class TestHolds:
    @pytest.mark.parametrize(
        "spec, arguments",
        [
            ("linear:3-2-1", 0),
            ("relu:2-3-1", 0),
            ("poly:2-3-1,power=3", 0),
            ("mlp:3-4-1,act=tanh", 4),
            ("mlp:3-4-1,act=tanh,bias", 4),
            ("mlp:2-2-3-1,act=sigmoid", 5),
            ("mlp:3-4-1,act=silu", 4),
            ("mlp:3-4-1,act=softplus", 4),
            ("mlp:3-4-1,act=exp", 4),
            ("mlp:3-4-1,act=sin", 4),
            ("mlp:3-4-1,act=gelu-tanh", 4),
            ("mlp:1-3-1,act=tanh", 3),
            ("swiglu:3-4-2", 4),
            ("attention:dim=3,tokens=3,head=2", 9),
            ("attention:dim=3,tokens=2,head=2,heads=3", 12),
            ("attention:dim=2,tokens=3,head=1,causal", 9),
        ],
    )
    def test_for_plain_networks(self, spec, arguments):
        result = examined(Problem(network=parse_network(spec)))
        assert (result.holds, result.note, result.arguments) == (True, "", arguments)

    @pytest.mark.parametrize("act", ["erf", "gelu"])
    def test_for_gaussians_through_their_exponents(self, act):
        result = examined(Problem.from_text(f"mlp:3-4-1,act={act}"))
        assert (result.holds, result.arguments) == (True, 4)

    @pytest.mark.parametrize(
        "combinations, distinct",
        [
            ([(1, 0), (0, 1)], 2),
            ([(1, 0), (1, 0)], 1),
            ([(1, 0), (-1, 0), (0, 1)], 2),
            ([(1, 1), (-1, -1)], 1),
            ([(1, 1), (1, -1)], 2),
            ([(0, 0), (1, 0)], 1),
        ],
    )
    @pytest.mark.parametrize("function", ["tanh", "sin"])
    def test_where_arguments_agree_up_to_sign(self, combinations, distinct, function):
        """Those relations are built in, so they are no failure."""
        result = examined(Problem(network=Planted(*combinations, function=function)))
        assert (result.holds, result.arguments) == (True, distinct)

    def test_for_erf_of_sums(self):
        """erf(z1 + z2) is no function of erf(z1), erf(z2): the exponents are independent."""
        network = Planted((1, 0), (0, 1), (1, 1), function="erf")
        assert examined(Problem(network=network)).holds

    def test_for_negated_data_without_bias(self):
        result = examined(Problem.from_text("mlp:3-4-1,act=tanh", symmetry="negation"))
        assert (result.holds, result.arguments) == (True, 4)

    def test_for_two_permuted_inputs(self):
        result = examined(Problem.from_text("mlp:2-3-1,act=tanh", symmetry="permutation"))
        assert (result.holds, result.arguments) == (True, 6)

    def test_for_exponentials_of_parameters(self):
        assert examined(Problem(network=OfParameters((1, 0), (0, 1)))).holds

    @pytest.mark.parametrize("seed", range(8))
    def test_whatever_the_seed(self, seed):
        assert examined(Problem.from_text("mlp:2-3-1,act=tanh"), seed).holds


class TestFails:
    @pytest.mark.parametrize("function, words", [("tanh", "exp"), ("sin", "sin and cos")])
    @pytest.mark.parametrize(
        "combinations, arguments, relations",
        [
            ([(1, 0), (0, 1), (1, 1)], 3, 1),
            ([(1, 0), (0, 1), (1, -1)], 3, 1),
            ([(1, 0), (2, 0)], 2, 1),
            ([(1, 0), (0, 1), (1, 1), (1, -1), (3, 5)], 5, 3),
        ],
    )
    def test_where_a_sum_is_planted(self, combinations, arguments, relations, function, words):
        network = Planted(*combinations, function=function)
        assert_fails(examined(Problem(network=network)), arguments, relations, words)

    @pytest.mark.parametrize("k, order, relations", [(3, 3, 1), (5, 5, 3)])
    def test_on_plane_rotations(self, k, order, relations):
        """The k points of an orbit span a plane: k − 2 relations for each unit."""
        problem = Problem.from_text("mlp:2-2-1,act=tanh", symmetry=f"rotation:{k}")
        assert_fails(examined(problem), 2 * order, 2 * relations)

    def test_on_three_permuted_inputs(self):
        """Six permutation matrices span a space of dimension (3 − 1)² + 1 = 5."""
        problem = Problem.from_text("mlp:3-2-1,act=tanh", symmetry="permutation")
        assert_fails(examined(problem), 12, 2)

    def test_on_negated_data_with_bias(self):
        """(w·x + b) + (−w·x + b) = 2b does not depend on x."""
        problem = Problem.from_text("mlp:3-2-1,act=tanh,bias", symmetry="negation")
        assert_fails(examined(problem), 4, 2)

    @pytest.mark.parametrize("function, words", [("tanh", "exp"), ("sin", "sin and cos")])
    def test_where_arguments_differ_by_a_function_of_parameters(self, function, words):
        """z1 − z2 = b1 − b2 in every field: a relation between the fields."""
        assert_fails(examined(Problem(network=Shifted(function))), 2, 1, words)

    def test_and_then_the_bound_is_none(self):
        """c1 e^{ax+b1} + c2 e^{ax+b2} has three laws: b_i − c_i²/2, and, since these make each
        b_i a function of c_i, ∫ e^{−b1} dc1 − ∫ e^{−b2} dc2. Formal values miss the third."""
        closure = lie_closure(Problem(network=Shifted("exp")))
        assert not (closure.rigorous and closure.upper < 3)

    def test_on_sums_of_parameters(self):
        assert_fails(examined(Problem(network=OfParameters((1, 0), (0, 1), (1, 1)))), 3, 1)

    def test_when_there_are_too_many_arguments(self, monkeypatch):
        monkeypatch.setattr(module, "ARGUMENT_LIMIT", 3)
        result = examined(Problem.from_text("mlp:3-4-1,act=tanh"))
        assert not result.holds
        assert "4 arguments of exp are too many" in result.note

    def test_and_the_closure_says_so(self):
        closure = lie_closure(Problem.from_text("mlp:2-2-1,act=tanh", symmetry="rotation:3"))
        assert not closure.rigorous
        assert "linear relations" in closure.note
        plain = lie_closure(Problem.from_text("mlp:2-2-1,act=tanh"))
        assert plain.rigorous
        assert plain.note == ""
