"""A case for every operation of the table: a formula in torch on small tensors.

Each is a function of an input and of parameters by name, with the shapes of both.
"""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is what is read here")

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.modules.operation_case import Case, elementwise, moved, rounds


def _first_replaced(z: Tensor) -> Tensor:
    z = z * z
    z[:, 0] = z[:, 1]
    return z


def _columns_replaced(z: Tensor) -> Tensor:
    y = z * z
    y[:, torch.tensor([2, 0])] = z[:, :2]
    return y


def _batch_norm(z: Tensor, gain: Tensor, bias: Tensor, training: bool) -> Tensor:
    statistics = torch.zeros(3, dtype=z.dtype), 2 * torch.ones(3, dtype=z.dtype)
    return F.batch_norm(z, *statistics, gain, bias, training=training)


def last_state(x: Tensor, *weights: Tensor) -> Tensor:
    start = [torch.zeros(1, 1, 2, dtype=x.dtype)] * 2
    return torch.lstm(x, start, list(weights), True, 1, 0.0, False, False, True)[2]


CONV1 = ((2, 2, 2), (2,))
IMAGE = (1, 2, 4, 5)
ROW = ((3, 4), (4,), (4,))

CASES: dict[str, list[Case]] = {
    # entry by entry
    "add": [
        *elementwise(lambda z: torch.add(z, z * z, alpha=2) + 1.5),
        Case(lambda x, w, b: 0.5 + (x @ w) + b, ((3, 4), (4,))),
    ],
    "sub": elementwise(lambda z: torch.sub(z * z, z, alpha=3) - 0.25),
    "rsub": elementwise(lambda z: 1 - z * z),
    "neg": elementwise(lambda z: -z * z),
    "mul": elementwise(lambda z: z * z * 0.75),
    "div": elementwise(lambda z: z * z / 3 + 1 / z + z / (1 + z * z)),
    "pow": [
        *elementwise(lambda z: z**3 + z**-2),
        *elementwise(lambda z: z**0.5 + z**-1.5, positive=True),
    ],
    "square": elementwise(torch.square),
    "reciprocal": elementwise(torch.reciprocal),
    "sqrt": elementwise(torch.sqrt, positive=True),
    "rsqrt": elementwise(torch.rsqrt, positive=True),
    "exp": elementwise(torch.exp),
    "log": elementwise(torch.log, positive=True),
    "tanh": elementwise(torch.tanh),
    "sigmoid": elementwise(torch.sigmoid),
    "erf": elementwise(torch.erf),
    "sin": elementwise(torch.sin),
    "cos": elementwise(torch.cos),
    "tan": elementwise(torch.tan),
    "silu": elementwise(F.silu),
    "gelu": [
        *elementwise(F.gelu),
        *elementwise(lambda z: F.gelu(z, approximate="tanh")),
    ],
    "softplus": [*elementwise(F.softplus), *elementwise(lambda z: F.softplus(z, beta=2))],
    "mish": elementwise(F.mish),
    "glu": elementwise(F.glu),
    "log_sigmoid": elementwise(F.logsigmoid),
    "log1p": elementwise(torch.log1p, positive=True),
    "expm1": elementwise(torch.expm1),
    "addcmul": [
        Case(lambda x, a, b: torch.addcmul(x, a, b, value=2), ((1, 3), (1, 3))),
    ],
    "addcdiv": [Case(lambda x, a, b: torch.addcdiv(x, a, b, value=2), ((1, 3), (1, 3)))],
    "lerp": [Case(lambda x, a, b: torch.lerp(x, a, b), ((1, 3), (1, 3)))],
    # shapes
    "view": moved(lambda z: z.view(1, 6, -1)),
    "reshape": moved(lambda z: z.transpose(1, 3).reshape(1, -1, 3)),
    "flatten": moved(lambda z: z.flatten(1, -2) + z.flatten()[:4]),
    "unflatten": moved(lambda z: z.unflatten(-1, (2, -1))),
    "permute": moved(lambda z: z.permute(0, 3, 1, 2)),
    "_unsafe_view": [Case(lambda x, w: torch.kron(x @ w, torch.ones(1, 2)))],
    "t": [Case(lambda x, w: x @ (w * w).t(), ((4, 3),))],
    "mT": moved(lambda z: z.mT @ z),
    "contiguous": moved(lambda z: z.transpose(1, 2).contiguous()),
    "chunk": moved(lambda z: torch.cat(z.chunk(3, 3)[::-1], 3)),
    "transpose": moved(lambda z: z.transpose(1, 3) @ z.mT.transpose(1, 2)),
    "_to_copy": moved(lambda z: z.to(torch.float32).to(torch.float64)),
    "copy": elementwise(lambda z: _first_replaced(z)),
    "stack": moved(lambda z: torch.stack([z, z * z], 2)),
    "split": moved(lambda z: torch.cat(z.split(2, 3)[::-1], 3)),
    "one_hot": [Case(lambda i, w: F.one_hot(i, 5).to(w.dtype) @ w, ((5, 3),), (1, 2), tokens=5)],
    "repeat_interleave": moved(lambda z: z.repeat_interleave(2, 2)),
    "pixel_shuffle": [
        Case(lambda x, w: F.pixel_shuffle(x * w, 2), ((4, 2, 3),), (1, 4, 2, 3)),
    ],
    "upsample_nearest2d": [
        Case(lambda x, w: F.interpolate(x * w, scale_factor=2), ((2, 4, 5),), IMAGE),
    ],
    "upsample_bilinear2d": [
        Case(
            lambda x, w: F.interpolate(x * w, scale_factor=2, mode="bilinear"), ((2, 4, 5),), IMAGE
        ),
    ],
    "index_put": elementwise(lambda z: _columns_replaced(z)),
    "scatter": [
        Case(
            lambda x, w: torch.zeros(1, 6, dtype=x.dtype).scatter(
                1, torch.tensor([[1, 2, 5, 0]]), x @ w
            )
        )
    ],
    "full_like": elementwise(lambda z: z * torch.full_like(z, 0.5)),
    "tril": [Case(lambda x, w: (x @ w).tril(), ((3, 4),), (1, 3, 3))],
    "triu": [Case(lambda x, w: (x @ w).triu(1), ((3, 4),), (1, 3, 3))],
    "unsqueeze": moved(lambda z: z.unsqueeze(2)),
    "squeeze": moved(lambda z: z[:, :, :1].squeeze(2)),
    "expand": moved(lambda z: z[:, :1].expand(-1, 3, -1, -1)),
    "slice": moved(lambda z: z[:, :, 1:, ::2]),
    "select": moved(lambda z: z[:, 1]),
    "alias": moved(lambda z: z[:, slice(-0, None)]),
    "clone": moved(lambda z: z.permute(0, 2, 1, 3).clone()),
    "detach": [Case(lambda x, w: x.detach() @ w, ((3, 4),))],
    "split_with_sizes": moved(lambda z: torch.cat(z.split([1, 3], 3)[::-1], 3)),
    "unbind": moved(lambda z: sum(z.unbind(2))),
    "cat": moved(lambda z: torch.cat([z, z * z], 2)),
    "index": moved(lambda z: z[:, torch.tensor([1, 0, 1])]),
    "embedding": [
        Case(lambda i, w: F.embedding(i, w), ((5, 3),), (1, 2), tokens=5),
        Case(lambda x, w: x @ F.embedding(torch.tensor([1, 0, 1]), w), ((2, 3),)),
    ],
    "index_select": moved(lambda z: z.index_select(2, torch.tensor([2, 0]))),
    "gather": [
        Case(
            lambda x, w: (x @ w).gather(1, torch.tensor([[2, 0]])),
        ),
        Case(lambda x, w: (x @ w).gather(1, (x @ w).topk(2, -1).indices)),
        Case(
            lambda x, w: (x * w).gather(
                1, (x * w).sum(2).topk(2, -1).indices[..., None].expand(-1, -1, 2)
            ),
            ((3, 2),),
            (1, 3, 2),
        ),
    ],
    "repeat": moved(lambda z: z.repeat(1, 2, 1, 1)),
    "flip": moved(lambda z: z.flip(2)),
    "roll": moved(lambda z: z.roll(1, 3)),
    "diagonal": moved(lambda z: z.diagonal(dim1=2, dim2=3)),
    "unfold": moved(lambda z: z.unfold(3, 2, 1)),
    "constant_pad_nd": moved(lambda z: F.pad(z, (1, 0, 0, 2), value=1.5)),
    # products
    "linear": [
        Case(F.linear, ((4, 3), (4,)), (1, 3)),
        Case(F.linear, ((4, 3),), (1, 2, 3)),
    ],
    "matmul": [
        Case(lambda x, w: x @ w, ((3, 4),), (1, 2, 3)),
        Case(lambda x, w: x @ w, ((3,),), (1, 2, 3)),
    ],
    "mv": [Case(lambda x, w: torch.mv(w.t(), x[0])[None])],
    "dot": [Case(lambda x, w: torch.dot(w, x[0]).view(1, 1), ((3,),))],
    "bmm": [Case(lambda x, w: torch.bmm(x, w), ((1, 3, 4),), (1, 2, 3))],
    "mm": [Case(torch.mm)],
    "addmm": [Case(lambda x, w, b: torch.addmm(b, x, w, beta=2), ((3, 4), (4,)))],
    "baddbmm": [
        Case(lambda x, w, b: torch.baddbmm(b, x, w, alpha=0.5), ((1, 3, 4), (1, 2, 4)), (1, 2, 3))
    ],
    "einsum": [
        Case(lambda x, w: torch.einsum("bti,ij,bsj->bts", x, w, x), ((3, 3),), (1, 2, 3)),
        Case(lambda x, w: torch.einsum("bti,bsi,ij->bs", x, x, w), ((3, 3),), (1, 2, 3)),
    ],
    "bilinear": [Case(lambda x, w, b: F.bilinear(x, x, w, b), ((4, 3, 3), (4,)))],
    "conv1d": [
        Case(lambda x, w, b: F.conv1d(x, w, b, padding=1), CONV1, (1, 2, 4)),
        Case(lambda x, w: F.conv1d(x, w, stride=2, dilation=2), ((3, 2, 2),), (1, 2, 6)),
    ],
    "conv2d": [
        Case(
            lambda x, w, b: F.conv2d(x, w, b, (1, 2), (1, 0)),
            ((3, 2, 2, 2), (3,)),
            IMAGE,
        ),
        Case(lambda x, w: F.conv2d(x, w, groups=2, padding="same"), ((4, 1, 2, 2),), IMAGE),
    ],
    "conv3d": [Case(lambda x, w: F.conv3d(x, w), ((2, 1, 2, 2, 1),), (1, 1, 2, 3, 2))],
    "conv_transpose1d": [
        Case(lambda x, w, b: F.conv_transpose1d(x, w, b, 2, 1, 1), ((2, 3, 3), (3,)), (1, 2, 4)),
        Case(lambda x, w: F.conv_transpose1d(x, w, dilation=2), ((2, 3, 2),), (1, 2, 3)),
    ],
    "conv_transpose2d": [
        Case(
            lambda x, w, b: F.conv_transpose2d(x, w, b, (2, 1), (1, 0), (1, 0), 2),
            ((4, 1, 3, 2), (2,)),
            (1, 4, 2, 3),
        ),
        Case(lambda x, w: F.conv_transpose2d(x, w, stride=3), ((2, 1, 2, 2),), (1, 2, 2, 2)),
    ],
    "conv_transpose3d": [
        Case(lambda x, w: F.conv_transpose3d(x, w, stride=2), ((1, 2, 2, 1, 2),), (1, 1, 1, 2, 2))
    ],
    # of many entries
    "sum": [*moved(lambda z: (z * z).sum((1, 3))), *elementwise(lambda z: (z * z).sum().view(1))],
    "mean": moved(lambda z: (z * z).mean((1, 3), keepdim=True)),
    "var": [
        *moved(lambda z: z.var(2)),
        *moved(lambda z: z.var((1, 2), correction=0, keepdim=True)),
    ],
    "std": moved(lambda z: z.std(2)),
    "var_mean": moved(lambda z: torch.var_mean(z, 2)[0] + torch.var_mean(z, 2)[1]),
    "linalg_vector_norm": [
        *moved(lambda z: torch.linalg.vector_norm(z, dim=3)),
        *moved(lambda z: torch.linalg.vector_norm(z, 1, dim=2)),
    ],
    "softmax": [*moved(lambda z: z.softmax(3)), *moved(lambda z: z.softmax(1))],
    "log_softmax": moved(lambda z: z.log_softmax(3)),
    "logsumexp": moved(lambda z: z.logsumexp(2)),
    "cumsum": moved(lambda z: (z * z).cumsum(2)),
    "prod": moved(lambda z: z.prod(2)),
    "cumprod": moved(lambda z: z.cumprod(2)),
    "amax": [*moved(lambda z: z.amax(2)), *moved(lambda z: z.amax((1, 3), keepdim=True))],
    "amin": moved(lambda z: z.amin(2)),
    "max": [*moved(lambda z: z.max(3).values), *moved(lambda z: z.max().view(1, 1))],
    "min": moved(lambda z: z.min(3).values),
    "argmax": [
        Case(lambda x, w: (x @ w).gather(1, (x @ w).argmax(-1, keepdim=True))),
    ],
    "sort": [
        *elementwise(lambda z: z.sort(-1).values),
        *elementwise(lambda z: z.sort(-1, True)[0]),
    ],
    "topk": elementwise(lambda z: z.topk(2, -1).values),
    # norms
    "layer_norm": [
        Case(lambda x, w, g, b: F.layer_norm(x @ w, (4,), g, b), ROW),
        Case(lambda x, w: F.layer_norm(x * w, (3, 4)), ((2, 3, 4),), (1, 2, 3, 4)),
    ],
    "rms_norm": [
        Case(lambda x, w, g: F.rms_norm(x @ w, (4,), g, 1e-3), ROW[:2]),
        Case(lambda x, w: F.rms_norm(x @ w, (4,))),
    ],
    "group_norm": [
        Case(lambda x, g, b: F.group_norm(x * x, 2, g, b), ((4,), (4,)), (1, 4, 3)),
    ],
    "_native_batch_norm_legit": [
        Case(
            lambda x, w, g, b: F.batch_norm(x @ w, None, None, g, b, training=True),
            ROW,
            (1, 3),
            batch=3,
        ),
        Case(lambda x, g, b: F.instance_norm(x * x, weight=g, bias=b), ((2,), (2,)), (1, 2, 4)),
    ],
    "_native_batch_norm_legit_functional": [
        Case(lambda x, g, b: _batch_norm(x * x, g, b, True), ((3,), (3,)), (1, 3), batch=3)
    ],
    "_native_batch_norm_legit_no_training": [
        Case(lambda x, g, b: _batch_norm(x * x, g, b, False), ((3,), (3,)), (1, 3))
    ],
    "cosine_similarity": [
        Case(lambda x, w: F.cosine_similarity(x[:, None], w, dim=-1), ((4, 3),)),
    ],
    "scaled_dot_product_attention": [
        Case(
            lambda x, q, k: F.scaled_dot_product_attention(x @ q, x @ k, x),
            ((3, 2), (3, 2)),
            (1, 3, 3),
        ),
        Case(
            lambda x, q, k: F.scaled_dot_product_attention(
                x @ q, x @ k, x, is_causal=True, scale=1
            ),
            ((3, 2), (3, 2)),
            (1, 3, 3),
        ),
        Case(
            lambda x, q, k: F.scaled_dot_product_attention(
                (x @ q)[:, None].expand(-1, 2, -1, -1),
                (x @ k)[:, None],
                x[:, None],
                attn_mask=torch.tensor([[True, False], [True, True]]),
                enable_gqa=True,
            ),
            ((3, 2), (3, 2)),
            (1, 2, 3),
        ),
        Case(
            lambda x, q: F.scaled_dot_product_attention(
                x @ q,
                x @ q,
                x,
                attn_mask=torch.tensor([[0.5, float("-inf")], [-1.5, 0.0]]),
            ),
            ((3, 2),),
            (1, 2, 3),
        ),
    ],
    # pieces
    "relu": elementwise(torch.relu),
    "leaky_relu": elementwise(lambda z: F.leaky_relu(z, 0.1)),
    "prelu": [Case(lambda x, w, a: F.prelu(x @ w, a), ((3, 4), (4,)))],
    "elu": elementwise(lambda z: F.elu(z, 0.5)),
    "selu": elementwise(F.selu),
    "celu": elementwise(lambda z: F.celu(z, 2.0)),
    "abs": elementwise(torch.abs),
    "sgn": elementwise(lambda z: z * torch.sgn(z)),
    "sign": elementwise(lambda z: z * torch.sign(z)),
    "maximum": elementwise(lambda z: torch.maximum(z, z * z)),
    "minimum": elementwise(lambda z: torch.minimum(z, z * z)),
    "clamp": elementwise(lambda z: z.clamp(-1, 1)),
    "clamp_min": [
        *elementwise(lambda z: z.clamp_min(-0.5)),
        *elementwise(lambda z: F.normalize(z, dim=-1)),
    ],
    "clamp_max": elementwise(lambda z: z.clamp_max(0.5)),
    "relu6": elementwise(F.relu6),
    "hardtanh": elementwise(F.hardtanh),
    "hardsigmoid": elementwise(F.hardsigmoid),
    "hardswish": elementwise(F.hardswish),
    "threshold": elementwise(lambda z: F.threshold(z, 0.5, 0.25)),
    "gt": elementwise(lambda z: z * (z > 0.5)),
    "ge": elementwise(lambda z: z * (z >= 0.5)),
    "lt": elementwise(lambda z: z * (z < 0.5)),
    "le": elementwise(lambda z: torch.where(z <= 0.5, z, z * z)),
    "logical_not": elementwise(lambda z: z * (z > 0.5).logical_not()),
    "bitwise_not": elementwise(lambda z: z * ~(z > 0.5)),
    "logical_and": elementwise(lambda z: z * (z > 0.5).logical_and(z < 1)),
    "bitwise_and": elementwise(lambda z: z * ((z > 0.5) & (z < 1))),
    "where": [
        *elementwise(lambda z: torch.where(z > 0, z, z * z)),
    ],
    "masked_fill": [
        Case(
            lambda x, w: (
                (x @ w @ x.mT)
                .masked_fill(torch.ones(3, 3).triu(1).bool(), float("-inf"))
                .softmax(-1)
            ),
            ((2, 2),),
            (1, 3, 2),
        ),
    ],
    "max_pool1d": [Case(lambda x, w: F.max_pool1d(x * w, 2), ((2, 6),), (1, 2, 6))],
    "max_pool2d": [
        Case(lambda x, w: F.max_pool2d(x * w, 2, 1, 1), ((2, 4, 5),), IMAGE),
        Case(lambda x, w: F.max_pool2d(x * w, 3, 2, ceil_mode=True), ((2, 4, 6),), (1, 2, 4, 6)),
    ],
    "max_pool2d_with_indices": [
        Case(lambda x, w: F.max_pool2d(x * w, 2, return_indices=True)[0], ((2, 4, 5),), IMAGE),
    ],
    "avg_pool1d": [Case(lambda x, w: F.avg_pool1d(x * w, 2), ((2, 6),), (1, 2, 6))],
    "avg_pool2d": [Case(lambda x, w: F.avg_pool2d(x * w, 2, 1, 1), ((2, 4, 5),), IMAGE)],
    "adaptive_avg_pool1d": [
        Case(lambda x, w: F.adaptive_avg_pool1d(x * w, 4), ((2, 6),), (1, 2, 6))
    ],
    "adaptive_avg_pool2d": [
        Case(lambda x, w: F.adaptive_avg_pool2d(x * w, (2, 3)), ((2, 4, 5),), IMAGE)
    ],
    # layers over time
    "lstm": [
        *rounds(lambda: nn.LSTM(2, 2, num_layers=2, batch_first=True)),
        *rounds(lambda: nn.LSTM(2, 2, batch_first=True, bidirectional=True, bias=False)),
        Case(last_state, ((8, 2), (8, 2), (8,), (8,)), (1, 3, 2)),
    ],
    "gru": rounds(lambda: nn.GRU(2, 2, batch_first=True)),
    "rnn_tanh": rounds(lambda: nn.RNN(2, 2, batch_first=True)),
    "rnn_relu": rounds(lambda: nn.RNN(2, 2, batch_first=True, nonlinearity="relu")),
}
