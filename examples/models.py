"""Whole models in plain torch, as small or large as they are asked to be.

Try ``conserved analyze examples/models.py:llama --tokens 7 --input-shape 3 --loss cross-entropy
--blocks``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RMSNorm(nn.Module):
    """x over its root mean square, times a gain."""

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotated(x: Tensor) -> Tensor:
    """Rotary positions along the tokens of (batch, heads, tokens, size)."""
    size = x.shape[-1]
    angles = torch.arange(x.shape[-2])[:, None] / (10000 ** (torch.arange(0, size, 2) / size))
    cosine, sine = (torch.cat([f(angles)] * 2, -1) for f in (torch.cos, torch.sin))
    half = torch.cat([-x[..., size // 2 :], x[..., : size // 2]], -1)
    return x * cosine + half * sine


class Attention(nn.Module):
    """Causal, with groups of heads that share keys and values."""

    def __init__(self, dim: int, heads: int, groups: int) -> None:
        super().__init__()
        self.heads, self.groups, self.size = heads, groups, dim // heads
        self.q = nn.Linear(dim, dim, bias=False)
        self.k = nn.Linear(dim, groups * self.size, bias=False)
        self.v = nn.Linear(dim, groups * self.size, bias=False)
        self.o = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, dim = x.shape
        q = rotated(self.q(x).view(batch, tokens, self.heads, self.size).transpose(1, 2))
        k, v = (
            f(x).view(batch, tokens, self.groups, self.size).transpose(1, 2)
            for f in (self.k, self.v)
        )
        k, v = (
            y[:, :, None]
            .expand(batch, self.groups, self.heads // self.groups, tokens, self.size)
            .reshape(batch, self.heads, tokens, self.size)
            for y in (rotated(k), v)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(batch, tokens, dim))


class SwiGLU(nn.Module):
    """down(silu(gate(x)) · up(x))."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, hidden, bias=False)
        self.up = nn.Linear(dim, hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Layer(nn.Module):
    """Attention, then SwiGLU, each after a norm, on a residual stream."""

    def __init__(self, dim: int, heads: int, groups: int, hidden: int) -> None:
        super().__init__()
        self.before = RMSNorm(dim)
        self.attention = Attention(dim, heads, groups)
        self.after = RMSNorm(dim)
        self.mlp = SwiGLU(dim, hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.before(x))
        return x + self.mlp(self.after(x))


class Llama(nn.Module):
    """A language model: logits of every token."""

    def __init__(
        self,
        vocabulary: int = 7,
        dim: int = 8,
        heads: int = 2,
        groups: int = 1,
        hidden: int = 6,
        layers: int = 3,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim)
        self.layers = nn.ModuleList(Layer(dim, heads, groups, hidden) for _ in range(layers))
        self.norm = RMSNorm(dim)
        self.head = nn.Linear(dim, vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


class GPT2(nn.Module):
    """One layer with LayerNorm, biases and a fused projection of two heads, then logits."""

    def __init__(self, vocabulary: int = 5, dim: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim)
        self.before, self.after, self.last = (nn.LayerNorm(dim) for _ in range(3))
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.up, self.down = nn.Linear(dim, 6), nn.Linear(6, dim)
        self.head = nn.Linear(dim, vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        z = self.before(x)
        q, k, v = (f(z).unflatten(-1, (2, 2)).transpose(1, 2) for f in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).flatten(-2))
        x = x + self.down(F.gelu(self.up(self.after(x))))
        return self.head(self.last(x))


class ResNet(nn.Module):
    """Two convolutions with batch norm and a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 2, 2, bias=False)
        self.norm = nn.BatchNorm2d(2)
        self.conv = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(2)
        self.head = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)))
        x = F.relu(x + self.norm2(self.conv(x)))
        return self.head(x.mean((2, 3)))


def llama() -> nn.Module:
    """A language model of three layers."""
    return Llama()


def gpt2() -> nn.Module:
    """One layer with LayerNorm and biases."""
    return GPT2()


def resnet() -> nn.Module:
    """Two convolutions with batch norm in train mode."""
    return ResNet()
