"""Large matrix products over GF(p) on a GPU, through torch; nothing else moves there.

Sums of products of centred residues stay below 2^53, so that float64 holds them exactly, in
whatever order they are added: the results are those of a CPU bit by bit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conserved.errors import InputError, require_torch
from conserved.kernel.primes import Prime
from conserved.kernel.residues import FloatResidues, Residues, residues
from conserved.kernel.scalars import Array

if TYPE_CHECKING:
    from torch import Tensor

_LARGE = 2**28  # products from which sending the factors pays


class DeviceResidues(FloatResidues):
    """Centred residues whose large matrix products are made on another device.

    Args:
        prime: below 2^23.
        device: as torch names it, with float64.
    """

    def __init__(self, prime: Prime, device: str) -> None:
        super().__init__(prime)
        self._device = device

    def matmul(self, a: Array, b: Array) -> Array:
        if a.ndim != 2 or b.ndim != 2 or a.size * b.shape[1] < _LARGE:
            return super().matmul(a, b)
        left, right = self._sent(a), self._sent(b)
        step = self.safe_terms
        total = self._reduced(left[:, :step] @ right[:step])
        for start in range(step, left.shape[1], step):
            total += self._reduced(left[:, start : start + step] @ right[start : start + step])
        found: Array = self._reduced(total).cpu().numpy()
        return found

    def _sent(self, x: Array) -> Tensor:
        import torch

        return torch.tensor(x, dtype=torch.float64, device=self._device)

    def _reduced(self, x: Tensor) -> Tensor:
        return x - (x * self._inverse_p).round() * self._p


def residues_on(prime: Prime, device: str) -> Residues:
    """GF(p) whose large products run on a device, "cpu" or "cuda", "cuda:1", ….

    Raises:
        InputError: a device that is not there, or needs torch where there is none.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> residues_on(BLAS_PRIMES[0], "cpu")
        FloatResidues(8388593)
    """
    require_device(device)
    if device == "cpu" or prime >= 2**23:
        return residues(prime)
    return DeviceResidues(prime, device)


def require_device(device: str) -> None:
    """Refuse a device that cannot be used.

    Raises:
        InputError: what is wrong with it.
    """
    if device == "cpu":
        return
    if not isinstance(device, str) or not re.fullmatch(r"cuda(:\d{1,3})?", device):
        raise InputError("device", device, "give cpu, cuda, or cuda:N")
    require_torch("device", device)
    import torch

    count = torch.cuda.device_count()
    number = int(device.partition(":")[2] or 0)
    if number >= count:
        there = f"torch sees {count} GPUs" if count else "torch sees no GPU here"
        raise InputError("device", device, f"{there}; leave it out to use the CPU")
