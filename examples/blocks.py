"""The blocks of current models as small PyTorch modules, and a table of their conservation laws.

Each is a factory for the command line, ``conserved analyze examples/blocks.py:swiglu
--input-shape 3``; ``python -m examples.blocks`` counts them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import conserved as cq


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


# factories: one for each row of the table


def linear_biases() -> nn.Module:
    return linear(3, 2, 2, bias=True)


def relu() -> nn.Module:
    return linear(3, 4, 2, bias=True, act=nn.ReLU)


def swiglu() -> nn.Module:
    return Gated(3, 4, 2)


def swiglu_biases() -> nn.Module:
    return Gated(3, 4, 2, bias=True)


def bilinear_glu() -> nn.Module:
    return Gated(3, 4, 2, nn.Identity())


def attention() -> nn.Module:
    return Attention(4, 2)


def attention_causal() -> nn.Module:
    return Attention(4, 2, causal=True)


def attention_biases() -> nn.Module:
    return Attention(3, 2, bias=True)


def multi_query() -> nn.Module:
    return Attention(3, 2, heads=2, groups=1)


def rotary() -> nn.Module:
    return Attention(3, 4, change=Rotary())


def qk_norm() -> nn.Module:
    return Attention(3, 2, change=nn.RMSNorm(2, eps=0.0, elementwise_affine=False))


def rms_norm_linear() -> nn.Module:
    return nn.Sequential(nn.RMSNorm(3, eps=0.0), nn.Linear(3, 2, bias=False))


def linear_rms_norm_linear() -> nn.Module:
    return nn.Sequential(
        nn.Linear(3, 3, bias=False), nn.RMSNorm(3, eps=0.0), nn.Linear(3, 2, bias=False)
    )


def linear_rms_norm_eps_linear() -> nn.Module:
    return nn.Sequential(
        nn.Linear(3, 3, bias=False), nn.RMSNorm(3, eps=1e-5), nn.Linear(3, 2, bias=False)
    )


def linear_layer_norm_linear() -> nn.Module:
    norm = nn.LayerNorm(4, eps=0.0, elementwise_affine=False)
    return nn.Sequential(nn.Linear(3, 4, bias=False), norm, nn.Linear(4, 2, bias=False))


def convolutions() -> nn.Module:
    conv = nn.Conv2d(1, 2, 2, bias=False), nn.ReLU(), nn.Conv2d(2, 2, 2, bias=False)
    return nn.Sequential(*conv, Mean())


def convolutions_batch_norm() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 2, bias=False),
        nn.BatchNorm2d(2),
        nn.ReLU(),
        nn.Conv2d(2, 2, 2, bias=False),
        Mean(),
    )


def residual() -> nn.Module:
    return Residual(linear(3, 4, 3, act=nn.ReLU))


def lora() -> nn.Module:
    return Adapter(3, 2, 4)


def dora() -> nn.Module:
    return Adapter(3, 2, 4, magnitudes=True)


def experts_softmax() -> nn.Module:
    return Experts(3, 3)


def experts_sigmoid() -> nn.Module:
    return Experts(3, 3, softmax=False)


def state_space() -> nn.Module:
    return StateSpace(2, 3)


def tied_language_model() -> nn.Module:
    return TiedLanguageModel(5, 3)


def classifier() -> nn.Module:
    last = nn.Linear(4, 3)
    return nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), last)


def pre_norm_block() -> nn.Module:
    return PreNorm(4, 1, 2, 3)


def lstm() -> nn.Module:
    return Recurrent(nn.LSTM(2, 2, batch_first=True), 2)


@dataclass(frozen=True)
class Block:
    """A row of the table.

    Attributes:
        factory: makes the module.
        shape: of one input.
        words: what it is.
        loss: as on the command line.
        batch, tokens: as on the command line.
        eps: whether it counts, or goes to 0.
        known: where its laws, or their number, are published; "" where we know of none.
    """

    factory: Callable[[], nn.Module]
    shape: tuple[int, ...]
    words: str
    loss: str = "mse"
    batch: int | None = None
    tokens: int | None = None
    eps: bool = True
    known: str = ""

    @property
    def name(self) -> str:
        return self.factory.__name__

    def problem(self) -> cq.Problem:
        """The question."""
        return cq.from_torch(
            self.factory(),
            self.example(),
            loss=self.loss,
            batch=self.batch,
            tokens=self.tokens,
            eps=self.eps,
        )

    def example(self) -> Tensor:
        """An input, with a batch axis."""
        if self.tokens is not None:
            return torch.zeros((1, *self.shape), dtype=torch.int64)
        return torch.ones(1, *self.shape)


MARCOTTE, KUNIN = "2307.00144", "2012.04728"
ATTENTION = "2506.06194"

BLOCKS = (
    Block(linear_biases, (3,), "linear 3-2-2, biases", known=MARCOTTE),
    Block(relu, (3,), "ReLU MLP 3-4-2, biases", known=MARCOTTE),
    Block(swiglu, (3,), "SwiGLU 3-4-2", known=ATTENTION),
    Block(swiglu_biases, (3,), "SwiGLU 3-4-2, biases"),
    Block(bilinear_glu, (3,), "bilinear GLU 3-4-2"),
    Block(attention, (3, 4), "attention, dim 4, head 2", known=ATTENTION),
    Block(attention_causal, (3, 4), "the same, causal"),
    Block(attention_biases, (3, 3), "attention, dim 3, head 2, biases"),
    Block(multi_query, (3, 3), "multi-query attention, 2 heads on 1"),
    Block(rotary, (3, 3), "attention with RoPE, dim 3, head 4"),
    Block(qk_norm, (3, 3), "attention with QK-norm, dim 3, head 2"),
    Block(rms_norm_linear, (3,), "RMSNorm with gain, linear 3-2"),
    Block(linear_rms_norm_linear, (3,), "linear, RMSNorm, linear, eps = 0"),
    Block(linear_rms_norm_eps_linear, (3,), "linear, RMSNorm, linear, eps = 1e-5"),
    Block(linear_layer_norm_linear, (3,), "linear, LayerNorm, linear 3-4-2, eps = 0"),
    Block(convolutions, (1, 4, 4), "conv, ReLU, conv, mean", known=MARCOTTE),
    Block(
        convolutions_batch_norm,
        (1, 4, 4),
        "the same, batch norm, batches of 3, eps → 0",
        batch=3,
        eps=False,
    ),
    Block(residual, (3,), "residual ReLU MLP 3-4-3", known=ATTENTION),
    Block(lora, (3,), "LoRA, rank 2 on a frozen 4×3"),
    Block(dora, (3,), "DoRA, rank 2 on a frozen 4×3"),
    Block(experts_softmax, (3,), "3 SwiGLU experts, softmax gate"),
    Block(experts_sigmoid, (3,), "3 SwiGLU experts, normalised sigmoid gate"),
    Block(state_space, (4, 2), "diagonal SSM, 3 states, 4 steps"),
    Block(tied_language_model, (), "tied-embedding LM, 5 tokens, dim 3", tokens=5),
    Block(classifier, (3,), "ReLU MLP 3-4-3 on logits", loss="cross-entropy"),
    Block(pre_norm_block, (3, 4), "pre-norm transformer block, dim 4"),
    Block(lstm, (2, 2), "LSTM cell, 2 states, 2 steps, linear head"),
)


def table(blocks: tuple[Block, ...] = BLOCKS) -> str:
    """Every block with its number of laws, counted here and now."""
    rows = [("block", "loss", "D", "laws", "", "known")]
    for block in blocks:
        problem = block.problem()
        count = cq.analyze(problem).count
        status = "certified" if count.certified else "not certified"
        size = str(problem.network.size)
        rows.append((block.words, block.loss, size, str(count), status, block.known or "–"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
