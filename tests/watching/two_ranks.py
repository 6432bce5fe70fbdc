"""One of two processes of a run: ``python -m tests.watching.two_ranks RANK FOLDER WAY``.

Ways: ``ddp``, ``fsdp``, ``mixed`` (sharded, with a forward in bfloat16), ``alone`` (one process,
the whole batch) and ``skips``: gradients are reduced by hand, and from the fourth step on rank 1
forgets to.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="what is trained is PyTorch's")

import torch
import torch.distributed as dist
from torch import nn

import conserved as cq
from conserved.blocks.document import from_document
from tests.watching.runs import batches, mlp

STEPS, FORGETS = 8, 4


def wrapped(model: nn.Module, way: str) -> nn.Module:
    if way == "ddp":
        return nn.parallel.DistributedDataParallel(model)
    if way in ("fsdp", "mixed"):
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        mesh = init_device_mesh("cpu", (2,))
        half = torch.bfloat16 if way == "mixed" else None
        policy = MixedPrecisionPolicy(param_dtype=half, reduce_dtype=half and torch.float32)
        for layer in (model[0], model[2], model[4]):
            fully_shard(layer, mesh=mesh, mp_policy=policy)
        return fully_shard(model, mesh=mesh, mp_policy=policy)
    return model


def reduced(model: nn.Module, rank: int, step: int) -> None:
    """The mean of both ranks' gradients; rank 1 takes part, and forgets to use it."""
    for p in model.parameters():
        both = p.grad.clone()
        dist.all_reduce(both)
        if rank == 0 or step < FORGETS:
            p.grad.copy_(both / 2)


def main(rank: int, folder: Path, way: str) -> None:
    if way != "alone":
        init = f"file://{folder / 'meet'}"
        dist.init_process_group("gloo", init_method=init, rank=rank, world_size=2)
    laws = from_document(json.loads((folder / "laws.json").read_text()))
    model = wrapped(mlp(), way)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=0.01)
    log = folder / f"{way}.jsonl"
    ranks = True if way == "skips" else None
    with cq.watch(model, optimizer, laws=laws, log=log, ranks=ranks) as w:
        for step, (x, y) in enumerate(batches(STEPS), 1):
            half = slice(None) if way == "alone" else slice(8 * rank, 8 * rank + 8)
            optimizer.zero_grad()
            ((model(x[half]) - y[half]) ** 2).mean().backward()
            if way == "skips":
                reduced(model, rank, step)
            optimizer.step()
    told: dict[str, Any] = {
        "verdict": w.verdict(),
        "since": [t.since for t in w.tracks],
        "values": [t.value for t in w.tracks],
        "residual": [t.residual for t in w.tracks],
    }
    (folder / f"{way}-{rank}.json").write_text(json.dumps(told))
    if way in ("fsdp", "mixed"):
        moved = cq.rebalance(model, laws=laws)
        assert all(one.after < 1e-6 for one in moved.families), str(moved)
    if way != "alone":
        dist.destroy_process_group()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
