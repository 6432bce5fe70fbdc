"""Networks, losses and groups in plain torch, written from their formulas and not from the engine.

A model takes tensors by name and inputs (…, *input shape), and broadcasts over what stands before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise, permutations, product
from math import cos, pi, prod, sin

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch
from torch import Tensor
from torch.nn import functional as F

Forward = Callable[[Mapping[str, Tensor], Tensor], Tensor]


@dataclass(frozen=True)
class Model:
    """A map (θ, x) ↦ f(θ, x): shapes of its tensors in the order of θ, and its formula."""

    shapes: Mapping[str, tuple[int, ...]]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    forward: Forward

    @property
    def size(self) -> int:
        return sum(prod(shape) for shape in self.shapes.values())

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        sizes = [prod(shape) for shape in self.shapes.values()]
        parts = zip(self.shapes.items(), torch.split(theta, sizes), strict=True)
        return self.forward({name: part.reshape(shape) for (name, shape), part in parts}, x)


def softplus(z: Tensor) -> Tensor:
    """log(1 + e^z); torch replaces it by z above 20, where it still differs in the ninth digit."""
    return F.softplus(z, threshold=200.0)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": softplus,
    "exp": torch.exp,
    "erf": torch.erf,
    "sin": torch.sin,
    "silu": lambda z: z * torch.sigmoid(z),
    "gelu": lambda z: z * 0.5 * (1 + torch.erf(z / 2**0.5)),
    "gelu-tanh": lambda z: z * 0.5 * (1 + torch.tanh((2 / pi) ** 0.5 * (z + 0.044715 * z**3))),
}


def layers(widths: list[int], act: Callable[[Tensor], Tensor], bias: bool = False) -> Model:
    """x ↦ W_L φ(… φ(W_1 x + b_1) …) + b_L."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (below, above) in enumerate(pairwise(widths), start=1):
        shapes[f"W{i}"] = (above, below)
        if bias:
            shapes[f"b{i}"] = (above,)
    depth = len(widths) - 1

    def forward(p: Mapping[str, Tensor], x: Tensor) -> Tensor:
        for i in range(1, depth + 1):
            x = x @ p[f"W{i}"].T
            x = x + p[f"b{i}"] if bias else x
            x = act(x) if i < depth else x
        return x

    return Model(shapes, (widths[0],), (widths[-1],), forward)


def swiglu(n: int, h: int, m: int) -> Model:
    """x ↦ A (SiLU(B x) ⊙ C x)."""

    def forward(p: Mapping[str, Tensor], x: Tensor) -> Tensor:
        gate = x @ p["B"].T
        return (gate * torch.sigmoid(gate) * (x @ p["C"].T)) @ p["A"].T

    return Model({"A": (m, h), "B": (h, n), "C": (h, n)}, (n,), (m,), forward)


def attention(dim: int, tokens: int, head: int, heads: int, causal: bool) -> Model:
    """X ↦ Σ_h softmax(X Q_hᵀ K_h Xᵀ) X V_hᵀ O_h, scores not divided by √head."""

    def forward(p: Mapping[str, Tensor], x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for h in range(heads):
            q, k, v, o = (p[name][h * head : (h + 1) * head] for name in "QKVO")
            scores = (x @ q.T) @ (x @ k.T).transpose(-1, -2)
            if causal:
                later = torch.ones(tokens, tokens).triu(1).bool()
                scores = torch.where(later, torch.full_like(scores, -1e30), scores)
            total = total + torch.softmax(scores, -1) @ (x @ v.T) @ o
        return total

    shapes = dict.fromkeys("QKVO", (heads * head, dim))
    return Model(shapes, (tokens, dim), (tokens, dim), forward)


def lightning(dim: int, tokens: int, head: int, out: int) -> Model:
    """X ↦ X Q Kᵀ Xᵀ X V."""

    def forward(p: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return (x @ p["Q"]) @ (x @ p["K"]).transpose(-1, -2) @ (x @ p["V"])

    shapes = {"Q": (dim, head), "K": (dim, head), "V": (dim, out)}
    return Model(shapes, (tokens, dim), (tokens, out), forward)


def cross_entropy(f: Tensor, y: Tensor) -> Tensor:
    """−Σ_c y_c log softmax(f)_c = log(1 + Σ_{c ≠ label} exp(f_c − f_label)) for one-hot y.

    The second form keeps all digits of a gradient that is nearly zero.
    """
    margin = f - (y * f).sum(-1, keepdim=True)
    return softplus(torch.logsumexp(margin.masked_fill(y > 0, -1e30), -1)).sum()


def loss_of(text: str) -> Callable[[Tensor, Tensor], Tensor]:
    """(f, y) ↦ ℓ(f, y), summed over all outputs and inputs."""
    if text.startswith("poly:"):
        degree = int(text.removeprefix("poly:"))
        return lambda f, y: ((f - y) ** degree).sum() / degree
    return {
        "mse": lambda f, y: ((f - y) ** 2).sum() / 2,
        "logistic": lambda f, y: softplus(-y * f).sum(),
        "exponential": lambda f, y: torch.exp(-y * f).sum(),
        "cross-entropy": cross_entropy,
    }[text]


def group_of(text: str, n: int) -> Tensor:
    """All elements of a finite group as matrices (order, n, n)."""
    name, _, number = text.partition(":")
    same = range(n)
    if name in ("none", "negation"):
        signs = [1] if name == "none" else [1, -1]
        rows = [[[sign * (i == j) for j in same] for i in same] for sign in signs]
    elif name == "signflip":
        rows = [[[s[i] * (i == j) for j in same] for i in same] for s in product((1, -1), repeat=n)]
    elif name == "permutation":
        rows = [[[o[i] == j for j in same] for i in same] for o in permutations(same)]
    elif name == "shift":
        rows = [[[(i + s) % n == j for j in same] for i in same] for s in same]
    else:
        angles = [2 * pi * i / int(number) for i in range(int(number))]
        mirrors = (1, -1) if name == "dihedral" else (1,)
        rows = [[[cos(a), -m * sin(a)], [sin(a), m * cos(a)]] for a in angles for m in mirrors]
    return torch.tensor(rows, dtype=torch.float64)
