"""The layers that the blocks of current models are made from, in plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Softmax attention with all its variants.

    Args:
        dim: of a token.
        head: of one head.
        heads: of queries.
        groups: of keys and values; 1 is multi-query attention.
        change: of queries and keys before they meet, such as a rotation or a norm.
    """

    def __init__(
        self,
        dim: int,
        head: int,
        heads: int = 1,
        groups: int | None = None,
        *,
        bias: bool = False,
        causal: bool = False,
        change: nn.Module | None = None,
        mask: Tensor | None = None,
    ) -> None:
        super().__init__()
        groups = heads if groups is None else groups
        self.head, self.causal, self.mask = head, causal, mask
        self.q = nn.Linear(dim, heads * head, bias=bias)
        self.k = nn.Linear(dim, groups * head, bias=bias)
        self.v = nn.Linear(dim, groups * head, bias=bias)
        self.o = nn.Linear(heads * head, dim, bias=bias)
        self.change = nn.Identity() if change is None else change

    def forward(self, x: Tensor) -> Tensor:
        def heads(z: Tensor) -> Tensor:
            return z.unflatten(-1, (-1, self.head)).transpose(1, 2)

        q, k, v = (heads(part(x)) for part in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(
            self.change(q),
            self.change(k),
            v,
            attn_mask=self.mask,
            is_causal=self.causal,
            enable_gqa=k.shape[1] < q.shape[1],
        )
        return self.o(mixed.transpose(1, 2).flatten(2))


class Rotary(nn.Module):
    """Pairs of features turned by position · 10000^{−i/pairs}."""

    def forward(self, x: Tensor) -> Tensor:
        pairs = x.shape[-1] // 2
        frequencies = 10000.0 ** (-torch.arange(pairs) / pairs)
        angle = torch.outer(torch.arange(x.shape[-2]).float(), frequencies)
        cos, sin = angle.cos(), angle.sin()
        a, b = x[..., :pairs], x[..., pairs:]
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class Gated(nn.Module):
    """down(φ(gate x) ⊙ up x): SwiGLU, GeGLU, a bilinear layer."""

    def __init__(
        self,
        dim: int,
        hidden: int,
        out: int,
        act: Callable[[Tensor], Tensor] = F.silu,
        *,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, hidden, bias=bias)
        self.up = nn.Linear(dim, hidden, bias=bias)
        self.down = nn.Linear(hidden, out, bias=bias)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.act(self.gate(x)) * self.up(x))


class Residual(nn.Module):
    """x + g(x)."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class PreNorm(nn.Module):
    """x + attention(norm x), then x + mlp(norm x)."""

    def __init__(self, dim: int, head: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.RMSNorm(dim, eps=0.0)
        self.attention = Attention(dim, head, heads, causal=True)
        self.norm2 = nn.RMSNorm(dim, eps=0.0)
        self.mlp = Gated(dim, hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Adapter(nn.Module):
    """LoRA on a frozen matrix; with magnitudes it is DoRA."""

    def __init__(self, dim: int, rank: int, out: int, *, magnitudes: bool = False) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.weight = nn.Parameter(torch.randn(out, dim), requires_grad=False)
        self.a = nn.Parameter(torch.randn(rank, dim))
        self.b = nn.Parameter(torch.randn(out, rank))
        self.m = nn.Parameter(torch.ones(out, 1)) if magnitudes else None

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight + self.b @ self.a
        if self.m is not None:
            weight = self.m * weight / weight.norm(dim=1, keepdim=True)
        return F.linear(x, weight)


class Experts(nn.Module):
    """SwiGLU experts, mixed by softmax or by normalised sigmoids; or the best few of them."""

    def __init__(self, dim: int, count: int, *, softmax: bool = True, best: int = 0) -> None:
        super().__init__()
        self.router = nn.Linear(dim, count, bias=False)
        self.experts = nn.ModuleList(Gated(dim, 2, 2) for _ in range(count))
        self.softmax, self.best = softmax, best

    def forward(self, x: Tensor) -> Tensor:
        scores = self.router(x)
        outputs = torch.stack([expert(x) for expert in self.experts], -2)
        if self.best:
            scores, chosen = scores.topk(self.best, -1)
            rows = chosen[..., None].expand(*chosen.shape, outputs.shape[-1])
            outputs = outputs.gather(-2, rows)
        share = scores.softmax(-1) if self.softmax else scores.sigmoid()
        share = share / share.sum(-1, keepdim=True)
        return (share[..., None] * outputs).sum(-2)


class StateSpace(nn.Module):
    """h ← a ∘ h + B x, y = c·h + d·x."""

    def __init__(self, dim: int, states: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.rand(states))
        self.b = nn.Linear(dim, states, bias=False)
        self.c = nn.Linear(states, 1, bias=False)
        self.d = nn.Linear(dim, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        state, outputs = torch.zeros_like(self.a), []
        for step in x.unbind(1):
            state = self.a * state + self.b(step)
            outputs.append(self.c(state) + self.d(step))
        return torch.stack(outputs, 1)


class TiedLanguageModel(nn.Module):
    """A token's embedding, a matrix, and the same embeddings as outputs."""

    def __init__(self, tokens: int, dim: int, *, tied: bool = True) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, dim)
        self.middle = nn.Linear(dim, dim, bias=False)
        self.head = nn.Linear(dim, tokens, bias=False)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.middle(self.embedding(tokens)))


class Recurrent(nn.Module):
    """A recurrent layer and a linear head on its last state."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0][:, -1])


class Mean(nn.Module):
    """Over all pixels."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def linear(*widths: int, bias: bool = False, act: type[nn.Module] = nn.Identity) -> nn.Sequential:
    """Linear layers with an activation in between."""
    layers: list[nn.Module] = []
    for n, m in pairwise(widths):
        layers += [nn.Linear(n, m, bias=bias), act()]
    return nn.Sequential(*[x for x in layers[:-1] if not isinstance(x, nn.Identity)])
