"""Blocks of current models, small: networks whose laws are to be read on a few lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from conserved.networks import Network, Parameter
from conserved.networks.tracing import Var, concatenate

Shapes = dict[str, tuple[int, ...]]
Tensors = Mapping[str, Var]


class Block(Network):
    """A network given by its parameters and a formula."""

    family = "block"

    def __init__(
        self,
        shapes: Shapes,
        formula: Callable[[Tensors, Var], Var],
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        self.formula = formula
        named = [Parameter(name, shape) for name, shape in shapes.items()]
        self._declare("block", named, inputs, outputs)

    def forward(self, parameters: Tensors, x: Var) -> Var:
        return self.formula(parameters, x)


def linear(shapes: Shapes, formula: Callable[[Tensors, Var], Var]) -> Block:
    """Three inputs, and as many outputs as the last tensor has rows."""
    outputs = list(shapes.values())[-1][0]
    return Block(shapes, formula, (3,), (outputs,))


def residual(names: list[str], width: int = 3) -> Block:
    """x ← (s + A) x, layer after layer; s = 1."""

    def formula(p: Tensors, x: Var) -> Var:
        for name in names:
            x = x + x @ p[name].T
        return x

    return Block(dict.fromkeys(names, (width, width)), formula, (width,), (width,))


def scaled_residual() -> Block:
    def formula(p: Tensors, x: Var) -> Var:
        return (x.scale(Fraction(1, 2)) + x @ p["A"].T) @ p["B"].T

    return Block({"A": (3, 3), "B": (2, 3)}, formula, (3,), (2,))


def gain_of_one() -> Block:
    """(1 + g) ∘ x / ‖x‖, then linear."""

    def formula(p: Tensors, x: Var) -> Var:
        return (x * (x * x).mean(-1).rsqrt() * (p["g"] + 1)) @ p["B"].T

    return Block({"g": (3,), "B": (2, 3)}, formula, (3,), (2,))


def scalar(shape: tuple[int, ...]) -> Block:
    return linear({"t": shape, "A": (2, 3)}, lambda p, x: (x @ p["A"].T) * p["t"])


def stack(count: int, width: int = 2) -> Block:
    """ReLU layers as a module's list names them."""
    names = [f"layers.{k}.weight" for k in range(count)]

    def formula(p: Tensors, x: Var) -> Var:
        for name in names:
            x = (x @ p[name].T).relu()
        return x @ p["head.weight"].T

    shapes: Shapes = dict.fromkeys(names, (width, width)) | {"head.weight": (2, width)}
    return Block(shapes, formula, (width,), (2,))


def gates() -> Block:
    """Two biases in one place."""
    shapes: Shapes = {"W": (5, 2), "b": (5,), "c": (5,), "V": (1, 5)}

    def formula(p: Tensors, x: Var) -> Var:
        return (x @ p["W"].T + p["b"] + p["c"]).function("tanh") @ p["V"].T

    return Block(shapes, formula, (2,), (1,))


def turned(z: Var, heads: int, size: int, adjacent: bool) -> Var:
    """Rotary embedding of (heads, tokens, size): pairs turned by multiples of exact angles."""
    angles = [(Fraction(3, 5), Fraction(4, 5)), (Fraction(5, 13), Fraction(12, 13))][: size // 2]
    tokens, half = z.shape[1], size // 2
    cosines, sines = [], []
    for position in range(tokens):
        row = []
        for c, s in angles:
            turn = (Fraction(1), Fraction(0))
            for _ in range(position):
                turn = (turn[0] * c - turn[1] * s, turn[0] * s + turn[1] * c)
            row.append(turn)
        cosines.append([c for c, _ in row])
        sines.append([s for _, s in row])
    if adjacent:
        pairs = z.reshape(heads, tokens, half, 2)
        a, b = pairs[..., 0], pairs[..., 1]
    else:
        a, b = z[..., :half], z[..., half:]
    constant: Callable[[Any], Var] = z.recording.constant
    cos, sin = constant([cosines] * heads), constant([sines] * heads)
    return concatenate([a * cos - b * sin, a * sin + b * cos])


def attention(
    heads: int, groups: int, size: int, dim: int = 4, rotary: bool = False, adjacent: bool = False
) -> Block:
    """Softmax attention of 3 tokens; query heads share keys and values in groups."""
    tokens, each = 3, heads // groups

    def split(z: Var, count: int) -> Var:
        return z.reshape(tokens, count, size).transpose(1, 0, 2)

    def formula(p: Tensors, x: Var) -> Var:
        q, k = split(x @ p["Q"].T, heads), split(x @ p["K"].T, groups)
        v = split(x @ p["V"].T, groups)
        if rotary:
            q, k = turned(q, heads, size, adjacent), turned(k, groups, size, adjacent)
        q = q.reshape(groups, each, tokens, size)
        k = k.reshape(groups, 1, tokens, size).broadcast_to(groups, each, tokens, size)
        v = v.reshape(groups, 1, tokens, size).broadcast_to(groups, each, tokens, size)
        mixed = ((q @ k.T).softmax() @ v).reshape(heads, tokens, size)
        return mixed.transpose(1, 0, 2).reshape(tokens, heads * size) @ p["O"].T

    wide, narrow = heads * size, groups * size
    shapes: Shapes = {"Q": (wide, dim), "K": (narrow, dim), "V": (narrow, dim), "O": (dim, wide)}
    return Block(shapes, formula, (tokens, dim), (tokens, dim))
