"""Mirrors of higher power: counts by two roads, and the laws that they keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is the other road")

from torch import Tensor
from torch.func import grad

import conserved as cq
from conserved.certificate import check_file
from conserved.dynamics import Mirror
from conserved.errors import InputError
from conserved.law import Polynomial, RationalLaw
from conserved.problem import Problem
from conserved.verification import verify
from tests.dynamics.road import Equations
from tests.road.count import Sized

# torch's own: it makes its rules for forward mode with torch.jit
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


@dataclass(frozen=True)
class Powered(Equations):
    """θ' = −θ^k ∇L on tensors whose names are told."""

    power: int = 1

    def field(self, x: Tensor, y: Tensor) -> Sized:
        v, gates = y[: self.outputs], (y[self.outputs : -1] > 0).double()
        pull = grad(lambda theta: (v * self.output(theta, x, gates)).sum())
        on = self.mirrored()

        def value(theta: Tensor) -> Tensor:
            return pull(theta) * (on * theta**self.power + (1 - on))

        return lambda theta: (value(theta), value(theta).norm())


CASES = [
    ("linear:2-2-1", "", 2, 2, 2),
    ("linear:2-2-1", "", 3, 2, 2),
    ("linear:2-2-1", "W2", 3, 2, 2),
    # squares and logarithms together
    pytest.param("linear:2-2-1", "W2", 2, 2, 0, marks=pytest.mark.slow),
    ("relu:2-3-1", "", 3, 3, 3),
    ("linear:1-2-1", "", 3, 3, 2),  # all data pull along one field
]


@pytest.mark.parametrize("network, tensors, power, count, written", CASES)
def test_counts_by_two_roads(
    network: str, tensors: str, power: int, count: int, written: int
) -> None:
    names = f"{tensors}," if tensors else ""
    found = cq.analyze(Problem.from_text(network, flow=f"mirror:{names}power={power}"))
    assert found.count.certified
    assert (found.count.upper, found.count.written) == (count, written)
    flow = f"mirror:{tensors}" if tensors else "mirror"
    assert Powered(network, flow, power).laws(seed=2) == count


def test_a_wrong_power_is_refused(tmp_path: object) -> None:
    """1/W1 + 1/W2 …: right for k = 3 with a minus, wrong with a plus and for k = 4."""
    laws = {}
    three, four = (Problem.from_text("linear:1-1-1", flow=f"mirror:power={k}") for k in (3, 4))
    for sign in (-1, 1):
        above = Polynomial.of({(1,): 1, (0,): sign})
        pair = (above, Polynomial.of({(0, 1): 1}))
        laws[sign] = RationalLaw(layout=three.state, components=(pair,))
    assert verify(three, list(laws.values())).holds == (True, False)
    assert verify(four, list(laws.values())).holds == (False, False)
    path = f"{tmp_path}/powers.json"
    cq.analyze(three).certificate.save(path)
    assert check_file(path).status == "CERTIFIED"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace('"power": 3', '"power": 4'))
    with pytest.raises(InputError, match="another flow"):
        check_file(path)


def test_powers_are_small_whole_numbers() -> None:
    for power in (0, 9, -1):
        with pytest.raises(InputError, match="a power from 1 to 8"):
            Problem(cq.networks.Linear(1, 1, 1), flow=Mirror(power=power))


def test_one_run_keeps_them() -> None:
    problem = Problem.from_text("linear:2-2-1", flow="mirror:power=3")
    laws = cq.analyze(problem).laws
    start = np.array([1.0, 0.5, 0.75, 1.25, 1.0, 0.5])
    found = cq.simulate(problem, laws, start=start)
    assert [v.outcome for v in found.verdicts] == ["conserved"] * len(laws)
