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


class Encoder(nn.Module):
    """Attention and a GELU MLP, norms behind what they add to (BERT) or in front of it (ViT)."""

    def __init__(self, dim: int, heads: int, hidden: int, *, before: bool) -> None:
        super().__init__()
        self.heads, self.before = heads, before
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.up, self.down = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def attend(self, x: Tensor) -> Tensor:
        shape = (self.heads, x.shape[-1] // self.heads)
        q, k, v = (f(x).unflatten(-1, shape).transpose(1, 2) for f in (self.q, self.k, self.v))
        return self.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2))

    def forward(self, x: Tensor) -> Tensor:
        if self.before:
            x = x + self.attend(self.norm1(x))
            return x + self.down(F.gelu(self.up(self.norm2(x))))
        x = self.norm1(x + self.attend(x))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class BERT(nn.Module):
    """Embeddings of tokens, places and segments, encoders, a pooler and classes."""

    def __init__(
        self,
        vocabulary: int = 7,
        dim: int = 4,
        heads: int = 2,
        hidden: int = 6,
        layers: int = 2,
        longest: int = 8,
        classes: int = 2,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, dim)
        self.places = nn.Embedding(longest, dim)
        self.segments = nn.Embedding(2, dim)
        self.norm = nn.LayerNorm(dim)
        self.layers = nn.ModuleList(
            Encoder(dim, heads, hidden, before=False) for _ in range(layers)
        )
        self.pooler = nn.Linear(dim, dim)
        self.head = nn.Linear(dim, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        at = torch.arange(tokens.shape[1])
        x = self.words(tokens) + self.places(at) + self.segments(torch.zeros_like(at))
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(torch.tanh(self.pooler(x[:, 0])))


class ViT(nn.Module):
    """Patches and a class token through encoders, classes read off the token."""

    def __init__(
        self,
        size: int = 4,
        patch: int = 2,
        channels: int = 1,
        dim: int = 4,
        heads: int = 2,
        hidden: int = 6,
        layers: int = 2,
        classes: int = 3,
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, dim, patch, stride=patch)
        self.token = nn.Parameter(torch.zeros(1, 1, dim))
        self.places = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, dim))
        self.layers = nn.ModuleList(Encoder(dim, heads, hidden, before=True) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x[:, 0]))


class Selective(nn.Module):
    """A selective state space: its steps and what enters and leaves it depend on the input."""

    def __init__(self, dim: int, states: int, rank: int, window: int) -> None:
        super().__init__()
        self.rank, self.states = rank, states
        self.enter = nn.Linear(dim, 2 * dim, bias=False)
        self.conv = nn.Conv1d(dim, dim, window, groups=dim, padding=window - 1)
        self.select = nn.Linear(dim, rank + 2 * states, bias=False)
        self.step = nn.Linear(rank, dim)
        self.log_decay = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(dim, 1))
        self.skip = nn.Parameter(torch.ones(dim))
        self.leave = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x, gate = self.enter(x).chunk(2, -1)
        x = F.silu(self.conv(x.mT)[..., : x.shape[1]].mT)
        step, b, c = self.select(x).split([self.rank, self.states, self.states], -1)
        step = F.softplus(self.step(step))
        decay = torch.exp(-step[..., None] * self.log_decay.exp())
        enters = (step * x)[..., None] * b[:, :, None]
        state, out = torch.zeros_like(enters[:, 0]), []
        for t in range(x.shape[1]):
            state = decay[:, t] * state + enters[:, t]
            out.append((state * c[:, t, None]).sum(-1))
        return self.leave((torch.stack(out, 1) + self.skip * x) * F.silu(gate))


class Mamba(nn.Module):
    """A language model of selective state spaces on a residual stream."""

    def __init__(
        self,
        vocabulary: int = 7,
        dim: int = 4,
        states: int = 2,
        rank: int = 1,
        window: int = 2,
        layers: int = 2,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim)
        self.norms = nn.ModuleList(RMSNorm(dim) for _ in range(layers))
        self.layers = nn.ModuleList(Selective(dim, states, rank, window) for _ in range(layers))
        self.norm = RMSNorm(dim)
        self.head = nn.Linear(dim, vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = x + layer(norm(x))
        return self.head(self.norm(x))


class Residual(nn.Module):
    """Two convolutions with batch norm and a skip, which is a convolution where shapes change."""

    def __init__(self, below: int, above: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(below, above, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(above, above, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(above), nn.BatchNorm2d(above)
        self.down = nn.Sequential()
        if stride > 1 or below != above:
            self.down = nn.Sequential(
                nn.Conv2d(below, above, 1, stride, bias=False), nn.BatchNorm2d(above)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.down(x))


class ResNet(nn.Module):
    """ResNet-18, 11.7 million parameters at its own widths."""

    def __init__(
        self,
        widths: tuple[int, ...] = (64, 128, 256, 512),
        blocks: int = 2,
        classes: int = 1000,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, widths[0], 7, 2, 3, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.pool = nn.MaxPool2d(3, 2, 1)
        layers: list[nn.Module] = []
        below = widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(Residual(below, width, 2 if stage and not block else 1))
                below = width
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(below, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(self.pool(F.relu(self.norm(self.conv(x)))))
        return self.head(x.mean((2, 3)))


def llama() -> nn.Module:
    """A language model of three layers."""
    return Llama()


def gpt2() -> nn.Module:
    """One layer with LayerNorm and biases."""
    return GPT2()


def bert() -> nn.Module:
    """Two encoders with norms behind, and a pooler."""
    return BERT()


def vit() -> nn.Module:
    """Two encoders on patches and a class token."""
    return ViT()


def mamba() -> nn.Module:
    """Two selective state spaces."""
    return Mamba()


def resnet() -> nn.Module:
    """Two narrow stages of a ResNet, batch norm in train mode."""
    return ResNet((4, 6), 1, 3, 1)


def resnet18() -> nn.Module:
    """ResNet-18 as it is, batch norm in train mode."""
    return ResNet()
