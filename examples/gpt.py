"""A character-level language model in plain torch, and the same with adapters of low rank."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalAttention(nn.Module):
    """Queries, keys and values from one fused projection, with biases."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, dim = x.shape
        parts = self.qkv(x).split(dim, dim=-1)
        q, k, v = (
            z.view(batch, tokens, self.heads, dim // self.heads).transpose(1, 2) for z in parts
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, tokens, dim))


class Block(nn.Module):
    """Attention, then a GELU MLP, each after a LayerNorm, on a residual stream."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(dim)
        self.attention = CausalAttention(dim, heads)
        self.after = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.before(x))
        return x + self.down(F.gelu(self.up(self.after(x))))


class GPT(nn.Module):
    """Logits of the next character.

    Args:
        vocabulary: characters.
        dim, heads, layers: as in GPT-2, with learnt positions and an unembedding of its own.
        context: tokens at most.
    """

    def __init__(
        self, vocabulary: int, dim: int = 32, heads: int = 2, layers: int = 2, context: int = 128
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim)
        self.positions = nn.Parameter(0.02 * torch.randn(context, dim))
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class LowRank(nn.Module):
    """A frozen linear layer beside a trained one of low rank (LoRA)."""

    def __init__(self, frozen: nn.Linear, rank: int) -> None:
        super().__init__()
        self.frozen = frozen.requires_grad_(False)
        self.a = nn.Linear(frozen.in_features, rank, bias=False)
        self.b = nn.Linear(rank, frozen.out_features, bias=False)
        nn.init.zeros_(self.b.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.frozen(x) + self.b(self.a(x))


class Adapted(nn.Module):
    """A GPT whose attention is adapted, and nothing else trained."""

    def __init__(self, model: GPT, rank: int) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        for block in model.blocks:
            attention = block.attention
            attention.qkv = LowRank(attention.qkv, rank)
            attention.out = LowRank(attention.out, rank)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.model(tokens)
