"""One look at a model: the sums its laws need, of parameters, gradients and velocities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.watching.gradient.precision import all_digits
from conserved.watching.look.matrices import matrices
from conserved.watching.look.products import Floats, entries
from conserved.watching.look.sums import VECTORS, Plan, Sums
from conserved.watching.tensors import whole

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


class _Factor:
    """Tensors by name, as one factor of the sums of laws; what has no tensor counts as 0."""

    def __init__(self, sums: Sums, tensors: Mapping[str, Any]) -> None:
        self._sums, self._tensors = sums, tensors

    def has(self, name: str) -> bool:
        """Whether there is anything of this name; among the vectors something always is."""
        return name == VECTORS or self._tensors.get(name) is not None

    def entries(self, name: str) -> Tensor:
        """What sums are made of."""
        return self._vectors() if name == VECTORS else entries(self._tensors[name])

    def _vectors(self) -> Tensor:
        """All tensors of one axis, fetched together."""
        import torch

        there = [self._tensors.get(name) for name in self._sums.vectors]
        made = [whole(t) for t in there if t is not None]
        found = torch.cat(made).double().cpu() if made else torch.zeros(0, dtype=torch.float64)
        if len(made) == len(there):
            return found
        out = torch.zeros(self._sums.plans[VECTORS].shape, dtype=torch.float64)
        out[np.repeat([t is not None for t in there], self._sums.lengths)] = found
        return out


def look(sums: Sums, wanted: Sequence[str], **held: Mapping[str, Any]) -> dict[str, Floats]:
    """Sums for each slot.

    Args:
        sums: the laws.
        wanted: ``"xg"`` for Σ X∘G of quadratic terms, ``"g"`` for Σ G of linear ones, with the
            letters of ``held``.
        held: tensors by name for each letter.

    Returns:
        (slots,) of each; 0 for terms of the other degree.
    """
    gathers = {what: sums.products if len(what) == 2 else sums.lines for what in wanted}
    numbers, done = matrices(sums).read(wanted, held)
    left = {name: plan for name, plan in sums.plans.items() if name not in done}
    if left:
        _by_torch(sums, left, held, numbers)
    return {what: gathers[what](found, sums.slots) for what, found in numbers.items()}


def _by_torch(
    sums: Sums,
    plans: Mapping[str, Plan],
    held: Mapping[str, Mapping[str, Any]],
    numbers: Mapping[str, Floats],
) -> None:
    """The numbers of these plans."""
    import torch

    factors = {letter: _Factor(sums, tensors) for letter, tensors in held.items()}
    made: list[tuple[Floats, Tensor]] = []
    with torch.no_grad(), all_digits(), one_thread():
        for name, plan in plans.items():
            there = {k: factor.entries(name) for k, factor in factors.items() if factor.has(name)}
            made += _read(plan, there, numbers)
    for device in {found.device for _, found in made}:  # fetched together
        mine = [(room, found) for room, found in made if found.device == device]
        fetched = torch.cat([found for _, found in mine]).cpu().numpy()
        ends = np.cumsum([len(room) for room, _ in mine])
        for (room, _), found in zip(mine, np.split(fetched, ends[:-1]), strict=True):
            room[:] = found


def _read(
    plan: Plan, made: Mapping[str, Tensor], numbers: Mapping[str, Floats]
) -> Iterator[tuple[Floats, Tensor]]:
    """The numbers of one tensor, and the room they have among those of all."""
    asked = [what for what in numbers if all(letter in made for letter in what)]
    for reading in plan.readings.values():
        mine = [what for what in asked if (len(what) == 1) == (reading.kind == "line")]
        rooms = [numbers[what][reading.place] for what in mine]
        terms = made
        if reading.halved:
            terms = {letter: reading.half(made[letter]) for letter in set("".join(mine))}
        if reading.kind == "line":
            yield from zip(rooms, (terms[what] for what in mine), strict=True)
        elif mine:
            pairs = [(terms[what[0]], terms[what[1]]) for what in mine]
            yield from zip(rooms, reading.products(pairs), strict=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """Many small operations in a row: waiting for other threads would cost more than it saves."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _kind(tensor: Tensor) -> Any:
    """What is summed in: float32 where tensors are less precise."""
    import torch

    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def gradients(
    parameters: Mapping[str, nn.Parameter], optimizers: Sequence[Optimizer] = ()
) -> dict[str, Any]:
    """Of those that have one; without the scale that fused optimizers take off in their step."""
    scales = {
        p: scale
        for optimizer in optimizers
        if (scale := getattr(optimizer, "grad_scale", None)) is not None
        for group in optimizer.param_groups
        for p in group["params"]
    }
    held = {name: p for name, p in parameters.items() if p.grad is not None}
    return {name: p.grad / scales[p] if p in scales else p.grad for name, p in held.items()}


def mean_squares(names: Sequence[str], held: Mapping[str, Any]) -> Floats:
    """Of the entries of each tensor; nan where there is none."""
    import torch

    out = np.full(len(names), np.nan)
    there = [k for k, name in enumerate(names) if held.get(name) is not None]
    if not there:
        return out
    with torch.no_grad(), one_thread():
        made = [whole(held[names[k]]) for k in there]
        norms = [torch.linalg.vector_norm(t, dtype=_kind(t)).double() for t in made]
        found = torch.stack(norms).cpu().numpy()
    out[there] = found**2 / [max(1, t.numel()) for t in made]
    return out
