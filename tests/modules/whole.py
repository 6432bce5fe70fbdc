"""A module in float64 as training sees it: the gradient of its loss on a random batch."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the modules are PyTorch's")

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from conserved.law import Law
from examples.blocks import Block

BATCH = 6


def loss_of(block: Block, module: nn.Module, seed: int) -> Tensor:
    """Of a random batch with random labels."""
    draw = torch.Generator().manual_seed(seed)
    shape = (BATCH * (block.batch or 1), *block.shape)
    if block.tokens is not None:
        x = torch.randint(block.tokens, shape, generator=draw)
    else:
        x = torch.randn(shape, generator=draw, dtype=torch.float64)
    if block.batch is not None:  # every datum is a batch of its own
        out = torch.stack([module(part) for part in x.split(block.batch)])
    else:
        out = module(x)
    if block.loss == "cross-entropy":
        classes = out.reshape(-1, out.shape[-1])
        return F.cross_entropy(
            classes, torch.randint(out.shape[-1], (len(classes),), generator=draw)
        )
    return ((out - torch.randn(out.shape, generator=draw, dtype=out.dtype)) ** 2).mean()


def whole(block: Block, seed: int = 0) -> nn.Module:
    """The module in float64; eps is as small as torch takes it where it goes to 0."""
    torch.manual_seed(seed)
    module = block.factory().double()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and not block.eps:
            part.eps = 1e-200
    return module


def violation(law: Law, block: Block, module: nn.Module, seed: int) -> float:
    """The largest |⟨∇h, ∇L⟩| / (‖∇h‖ ‖∇L‖) over the components of a law."""
    names = [name for name, _ in law.layout.tensors]
    parameters = dict(module.named_parameters())
    loss = loss_of(block, module, seed)
    gradient = torch.autograd.grad(loss, [parameters[name] for name in names])
    flat = torch.cat([g.reshape(-1) for g in gradient])
    theta = torch.cat([parameters[name].detach().reshape(-1) for name in names])
    worst = 0.0
    for row in torch.from_numpy(law.gradient(theta.numpy())):
        worst = max(worst, float(abs(row @ flat) / (row.norm() * flat.norm())))
    return worst
