"""The blocks of current models as small PyTorch modules, and a table of their conservation laws.

Each is a factory for the command line, ``conserved analyze examples/blocks.py:swiglu
--input-shape 3``; ``python -m examples.blocks`` counts them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import conserved as cq
from examples import variants
from examples.layers import (
    Adapter,
    Attention,
    Experts,
    Gated,
    Mean,
    PreNorm,
    Recurrent,
    Residual,
    Rotary,
    StateSpace,
    TiedLanguageModel,
    linear,
)

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


VARIANTS = (
    Block(variants.geglu, (3,), "GeGLU 3-4-2"),
    Block(variants.reglu, (3,), "ReGLU 3-4-2"),
    Block(variants.grouped_query, (3, 3), "grouped-query attention, 4 heads of size 1 on 2"),
    Block(variants.latent_attention, (3, 3), "latent attention (MLA), dim 3, latent 2, head 2"),
    Block(variants.alibi, (3, 3), "causal attention with ALiBi, dim 3, head 2"),
    Block(variants.qk_norm_gains, (3, 3), "QK-norm with gains, dim 3, head 2"),
    Block(variants.linear_attention, (3, 3), "causal linear attention, dim 3, head 2"),
    Block(variants.cross_attention, (4, 3), "cross-attention, 2 on 2 tokens, dim 3, head 2"),
    Block(variants.group_norm, (2,), "linear, GroupNorm with gains, linear 2-6-1, eps = 0"),
    Block(variants.depthwise_convolution, (2, 3, 3), "depthwise conv, ReLU, 1×1 conv, mean"),
    Block(variants.squeeze_excite, (1, 3, 3), "conv, squeeze-excite, 1×1 conv, mean"),
    Block(variants.max_pool, (1, 4, 4), "conv, MaxPool, linear"),
    Block(variants.layer_scale, (3,), "residual ReLU MLP 3-4-3 with LayerScale"),
    Block(variants.deep_sets, (3, 2), "DeepSets: ReLU MLPs 2-3-3 and 3-3-1"),
    Block(variants.kan, (2,), "KAN 2-2-1, SiLU and cubic polynomials"),
    Block(variants.selective_state_space, (3, 2), "selective SSM (Mamba), dim 2, 2 states"),
    Block(variants.mixer, (3, 2), "MLP-Mixer layer, 3 tokens, dim 2"),
    Block(variants.bottleneck_adapter, (3,), "GELU adapter 3-2-3 behind a frozen layer"),
    Block(variants.experts_top_1, (3,), "3 SwiGLU experts, the best alone"),
    Block(variants.experts_top_2, (3,), "3 SwiGLU experts, the best two by softmax"),
    Block(variants.untied_language_model, (), "untied LM, 5 tokens, dim 3", tokens=5),
    Block(
        variants.positional_language_model,
        (3,),
        "LM with positions and attention, no norms",
        tokens=4,
        loss="cross-entropy",
    ),
    Block(variants.gru, (2, 2), "GRU cell, 2 states, 2 steps, linear head"),
    Block(variants.rnn, (2, 2), "tanh RNN, 3 states, 2 steps, linear head"),
    Block(variants.bilinear, (3,), "bilinear form of an input with itself, linear head"),
    Block(variants.cosine_head, (3,), "linear, cosine head of 3 classes", loss="cross-entropy"),
    Block(variants.hypernetwork, (5,), "hypernetwork of rank 2"),
    Block(variants.film, (5,), "FiLM on a ReLU layer 3-3-2"),
    Block(variants.highway, (3,), "highway layer, linear 3-2"),
    Block(variants.weight_norm, (3,), "weight norm, ReLU 3-4-2"),
    Block(variants.repeated_block, (3,), "one residual ReLU branch 3-4-3, used twice"),
    Block(variants.post_norm_block, (3,), "residual GELU MLP 3-4-3, LayerNorm, linear, eps = 0"),
    Block(variants.prelu, (3,), "PReLU 3-4-2, biases"),
    Block(variants.dora_swiglu, (3,), "DoRA of rank 1, SwiGLU 3-2-2"),
    Block(variants.deep_pre_norm, (2, 2), "two pre-norm blocks, dim 2, 2 tokens"),
)


def table(blocks: tuple[Block, ...] = BLOCKS + VARIANTS) -> str:
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
