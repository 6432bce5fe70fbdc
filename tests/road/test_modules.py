"""The blocks of current models: the float road finds the table, and so does the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch

import conserved as cq
from conserved.networks import parse_network
from tests.road.count import Floats, laws
from tests.road.forward import layers, loss_of
from tests.road.modules import BLOCKS, Block, normalised_between
from tests.road.written import Written, normed

# torch's own: it makes its rules for forward mode with torch.jit
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

each_block = pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)


def floats(block: Block) -> Floats:
    everything = torch.eye(block.model.inputs[-1], dtype=torch.float64)[None]
    classes = block.loss == "cross-entropy"
    return Floats(
        block.model, loss_of(block.loss), everything, one_hot=classes, tokens=block.one_hot
    )


@each_block
def test_the_float_road_finds_the_table(block: Block) -> None:
    assert block.model.size == block.size
    assert laws(floats(block), seed=0) == block.laws


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
@each_block
def test_wherever_it_is_evaluated(block: Block, seed: int) -> None:
    assert laws(floats(block), seed) == block.laws


def test_it_sees_what_breaks_a_law() -> None:
    """A small ε takes a law away, a bias or a bend all three: the count is no foregone thing."""
    base = BLOCKS[0]
    for model, expected in (
        (normalised_between(0.0), 4),
        (normalised_between(1e-2), 3),
        (layers([3, 2, 2], lambda z: z), 3),
        (layers([3, 2, 2], lambda z: z + 1e-2 * z**2), 0),
    ):
        assert laws(floats(replace(base, model=model)), seed=5) == expected


# ------------------------------------------------------------------ the engine


def silu(z: Any) -> Any:
    return z * z.function("sigmoid")


def attended(p: Mapping[str, Any], x: Any, norm: Callable[[Any], Any] = lambda z: z) -> Any:
    q, k, v = (x @ p[name].T + p.get(f"b{name}", 0) for name in "QKV")
    return (norm(q) @ norm(k).T).softmax() @ v @ p["O"].T + p.get("bO", 0)


def two_queries(p: Mapping[str, Any], x: Any) -> Any:
    q = (x @ p["Q"].T).reshape(3, 2, 2).transpose(1, 0, 2)
    mixed = (q @ (x @ p["K"].T).T).softmax() @ (x @ p["V"].T)
    return mixed.transpose(1, 0, 2).reshape(3, 4) @ p["O"].T


def centred(p: Mapping[str, Any], x: Any) -> Any:
    z = x @ p["W1"].T
    return normed(z - z.sum(-1) * Fraction(1, 4)) @ p["W2"].T


FAMILIES = {
    "relu 3-4-2, biases": "relu:3-4-2,bias",
    "swiglu 3-4-2": "swiglu:3-4-2",
    "attention, dim 4, head 2": "attention:dim=4,tokens=3,head=2",
    "attention, dim 4, head 2, causal": "attention:dim=4,tokens=3,head=2,causal",
}
FORMULAS: dict[str, Callable[[Mapping[str, Any], Any], Any]] = {
    "linear 3-2-2, biases": lambda p, x: (x @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"],
    "swiglu 3-4-2, biases": lambda p, x: (
        (silu(x @ p["W1"].T + p["b1"]) * (x @ p["W2"].T + p["b2"])) @ p["W3"].T + p["b3"]
    ),
    "bilinear glu 3-4-2": lambda p, x: ((x @ p["W1"].T) * (x @ p["W2"].T)) @ p["W3"].T,
    "attention, dim 3, head 2, biases": attended,
    "multi-query attention": two_queries,
    "attention with normalised queries": lambda p, x: attended(p, x, normed),
    "rms norm, linear": lambda p, x: (normed(x) * p["g"]) @ p["W"].T,
    "linear, rms norm, linear": lambda p, x: (normed(x @ p["W1"].T) * p["g"]) @ p["W2"].T,
    "linear, rms norm with eps, linear": lambda p, x: (
        (normed(x @ p["W1"].T, Fraction(3, 10)) * p["g"]) @ p["W2"].T
    ),
    "linear, layer norm, linear": centred,
}


@pytest.mark.parametrize("name", [*FAMILIES, *FORMULAS])
def test_the_engine_finds_the_table(name: str) -> None:
    (block,) = (block for block in BLOCKS if block.name == name)
    if name in FAMILIES:
        network = parse_network(FAMILIES[name])
    else:
        network = Written(block.name, block.model, FORMULAS[name])
    assert network.size == block.size
    closure = cq.lie_closure(cq.Problem(network=network))
    assert closure.closed
    assert closure.upper == block.laws
