"""Ranks of one run: with the same parameters they have the same gradient, once it is reduced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conserved.watching.look.products import Floats

_ALIKE = 1e-5  # relative: of norms that differ by the order of sums alone


def world() -> tuple[int, int]:
    """The rank of this process, and how many there are."""
    import torch.distributed as dist

    if not dist.is_available() or not dist.is_initialized():
        return 0, 1
    return dist.get_rank(), dist.get_world_size()


class Ranks:
    """Compares what all ranks see; each must ask in the same step."""

    def differences(self, names: Sequence[str], *norms: Floats) -> dict[str, str]:
        """Parameters of which gradients, or values, differ between ranks, and how, in words.

        Args:
            names: of the parameters.
            norms: mean squares of the gradients, then of the parameters.
        """
        if world()[1] == 1:
            return {}
        told: dict[str, str] = {}
        every = _gathered(np.concatenate(norms))
        for kind, part in zip(
            ("gradient", "value"), np.split(every, len(norms), axis=1), strict=True
        ):
            middle = np.median(part, axis=0)
            with np.errstate(invalid="ignore"):
                off = np.abs(part - middle) > _ALIKE * np.abs(middle)
            off |= np.isnan(part) != np.isnan(middle)
            for k in np.flatnonzero(off.any(axis=0)).tolist():
                odd = np.flatnonzero(off[:, k]).tolist()
                who = f"rank {odd[0]}" if len(odd) == 1 else "ranks"
                told.setdefault(
                    names[k],
                    f"the {kind} of {names[k]} is not the same on all ranks ({who} differs): an "
                    "all-reduce was left out",
                )
        return told


def _gathered(mine: Floats) -> Floats:
    """(ranks, …)."""
    import torch
    import torch.distributed as dist

    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    tensor = torch.as_tensor(mine, device=device)
    parts = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, tensor)
    return np.stack([part.cpu().numpy() for part in parts])
