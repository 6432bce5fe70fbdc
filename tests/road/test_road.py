"""Counts by a road that shares nothing with the engine: torch in float64, on random problems."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch

import conserved as cq
from tests.road.count import Floats, laws
from tests.road.draw import drawn
from tests.road.forward import Model, group_of, layers, loss_of

# torch's own: it makes its rules for forward mode with torch.jit
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


CHUNK = 20  # problems of one test
UNDECIDED = 1  # of a chunk, at most


def compare(first: int) -> None:
    """The float count is the engine's, for all problems of a chunk but few whose gap is small."""
    undecided, wrong = [], []
    for seed in range(first, first + CHUNK):
        one = drawn(seed)
        found = laws(one.floats(), seed)
        if found is None:
            undecided.append(one.id)
            continue
        closure = cq.lie_closure(one.problem(), seed=seed)
        if not closure.closed or closure.upper != found:
            wrong.append(f"seed {seed}, {one.id}: {found} in floats, {closure.upper} in the engine")
    assert not wrong
    assert len(undecided) <= UNDECIDED, undecided


@pytest.mark.parametrize("first", range(0, 20, CHUNK))
def test_counts_agree(first: int) -> None:
    compare(first)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(20, 300, CHUNK))
def test_counts_agree_on_more(first: int) -> None:
    compare(first)


def test_what_is_drawn() -> None:
    """Every family, most losses, and a quarter of the problems under a symmetry."""
    problems = [drawn(seed) for seed in range(300)]
    families = {one.network.partition(":")[0] for one in problems}
    assert families == {"linear", "poly", "mlp", "swiglu", "attention", "lightning", "norm"}
    assert {"mse", "poly:3", "poly:4", "logistic", "exponential", "cross-entropy"} == {
        one.loss for one in problems
    }
    symmetric = [one for one in problems if one.symmetry != "none"]
    assert 50 < len(symmetric) < 100
    assert any(one.labels == "equivariant" for one in symmetric)
    for one in problems:
        assert one.problem().network.size == one.model.size
    assert any(1 in one.model.inputs + one.model.outputs for one in problems)


def test_another_formula_is_another_count() -> None:
    """The count is that of the formula in torch: a planted one is told from what it replaces."""
    everything = group_of("none", 2)

    def count(model: Model, loss: str = "mse") -> int | None:
        return laws(Floats(model, loss_of(loss), everything), seed=1)

    assert count(layers([2, 2, 1], lambda z: z)) == 3
    assert count(layers([2, 2, 1], lambda z: z**2)) == 2
    assert count(layers([2, 2, 1], torch.tanh)) == 0
    assert count(layers([2, 2, 1], lambda z: z + 1e-3 * z**2)) == 0


def test_a_group_is_all_its_elements() -> None:
    """Orders, and orthogonal matrices in all digits of float64."""
    orders = {"negation": 2, "signflip": 4, "permutation": 2, "shift": 2, "dihedral:4": 8}
    for name, order in {**orders, "rotation:5": 5, "none": 1}.items():
        group = group_of(name, 2)
        assert group.shape == (order, 2, 2)
        assert float((group @ group.mT - torch.eye(2)).abs().max()) < 1e-15
        assert len({tuple(g.flatten().round(decimals=9).tolist()) for g in group}) == order
