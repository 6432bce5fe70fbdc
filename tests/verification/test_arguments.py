"""What verification and laws are given, checked where a user meets it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.networks.tracing import Var

PROBLEM = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
LAWS = cq.analyze(PROBLEM).laws


@pytest.mark.parametrize(
    "arguments, named",
    [
        ((PROBLEM, LAWS, {"points": 0}), "points"),
        ((PROBLEM, LAWS[0], {}), "laws"),
        (("linear:4-2-1", LAWS, {}), "problem"),
        ((PROBLEM, LAWS, {"seed": -1}), "seed"),
        ((PROBLEM, LAWS, {"prime": 15}), "prime"),
        ((cq.Problem.from_text("linear:3-1"), LAWS, {}), "law"),
    ],
)
def test_verify_refuses(arguments: tuple[Any, Any, dict[str, Any]], named: str) -> None:
    problem, laws, options = arguments
    with pytest.raises(InputError) as error:
        cq.verify(problem, laws, **options)
    assert error.value.argument == named


def test_values_where_a_law_has_none() -> None:
    """A range is not defined where its vectors are dependent."""
    span = LAWS[1]
    points = np.stack([np.zeros(10), np.random.default_rng(0).standard_normal(10)])
    values = span.value(points)
    assert np.isnan(values[0]).all()
    assert np.isfinite(values[1]).all()
    np.testing.assert_array_equal(values[1], span.value(points[1]))


@pytest.mark.parametrize("shape", [(9,), (2, 9), (1, 1, 10), ()])
def test_values_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="theta"):
        LAWS[0].value(np.zeros(shape))
    with pytest.raises(InputError, match="theta"):
        LAWS[0].gradient(np.zeros((2, *shape)))


class Scaled(cq.networks.Network):
    """f(x) = W x, put through a formula of the test's."""

    family = "scaled"

    def __init__(self, formula: Any, outputs: int = 1) -> None:
        self.formula = formula
        self._declare("scaled:x", [cq.networks.Parameter("W", (1, 2))], (2,), (outputs,))

    def forward(self, parameters: Any, x: Var) -> Var:
        return self.formula(x @ parameters["W"].T)


def test_exact_numbers_in_a_network() -> None:
    formula = lambda z: 2 * z * Fraction(1, 3) - 1 + (1 - z) * z  # noqa: E731
    cq.testing.check_network(Scaled(formula))
    with pytest.raises(InputError, match="integers, fractions"):
        cq.analyze(cq.Problem(network=Scaled(lambda z: z * 0.5)))


def test_outputs_of_another_shape() -> None:
    with pytest.raises(InputError, match=r"outputs have shape \(1,\), declared are \(3,\)"):
        cq.analyze(cq.Problem(network=Scaled(lambda z: z, outputs=3)))
