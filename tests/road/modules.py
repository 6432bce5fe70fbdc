"""The blocks of current models in plain torch, small, with the number of laws that they have.

Measured by float64 brackets with gaps above 10⁹, and exact where the laws are known in closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.road.forward import Forward, Model, attention, layers, swiglu

Tensors = Mapping[str, Tensor]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Block:
    """A row of the table.

    Attributes:
        name: what it is.
        size: D.
        laws: how many there are.
        model: it, in torch.
        loss: mean squared error unless said.
        one_hot: whether inputs are tokens.
    """

    name: str
    size: int
    laws: int
    model: Model
    loss: str = "mse"
    one_hot: bool = False


def silu_gate(bias: bool, act: Callable[[Tensor], Tensor]) -> Model:
    """W3 (φ(W1 x + b1) ⊙ (W2 x + b2)) + b3, 3-4-2."""
    shapes: Shapes = {"W1": (4, 3), "W2": (4, 3), "W3": (2, 4)}
    shapes |= {"b1": (4,), "b2": (4,), "b3": (2,)} if bias else {}

    def forward(p: Tensors, x: Tensor) -> Tensor:
        def affine(i: int, z: Tensor) -> Tensor:
            return z @ p[f"W{i}"].T + (p[f"b{i}"] if bias else 0)

        return affine(3, act(affine(1, x)) * affine(2, x))

    return Model(shapes, (3,), (2,), forward)


def rms(z: Tensor, eps: float = 0.0) -> Tensor:
    return z / ((z * z).mean(-1, keepdim=True) + eps).sqrt()


def attend(q: Tensor, k: Tensor, v: Tensor, causal: bool = False) -> Tensor:
    scores = q @ k.transpose(-1, -2)
    if causal:
        later = torch.ones(scores.shape[-2:]).triu(1).bool()
        scores = scores.masked_fill(later, -1e30)
    return torch.softmax(scores, -1) @ v


def on_tokens(shapes: Shapes, dim: int, forward: Forward) -> Model:
    return Model(shapes, (3, dim), (3, dim), forward)


def biased_attention() -> Model:
    shapes: Shapes = dict.fromkeys("QKV", (2, 3)) | {"O": (3, 2)}
    shapes |= {"bQ": (2,), "bK": (2,), "bV": (2,), "bO": (3,)}

    def forward(p: Tensors, x: Tensor) -> Tensor:
        q, k, v = (x @ p[name].T + p[f"b{name}"] for name in "QKV")
        return attend(q, k, v) @ p["O"].T + p["bO"]

    return on_tokens(shapes, 3, forward)


def multi_query() -> Model:
    """Two query heads on one head of keys and values."""

    def forward(p: Tensors, x: Tensor) -> Tensor:
        k, v = x @ p["K"].T, x @ p["V"].T
        heads = zip(p["Q"].split(2), p["O"].split(2, dim=1), strict=True)
        return sum((attend(x @ q.T, k, v) @ o.T for q, o in heads), torch.zeros_like(x))

    return on_tokens({"Q": (4, 3), "K": (2, 3), "V": (2, 3), "O": (3, 4)}, 3, forward)


def rotary() -> Model:
    """Pairs of features turned by position · ω_i, ω = 1 and 1/100."""

    def turned(z: Tensor) -> Tensor:
        angle = torch.arange(3.0, dtype=z.dtype)[:, None] * torch.tensor([1.0, 0.01], dtype=z.dtype)
        a, b = z[..., :2], z[..., 2:]
        cos, sin = torch.cos(angle), torch.sin(angle)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

    def forward(p: Tensors, x: Tensor) -> Tensor:
        q, k = turned(x @ p["Q"].T), turned(x @ p["K"].T)
        return attend(q, k, x @ p["V"].T) @ p["O"].T

    return on_tokens(dict.fromkeys("QKV", (4, 3)) | {"O": (3, 4)}, 3, forward)


def normalised_queries() -> Model:
    def forward(p: Tensors, x: Tensor) -> Tensor:
        return attend(rms(x @ p["Q"].T), rms(x @ p["K"].T), x @ p["V"].T) @ p["O"].T

    return on_tokens(dict.fromkeys("QKV", (2, 3)) | {"O": (3, 2)}, 3, forward)


def gain_and_layer() -> Model:
    shapes: Shapes = {"g": (3,), "W": (2, 3)}
    return Model(shapes, (3,), (2,), lambda p, x: (rms(x) * p["g"]) @ p["W"].T)


def normalised_between(eps: float, n: int = 3, h: int = 3, m: int = 2) -> Model:
    """W2 (g ∘ rms(W1 x))."""

    def forward(p: Tensors, x: Tensor) -> Tensor:
        return (rms(x @ p["W1"].T, eps) * p["g"]) @ p["W2"].T

    return Model({"W1": (h, n), "g": (h,), "W2": (m, h)}, (n,), (m,), forward)


def layer_norm_between() -> Model:
    def forward(p: Tensors, x: Tensor) -> Tensor:
        z = x @ p["W1"].T
        return rms(z - z.mean(-1, keepdim=True)) @ p["W2"].T

    return Model({"W1": (4, 3), "W2": (2, 4)}, (3,), (2,), forward)


def convolutions(normed: bool) -> Model:
    """1 → 2 channels 2×2, (batch norm,) ReLU, 2 → 2, mean; a batch of 3 where it is normed."""
    shapes: Shapes = {"c1": (2, 1, 2, 2), "c2": (2, 2, 2, 2)}
    shapes |= {"g": (2,), "b": (2,)} if normed else {}
    batch = 3 if normed else 1

    def forward(p: Tensors, x: Tensor) -> Tensor:
        z = F.conv2d(x, p["c1"])
        if normed:
            z = z - z.mean((0, 2, 3), keepdim=True)
            z = z / (z * z).mean((0, 2, 3), keepdim=True).sqrt()
            z = z * p["g"][:, None, None] + p["b"][:, None, None]
        return F.conv2d(z.relu(), p["c2"]).mean((2, 3))

    return Model(shapes, (batch, 1, 4, 4), (batch, 2), forward)


def residual() -> Model:
    def forward(p: Tensors, x: Tensor) -> Tensor:
        return x + (x @ p["W1"].T).relu() @ p["W2"].T

    return Model({"W1": (4, 3), "W2": (3, 4)}, (3,), (3,), forward)


def adapter(with_norm: bool) -> Model:
    """LoRA of rank 2 on a frozen 4×3 matrix; DoRA scales its rows to trained lengths."""
    frozen = torch.sin(torch.arange(12, dtype=torch.float64) ** 2).reshape(4, 3)
    shapes: Shapes = {"A": (2, 3), "B": (4, 2)} | ({"m": (4,)} if with_norm else {})

    def forward(p: Tensors, x: Tensor) -> Tensor:
        weight = frozen + p["B"] @ p["A"]
        if with_norm:
            weight = p["m"][:, None] * weight / (weight * weight).sum(1, keepdim=True).sqrt()
        return x @ weight.T

    return Model(shapes, (3,), (4,), forward)


def experts(softmax: bool) -> Model:
    """Three experts SwiGLU 3-2-2, mixed by softmax or by normalised sigmoids of G x."""
    shapes: Shapes = {"G": (3, 3), "W1": (3, 2, 3), "W2": (3, 2, 3), "W3": (3, 2, 2)}

    def forward(p: Tensors, x: Tensor) -> Tensor:
        share = torch.softmax(p["G"] @ x, 0) if softmax else torch.sigmoid(p["G"] @ x)
        share = share / share.sum()
        hidden = F.silu(p["W1"] @ x) * (p["W2"] @ x)
        return share @ (p["W3"] @ hidden[..., None])[..., 0]

    return single(Model(shapes, (3,), (2,), forward))


def state_space() -> Model:
    """h ← a ∘ h + B x, y = c·h + d·x, three states, four steps."""

    def forward(p: Tensors, x: Tensor) -> Tensor:
        state, outputs = torch.zeros(3, dtype=x.dtype), []
        for step in x:
            state = p["a"] * state + p["B"] @ step
            outputs.append(p["c"] @ state + p["d"] @ step)
        return torch.stack(outputs)

    return single(Model({"a": (3,), "B": (3, 2), "c": (3,), "d": (2,)}, (4, 2), (4,), forward))


def tied() -> Model:
    """A token's embedding, a matrix, and the same embeddings as outputs."""
    shapes: Shapes = {"E": (5, 3), "M": (3, 3)}
    return Model(shapes, (5,), (5,), lambda p, x: x @ p["E"] @ p["M"].T @ p["E"].T)


def logits() -> Model:
    def forward(p: Tensors, x: Tensor) -> Tensor:
        return (x @ p["W1"].T).relu() @ p["W2"].T + p["b2"]

    return Model({"W1": (4, 3), "W2": (3, 4), "b2": (3,)}, (3,), (3,), forward)


def pre_norm_block() -> Model:
    """RMSNorm, causal attention of two heads of size 1, RMSNorm, SwiGLU 4-3-4, both residual."""
    shapes: Shapes = {"g1": (4,), "g2": (4,)} | dict.fromkeys("QKV", (2, 4)) | {"O": (4, 2)}
    shapes |= {"W1": (3, 4), "W2": (3, 4), "W3": (4, 3)}

    def forward(p: Tensors, x: Tensor) -> Tensor:
        z = rms(x) * p["g1"]
        for head in range(2):
            q, k, v = (z @ p[name][head : head + 1].T for name in "QKV")
            x = x + attend(q, k, v, causal=True) @ p["O"][:, head : head + 1].T
        z = rms(x) * p["g2"]
        return x + (F.silu(z @ p["W1"].T) * (z @ p["W2"].T)) @ p["W3"].T

    return on_tokens(shapes, 4, forward)


def recurrent() -> Model:
    """An LSTM cell of two states, two steps, and a linear head."""
    shapes: Shapes = {"Wi": (8, 2), "Wh": (8, 2), "bi": (8,), "bh": (8,), "c": (1, 2)}

    def forward(p: Tensors, x: Tensor) -> Tensor:
        hidden = cell = torch.zeros(2, dtype=x.dtype)
        for step in x:
            gates = p["Wi"] @ step + p["bi"] + p["Wh"] @ hidden + p["bh"]
            i, f, g, o = gates.split(2)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(cell)
        return p["c"] @ hidden

    return single(Model(shapes, (2, 2), (1,), forward))


def single(model: Model) -> Model:
    """A formula that was written for one input, mapped over those that stand in a row."""

    def forward(p: Tensors, x: Tensor) -> Tensor:
        if x.ndim == len(model.inputs):
            return model.forward(p, x)
        return torch.stack([model.forward(p, one) for one in x])

    return Model(model.shapes, model.inputs, model.outputs, forward)


BLOCKS = (
    Block("linear 3-2-2, biases", 14, 3, layers([3, 2, 2], lambda z: z, bias=True)),
    Block("relu 3-4-2, biases", 26, 4, layers([3, 4, 2], torch.relu, bias=True)),
    Block("swiglu 3-4-2", 32, 4, swiglu(3, 4, 2)),
    Block("swiglu 3-4-2, biases", 42, 4, silu_gate(True, F.silu)),
    Block("bilinear glu 3-4-2", 32, 8, silu_gate(False, lambda z: z)),
    Block("attention, dim 4, head 2", 32, 6, attention(4, 3, 2, 1, False)),
    Block("attention, dim 4, head 2, causal", 32, 6, attention(4, 3, 2, 1, True)),
    Block("attention, dim 3, head 2, biases", 33, 8, biased_attention()),
    Block("multi-query attention", 36, 6, multi_query()),
    Block("rotary attention", 48, 12, rotary()),
    Block("attention with normalised queries", 24, 5, normalised_queries()),
    Block("rms norm, linear", 9, 3, gain_and_layer()),
    Block("linear, rms norm, linear", 18, 4, normalised_between(0.0)),
    Block("linear, rms norm with eps, linear", 18, 3, normalised_between(0.3)),
    Block("linear, layer norm, linear", 20, 6, layer_norm_between()),
    Block("convolutions", 24, 2, convolutions(False)),
    Block("convolutions, batch norm", 28, 4, convolutions(True)),
    Block("residual relu 3-4-3", 24, 4, residual()),
    Block("lora", 14, 3, adapter(False)),
    Block("dora", 18, 3, adapter(True)),
    Block("experts, softmax gate", 57, 9, experts(True)),
    Block("experts, sigmoid gate", 57, 6, experts(False)),
    Block("state space", 14, 3, state_space()),
    Block("tied embeddings", 24, 6, tied(), one_hot=True),
    Block("relu 3-4-3, cross-entropy", 27, 9, logits(), "cross-entropy"),
    Block("pre-norm transformer block", 76, 15, pre_norm_block()),
    Block("lstm", 50, 8, recurrent()),
)
