"""Further blocks: variants of attention, convolutions, sets, mixtures, states, and heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from examples.layers import (
    Adapter,
    Attention,
    Experts,
    Gated,
    Mean,
    PreNorm,
    Recurrent,
    Residual,
    TiedLanguageModel,
    linear,
)


class LatentAttention(nn.Module):
    """Keys and values from a shared projection of low rank (MLA)."""

    def __init__(self, dim: int, latent: int, head: int) -> None:
        super().__init__()
        self.q = nn.Linear(dim, head, bias=False)
        self.down = nn.Linear(dim, latent, bias=False)
        self.k = nn.Linear(latent, head, bias=False)
        self.v = nn.Linear(latent, head, bias=False)
        self.o = nn.Linear(head, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        latent = self.down(x)
        return self.o(F.scaled_dot_product_attention(self.q(x), self.k(latent), self.v(latent)))


class NormedAttention(nn.Module):
    """QK-norm with gains of their own."""

    def __init__(self, dim: int, head: int) -> None:
        super().__init__()
        self.q = nn.Linear(dim, head, bias=False)
        self.k = nn.Linear(dim, head, bias=False)
        self.v = nn.Linear(dim, head, bias=False)
        self.o = nn.Linear(head, dim, bias=False)
        self.norm_q = nn.RMSNorm(head, eps=0.0)
        self.norm_k = nn.RMSNorm(head, eps=0.0)

    def forward(self, x: Tensor) -> Tensor:
        q, k = self.norm_q(self.q(x)), self.norm_k(self.k(x))
        return self.o(F.scaled_dot_product_attention(q, k, self.v(x)))


class LinearAttention(nn.Module):
    """Causal attention without softmax: a sum of outer products."""

    def __init__(self, dim: int, head: int) -> None:
        super().__init__()
        self.q = nn.Linear(dim, head, bias=False)
        self.k = nn.Linear(dim, head, bias=False)
        self.v = nn.Linear(dim, head, bias=False)
        self.o = nn.Linear(head, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        scores = (self.q(x) @ self.k(x).mT).tril()
        return self.o(scores @ self.v(x))


class CrossAttention(nn.Module):
    """Queries from one half of the tokens, keys and values from the other."""

    def __init__(self, dim: int, head: int) -> None:
        super().__init__()
        self.q = nn.Linear(dim, head, bias=False)
        self.k = nn.Linear(dim, head, bias=False)
        self.v = nn.Linear(dim, head, bias=False)
        self.o = nn.Linear(head, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, 1)
        return self.o(F.scaled_dot_product_attention(self.q(a), self.k(b), self.v(b)))


class SqueezeExcite(nn.Module):
    """Channels scaled by a gate that sees their means."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.excite = nn.Linear(hidden, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.excite(F.relu(self.squeeze(x.mean((2, 3))))).sigmoid()
        return x * gate[:, :, None, None]


class LayerScale(nn.Module):
    """x + γ ∘ g(x)."""

    def __init__(self, dim: int, branch: nn.Module) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma * self.branch(x)


class DeepSets(nn.Module):
    """ρ of the sum of φ over a set."""

    def __init__(self, inner: nn.Module, outer: nn.Module) -> None:
        super().__init__()
        self.inner, self.outer = inner, outer

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.inner(x).sum(1))


class Kan(nn.Module):
    """A function of one variable on every edge: SiLU and three Chebyshev polynomials."""

    def __init__(self, dim: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(out, dim, 4))

    def forward(self, x: Tensor) -> Tensor:
        basis = torch.stack([F.silu(x), x, 2 * x**2 - 1, 4 * x**3 - 3 * x], -1)
        return torch.einsum("bif,oif->bo", basis, self.weight)


class SelectiveStateSpace(nn.Module):
    """Mamba's recurrence: step sizes and both projections depend on the input."""

    def __init__(self, dim: int, states: int) -> None:
        super().__init__()
        self.log_a = nn.Parameter(torch.zeros(dim, states))
        self.step = nn.Linear(dim, dim)
        self.b = nn.Linear(dim, states, bias=False)
        self.c = nn.Linear(dim, states, bias=False)
        self.d = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        step = F.softplus(self.step(x))[..., None]
        decay = torch.exp(-step * self.log_a.exp())
        write = step * x[..., None] * self.b(x)[:, :, None]
        state, outputs = torch.zeros_like(write[:, 0]), []
        for t in range(x.shape[1]):
            state = decay[:, t] * state + write[:, t]
            outputs.append((state * self.c(x[:, t])[:, None]).sum(-1))
        return torch.stack(outputs, 1) + self.d * x


class Mixer(nn.Module):
    """An MLP across tokens, then one across channels, both residual."""

    def __init__(self, tokens: int, dim: int, hidden: int) -> None:
        super().__init__()
        self.tokens = linear(tokens, hidden, tokens, act=nn.GELU)
        self.channels = linear(dim, hidden, dim, act=nn.GELU)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(x.mT).mT
        return x + self.channels(x)


class BottleneckAdapter(nn.Module):
    """A frozen layer with a small trained one behind it."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.frozen = nn.Linear(dim, dim).requires_grad_(False)
        self.adapter = Residual(linear(dim, hidden, dim, act=nn.GELU))

    def forward(self, x: Tensor) -> Tensor:
        return self.adapter(self.frozen(x))


class CosineHead(nn.Module):
    """Logits are cosines between features and the vectors of classes."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.classes = nn.Parameter(torch.ones(classes, dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1) @ F.normalize(self.classes, dim=-1).mT


class HyperNetwork(nn.Module):
    """The weights of a linear layer are made from a part of the input."""

    def __init__(self, dim: int, code: int, out: int) -> None:
        super().__init__()
        self.dim, self.out = dim, out
        self.make = nn.Linear(code, 2, bias=False)
        self.basis = nn.Linear(2, dim * out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x, code = x[:, : self.dim], x[:, self.dim :]
        weight = self.basis(self.make(code)).unflatten(-1, (self.out, self.dim))
        return (weight @ x[..., None])[..., 0]


class Film(nn.Module):
    """Features scaled and shifted by functions of a condition."""

    def __init__(self, dim: int, condition: int, hidden: int, out: int) -> None:
        super().__init__()
        self.dim = dim
        self.first = nn.Linear(dim, hidden, bias=False)
        self.scale = nn.Linear(condition, hidden, bias=False)
        self.shift = nn.Linear(condition, hidden, bias=False)
        self.last = nn.Linear(hidden, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x, given = x[:, : self.dim], x[:, self.dim :]
        return self.last(F.relu(self.scale(given) * self.first(x) + self.shift(given)))


class Highway(nn.Module):
    """A gate between the input and a layer."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, dim)
        self.layer = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(x).sigmoid()
        return gate * F.relu(self.layer(x)) + (1 - gate) * x


class Repeated(nn.Module):
    """One residual branch, used twice."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.branch(x)
        return x + self.branch(x)


class Positional(nn.Module):
    """Token and position embeddings, attention without norms, an untied head."""

    def __init__(self, tokens: int, length: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, dim)
        self.position = nn.Parameter(torch.zeros(length, dim))
        self.block = Residual(Attention(dim, 1, causal=True))
        self.head = nn.Linear(dim, tokens, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.block(self.embedding(tokens) + self.position))


def geglu() -> nn.Module:
    return Gated(3, 4, 2, F.gelu)


def reglu() -> nn.Module:
    return Gated(3, 4, 2, F.relu)


def grouped_query() -> nn.Module:
    return Attention(3, 1, heads=4, groups=2)


def latent_attention() -> nn.Module:
    return LatentAttention(3, 2, 2)


def alibi() -> nn.Module:
    distance = torch.arange(3.0)[None, :] - torch.arange(3.0)[:, None]
    return Attention(3, 2, mask=(0.5 * distance).masked_fill(distance > 0, float("-inf")))


def qk_norm_gains() -> nn.Module:
    return NormedAttention(3, 2)


def linear_attention() -> nn.Module:
    return LinearAttention(3, 2)


def cross_attention() -> nn.Module:
    return CrossAttention(3, 2)


def group_norm() -> nn.Module:
    norm = nn.GroupNorm(2, 6, eps=0.0)
    return nn.Sequential(nn.Linear(2, 6, bias=False), norm, nn.Linear(6, 1, bias=False))


def depthwise_convolution() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 2, 2, groups=2, bias=False),
        nn.ReLU(),
        nn.Conv2d(2, 2, 1, bias=False),
        Mean(),
    )


def squeeze_excite() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 2, bias=False),
        SqueezeExcite(2, 2),
        nn.Conv2d(2, 2, 1, bias=False),
        Mean(),
    )


def max_pool() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 2, bias=False),
        nn.MaxPool2d(2, 1),
        nn.Flatten(),
        nn.Linear(8, 1, bias=False),
    )


def layer_scale() -> nn.Module:
    return LayerScale(3, linear(3, 4, 3, act=nn.ReLU))


def deep_sets() -> nn.Module:
    return DeepSets(linear(2, 3, 3, act=nn.ReLU), linear(3, 3, 1, act=nn.ReLU))


def kan() -> nn.Module:
    return nn.Sequential(Kan(2, 2), Kan(2, 1))


def selective_state_space() -> nn.Module:
    return SelectiveStateSpace(2, 2)


def mixer() -> nn.Module:
    return Mixer(3, 2, 2)


def bottleneck_adapter() -> nn.Module:
    return BottleneckAdapter(3, 2)


def experts_top_1() -> nn.Module:
    return Experts(3, 3, best=1)


def experts_top_2() -> nn.Module:
    return Experts(3, 3, best=2)


def untied_language_model() -> nn.Module:
    return TiedLanguageModel(5, 3, tied=False)


def positional_language_model() -> nn.Module:
    return Positional(4, 3, 3)


def gru() -> nn.Module:
    return Recurrent(nn.GRU(2, 2, batch_first=True), 2)


def rnn() -> nn.Module:
    return Recurrent(nn.RNN(2, 3, batch_first=True), 3)


class Pairing(nn.Module):
    """A bilinear form of the input with itself, and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.form = nn.Bilinear(3, 3, 2, bias=False)
        self.head = nn.Linear(2, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.form(x, x))


def bilinear() -> nn.Module:
    return Pairing()


def cosine_head() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 3, bias=False), CosineHead(3, 3))


def hypernetwork() -> nn.Module:
    return HyperNetwork(2, 3, 2)


def film() -> nn.Module:
    return Film(3, 2, 3, 2)


def highway() -> nn.Module:
    return nn.Sequential(Highway(3), nn.Linear(3, 2, bias=False))


def weight_norm() -> nn.Module:
    first = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4, bias=False))
    return nn.Sequential(first, nn.ReLU(), nn.Linear(4, 2, bias=False))


def repeated_block() -> nn.Module:
    return Repeated(linear(3, 4, 3, act=nn.ReLU))


def post_norm_block() -> nn.Module:
    norm = nn.LayerNorm(3, eps=0.0)
    return nn.Sequential(Residual(linear(3, 4, 3, act=nn.GELU)), norm, nn.Linear(3, 2))


def prelu() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.PReLU(4), nn.Linear(4, 2))


def dora_swiglu() -> nn.Module:
    return nn.Sequential(Adapter(3, 1, 3, magnitudes=True), Gated(3, 2, 2))


def deep_pre_norm() -> nn.Module:
    return nn.Sequential(PreNorm(2, 1, 1, 2), PreNorm(2, 1, 1, 2))
