"""All sums of large matrices in one pass over them, by compiled code, where a compiler is at hand.

A look reads parameters, gradients and velocities, more than a processor keeps at hand: what it
costs is how often they are read. ``sums.c`` reads each once, with as many threads as torch uses.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, cached_property
from math import prod
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from conserved.watching.compiler import compiled
from conserved.watching.products import Floats
from conserved.watching.sums import VECTORS, Plan, Reading, Sums

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 2**20  # entries of a model, below which a look costs little anyway
_PASSES = 8  # that are remembered

_DOT_ROWS, _DOT_COLUMNS, _DOT_ALL, _SUM_ROWS, _SUM_COLUMNS, _COMBINE_ROWS, _COMBINE_COLUMNS = range(
    7
)
_JOB = np.dtype(
    [(name, "<i8") for name in ("kind", "a", "b", "size", "cells", "start")]
    + [(name, "<u8") for name in ("signs", "out", "room")]
)
_MATRIX = np.dtype([(name, "<i8") for name in ("rows", "columns", "first", "count")])


@cache
def _library() -> Any:
    """``sums.c``, or None."""
    made = compiled("sums.c")
    if made is not None:
        made.read_matrices.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int64, ctypes.c_void_p]
    return made


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Of this process: threads are not there after a fork."""
    del process
    return ThreadPoolExecutor(threads, "conserved-look")


def _axis(reading: Reading, plan: Plan) -> int | None:
    """0 where a reading is made of rows of a matrix, 1 of columns; None of neither."""
    if reading.axis == 0:
        return 0
    if reading.kind != "cells" or len(plan.shape) == 2:
        return 1
    return None


def _consecutive(reading: Reading) -> bool:
    places = reading.places.ravel()
    return bool(np.array_equal(places, np.arange(places[0], places[0] + len(places))))


def readable(plan: Plan) -> bool:
    """Whether one pass gives all that is asked of a tensor."""
    if len(plan.shape) < 2:
        return False
    return all(
        _axis(reading, plan) is not None and (reading.kind != "cells" or _consecutive(reading))
        for reading in plan.readings.values()
    )


def _plain(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether its entries lie in memory as they are counted, and as many as there were."""
    import torch

    if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.shape != shape:
        return False
    return (
        tensor.dtype is torch.float32
        and tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and tensor.is_contiguous()
        and not tensor.is_neg()
        and (tensor.data_ptr() != 0 or not tensor.numel())  # sharding frees what it does not need
    )


class _Pass:
    """What is done to the same factors of the same matrices at every look.

    Args:
        lengths: for each kind of sum, numbers of all tensors.
        letters: of the factors.

    Attributes:
        names: of the matrices.
        numbers: for each kind of sum.
    """

    def __init__(self, lengths: Mapping[str, int], letters: Sequence[str]) -> None:
        self.numbers = {what: np.zeros(length) for what, length in lengths.items()}
        self.names: list[str] = []
        self._factor = {letter: k for k, letter in enumerate(letters)}
        self._jobs: list[tuple[int, ...]] = []
        self._matrices: list[tuple[int, ...]] = []
        self._held: list[Any] = []  # what jobs point to
        self._folds: list[tuple[Floats, Floats, int]] = []
        self._products: list[tuple[Floats, Any, Any, str]] = []

    def add(self, name: str, plan: Plan, asked: Sequence[str]) -> None:
        """One matrix more, of which these sums are asked."""
        shape, first = plan.shape, len(self._jobs)
        for reading in plan.readings.values():
            mine = [what for what in asked if (len(what) == 1) == (reading.kind == "line")]
            if reading.kind == "cells":
                self._combine(reading, shape, mine)
            else:
                for what in mine:
                    self._sum(reading, shape, what)
        self.names.append(name)
        columns = prod(shape[1:])
        self._matrices.append((shape[0], columns, first, len(self._jobs) - first))

    def _sum(self, reading: Reading, shape: tuple[int, ...], what: str) -> None:
        a, b = self._factor[what[0]], self._factor[what[-1]]
        out = self.numbers[what][reading.place]
        if reading.kind == "total":
            kind = _DOT_ALL
        elif reading.axis == 0:
            kind = _SUM_ROWS if len(what) == 1 else _DOT_ROWS
        else:
            kind = _SUM_COLUMNS if len(what) == 1 else _DOT_COLUMNS
            if len(shape) > 2:
                room = np.zeros(shape[1:])
                self._folds.append((out, room, reading.axis - 1))
                out = room
        self._job(kind, a, b, out=out)

    def _combine(self, reading: Reading, shape: tuple[int, ...], asked: Sequence[str]) -> None:
        cells, size = reading.places.shape
        signs = reading.signs.astype(np.float32).ravel()
        rooms = {}
        for letter in sorted(set("".join(asked))):
            across = (cells, prod(shape[1:])) if reading.axis == 0 else (shape[0], cells)
            room = rooms[letter] = np.zeros(across, dtype=np.float32)
            kind = _COMBINE_ROWS if reading.axis == 0 else _COMBINE_COLUMNS
            cut = (size, cells, int(reading.places[0, 0]))
            a = self._factor[letter]
            self._job(kind, a, a, cut, signs=signs, room=room)
        how = "kj,kj->k" if reading.axis == 0 else "jk,jk->k"
        for what in asked:
            out = self.numbers[what][reading.place]
            self._products.append((out, rooms[what[0]], rooms[what[1]], how))

    def _job(
        self, kind: int, a: int, b: int, cut: tuple[int, int, int] = (0, 0, 0), **arrays: Any
    ) -> None:
        self._held += arrays.values()
        places = [
            arrays[name].ctypes.data if name in arrays else 0 for name in ("signs", "out", "room")
        ]
        self._jobs.append((kind, a, b, *cut, *places))

    @cached_property
    def _tables(self) -> tuple[Any, Any]:
        """As ``sums.c`` has them."""
        return np.array(self._matrices, dtype=_MATRIX), np.array(self._jobs, dtype=_JOB)

    def run(self, tensors: Mapping[str, Sequence[Any]], threads: int) -> None:
        """Read all matrices.

        Args:
            tensors: the factors of each, None where there is none.
            threads: at most.
        """
        factors = np.zeros((len(self.names), 3), dtype="<u8")
        for k, name in enumerate(self.names):
            for f, tensor in enumerate(tensors[name]):
                factors[k, f] = 0 if tensor is None else tensor.data_ptr()
        taken = np.zeros(1, dtype="<i8")
        *places, following = (array.ctypes.data for array in (*self._tables, factors, taken))
        for numbers in self.numbers.values():
            numbers[:] = 0  # of a tensor that is not there any more nothing is left

        def read(*_: Any) -> int:
            return int(_library().read_matrices(*places, len(self.names), following))

        # threads that outlive an interrupt hold what they read
        held = self, tensors, factors, taken
        more, others = min(threads, len(self.names)) - 1, []
        with suppress(RuntimeError):  # no thread begins while the interpreter ends
            others = [_pool(more, os.getpid()).submit(read, held) for _ in range(more)]
        if any([read(), *(other.result() for other in others)]):
            raise MemoryError("no room for a row of a matrix")
        for out, room, axis in self._folds:
            out[:] = np.moveaxis(room, axis, 0).reshape(len(out), -1).sum(1)
        for out, x, y, how in self._products:
            out[:] = np.einsum(how, x, y, dtype=np.float64)


class Matrices:
    """The large matrices of a model.

    Args:
        sums: the laws.
    """

    def __init__(self, sums: Sums) -> None:
        self._plans, self._products, self._lines = sums.plans, sums.products, sums.lines
        sizes = {n: prod(plan.shape) for n, plan in sums.plans.items() if n != VECTORS}
        there = [n for n in sizes if readable(sums.plans[n])]
        self._names = sorted(there, key=lambda n: -sizes[n])  # the largest are begun first
        self._worth = sum(sizes[n] for n in self._names) >= LEAST
        self._passes: dict[tuple[Any, ...], _Pass] = {}

    def read(
        self, wanted: Sequence[str], held: Mapping[str, Mapping[str, Any]]
    ) -> tuple[dict[str, Floats], set[str]]:
        """The numbers of a look, as far as one pass gives them.

        Args:
            wanted, held: as for ``look``.

        Returns:
            For each that is wanted the numbers of all tensors, and the tensors that are done.
        """
        import torch

        letters = sorted(held)
        mine: dict[str, list[Any]] = {}
        for name in self._names if self._worth else ():
            tensors, shape = [held[k].get(name) for k in letters], self._plans[name].shape
            if all(t is None or _plain(t, shape) for t in tensors):
                mine[name] = tensors
        if not mine or len(letters) > 3 or _library() is None:
            return {what: np.zeros(length) for what, length in self._lengths(wanted).items()}, set()
        there = tuple((n, *(x is not None for x in t)) for n, t in mine.items())
        key = (*wanted, *letters, there)
        if key not in self._passes:
            if len(self._passes) >= _PASSES:
                self._passes.clear()
            self._passes[key] = self._plan(wanted, letters, mine)
        found = self._passes[key]
        found.run(mine, torch.get_num_threads())
        return found.numbers, set(mine)

    def _lengths(self, wanted: Sequence[str]) -> dict[str, int]:
        return {w: (self._products if len(w) == 2 else self._lines).length for w in wanted}

    def _plan(
        self, wanted: Sequence[str], letters: Sequence[str], mine: Mapping[str, Sequence[Any]]
    ) -> _Pass:
        made = _Pass(self._lengths(wanted), letters)
        for name, tensors in mine.items():
            there = {k for k, x in zip(letters, tensors, strict=True) if x is not None}
            made.add(name, self._plans[name], [w for w in wanted if set(w) <= there])
        return made


_known: WeakKeyDictionary[Sums, Matrices] = WeakKeyDictionary()


def matrices(sums: Sums) -> Matrices:
    """Those of one set of laws, the same at each look."""
    if sums not in _known:
        _known[sums] = Matrices(sums)
    return _known[sums]
