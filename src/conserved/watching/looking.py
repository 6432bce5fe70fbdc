"""One look at a model: the sums its laws need, of parameters, gradients and velocities."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.watching.products import Entries, Floats, entries
from conserved.watching.sums import VECTORS, Plan, Sums
from conserved.watching.tensors import whole

if TYPE_CHECKING:
    from torch import Tensor, nn

_THREADS, _SHARED = 4, 2**18  # at most; entries below which sharing them is not worth it


class _Factor:
    """Tensors by name, as one factor of the sums of laws; what has no tensor counts as 0."""

    def __init__(self, sums: Sums, tensors: Mapping[str, Any]) -> None:
        self._sums, self._tensors = sums, tensors

    def has(self, name: str) -> bool:
        """Whether there is anything of this name; among the vectors something always is."""
        return name == VECTORS or self._tensors.get(name) is not None

    def sharded(self, name: str) -> bool:
        """Whether ranks have to gather it together."""
        names = self._sums.vectors if name == VECTORS else [name]
        return any(hasattr(self._tensors.get(n), "full_tensor") for n in names)

    def entries(self, name: str) -> Entries:
        """What sums are made of."""
        return self._vectors() if name == VECTORS else entries(self._tensors[name])

    def _vectors(self) -> Floats:
        """All tensors of one axis, fetched together."""
        import torch

        there = [self._tensors.get(name) for name in self._sums.vectors]
        made = [whole(t) for t in there if t is not None]
        found = torch.cat(made).double().cpu().numpy() if made else np.zeros(0)
        if len(made) == len(there):
            return found
        out = np.zeros(self._sums.plans[VECTORS].shape)
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
    import torch

    gathers = {what: sums.products if len(what) == 2 else sums.lines for what in wanted}
    numbers = {what: np.zeros(gather.length) for what, gather in gathers.items()}
    factors = {letter: _Factor(sums, tensors) for letter, tensors in held.items()}
    pending: list[tuple[Floats, Any]] = []

    def read(name: str) -> None:
        with torch.no_grad(), np.errstate(all="ignore"):  # a gradient may be infinite
            _read(sums.plans[name], name, numbers, factors, pending)

    _shared(read, *_order(sums, factors))
    if pending:
        there = torch.cat([found for _, found in pending]).cpu().numpy()
        ends = np.cumsum([len(room) for room, _ in pending])
        for (room, _), found in zip(pending, np.split(there, ends[:-1]), strict=True):
            room[:] = found
    return {what: gathers[what](found, sums.slots) for what, found in numbers.items()}


def _read(
    plan: Plan,
    name: str,
    numbers: Mapping[str, Floats],
    factors: Mapping[str, _Factor],
    pending: list[tuple[Floats, Any]],
) -> None:
    """The numbers of one tensor; those of another device are fetched later."""
    made = {letter: factor.entries(name) for letter, factor in factors.items() if factor.has(name)}
    for reading in plan.readings.values():
        degree = 1 if reading.kind == "line" else 2
        asked = [w for w in numbers if len(w) == degree and all(letter in made for letter in w)]
        mine = {letter: made[letter] for what in asked for letter in what}
        if reading.halved:
            mine = {letter: reading.half(x) for letter, x in mine.items()}
        for what in asked:
            found = mine[what] if degree == 1 else reading.product(mine[what[0]], mine[what[1]])
            room = numbers[what][reading.place]
            if isinstance(found, np.ndarray):
                room[:] = found
            else:
                pending.append((room, found))


def _order(sums: Sums, factors: Mapping[str, _Factor]) -> tuple[list[str], list[str]]:
    """Tensors to be read in turn, and those that threads may share, the largest first."""
    alone: list[str] = []
    free: list[str] = []
    for name in sums.plans:
        together = any(factor.sharded(name) for factor in factors.values())
        (alone if together else free).append(name)
    sizes = {name: prod(sums.plans[name].shape) for name in free}
    free.sort(key=lambda name: -sizes[name])
    if sum(sizes.values()) < _SHARED:
        return alone + free, []
    return alone, free


def _shared(work: Callable[[str], None], alone: Sequence[str], free: Sequence[str]) -> None:
    """Do one after another, or whoever has time the next."""
    import torch

    for name in alone:
        work(name)
    left = deque(free)

    def help_out() -> None:
        while left:
            try:
                name = left.popleft()
            except IndexError:
                return
            work(name)

    others = min(torch.get_num_threads(), _THREADS, len(free)) - 1
    helping = [_helpers().submit(help_out) for _ in range(others)]
    help_out()
    for one in helping:
        one.result()


@cache
def _helpers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS - 1, thread_name_prefix="conserved-look")


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


def gradients(parameters: Mapping[str, nn.Parameter]) -> dict[str, Any]:
    """Of those that have one."""
    return {name: p.grad for name, p in parameters.items() if p.grad is not None}


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
