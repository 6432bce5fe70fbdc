"""All sums of a large model in one pass over its tensors, by compiled code, where it can be had.

A look reads parameters, gradients and velocities, more than a processor keeps at hand: what it
costs is how often they are read. ``sums.c`` reads each once, with as many threads as torch uses.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from itertools import accumulate, pairwise
from math import prod
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from conserved.watching.look.compiler import compiled
from conserved.watching.look.products import Floats
from conserved.watching.look.sums import VECTORS, Plan, Reading, Sums
from conserved.watching.look.threads import together
from conserved.watching.tensors import plain

LEAST = 2**20  # entries of a model, below which a look costs little anyway
_PASSES = 8  # that are remembered

_DOT_ROWS, _DOT_COLUMNS, _DOT_ALL, _SUM_ROWS, _SUM_COLUMNS = range(5)
_COMBINE_ROWS, _COMBINE_COLUMNS, _PAIR = range(5, 8)
_JOB = np.dtype(
    [(name, "<i8") for name in ("kind", "a", "b", "start", "size", "cells", "stride")]
    + [(name, "<u8") for name in ("signs", "out", "room")]
)
_MATRIX = np.dtype([(name, "<i8") for name in ("rows", "columns", "first", "count")])


class _Task(ctypes.Structure):
    """As ``sums.c`` has it."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("matrices", "jobs", "factors")),
        *((name, ctypes.c_int64) for name in ("count", "next", "failed")),
    )


@cache
def _library() -> Any:
    """``sums.c``, or None."""
    return compiled("sums.c")


def _runs(places: NDArray[np.intp]) -> list[slice]:
    """Cells (cells, size) at even distances, one run after another; none if any has gaps."""
    if (np.diff(places, axis=1) != 1).any():
        return []
    starts, size = places[:, 0].tolist(), places.shape[1]
    runs, first = [], 0
    for k in range(1, len(starts) + 1):
        apart = starts[k] - starts[k - 1] if k < len(starts) else 0
        if apart < size or (k > first + 1 and apart != starts[first + 1] - starts[first]):
            runs.append(slice(first, k))
            first = k
    return runs


def evenly(plan: Plan) -> bool:
    """Whether cells are what one pass can read."""
    return all(
        bool(_runs(r.places)) and (r.axis == 0 or len(plan.shape) == 2)
        for r in plan.readings.values()
        if r.kind == "cells"
    )


class _Pass:
    """What is done to the same factors of the same tensors at every look.

    Args:
        numbers: for each kind of sum, room for those of all tensors.
        rooms: for combinations; both are shared by all passes.
        letters: of the factors.

    Attributes:
        names: of the tensors.
    """

    def __init__(
        self,
        numbers: Mapping[str, Floats],
        rooms: dict[tuple[int, int, str], Any],
        letters: Sequence[str],
    ) -> None:
        self._numbers, self._rooms = numbers, rooms
        self.names: list[str] = []
        self._factor = {letter: k for k, letter in enumerate(letters)}
        self._jobs: list[tuple[int, ...]] = []
        self._matrices: list[tuple[int, ...]] = []
        self._held: list[Any] = []  # what jobs point to
        self._folds: list[tuple[Floats, Floats, int, slice]] = []

    def add(self, name: str, plan: Plan, asked: Sequence[str]) -> None:
        """One matrix more, of which these sums are asked."""
        shape, first = plan.shape, len(self._jobs)
        for reading in plan.readings.values():
            mine = _asked(reading, asked)
            if reading.kind == "cells":
                self._combine(reading, slice(0, len(reading.places)), reading.axis, shape, 0, mine)
            elif reading.kind == "total":
                for what in mine:
                    self._job(_DOT_ALL, what, out=self._numbers[what][reading.place])
            else:
                for what in mine:
                    self._along(reading, shape, what)
        self._close(name, shape[0], prod(shape[1:]), first)

    def add_vector(self, name: str, plan: Plan, place: slice, asked: Sequence[str]) -> None:
        """One tensor of one axis more, with its place among them all: a matrix of one row."""
        first, shape = len(self._jobs), (1, place.stop - place.start)
        for reading in plan.readings.values():
            mine = _asked(reading, asked)
            if reading.kind == "cells":
                inside = (reading.places[:, 0] >= place.start) & (reading.places[:, 0] < place.stop)
                for run in _spans(inside):
                    self._combine(reading, run, 1, shape, place.start, mine)
                continue
            start = max(reading.first, place.start)
            stop = min(reading.first + reading.length, place.stop)
            if start >= stop:
                continue
            kind = _SUM_COLUMNS if reading.kind == "line" else _DOT_COLUMNS
            begin = reading.start + start - reading.first
            for what in mine:
                out = self._numbers[what][begin : begin + stop - start]
                self._job(kind, what, (start - place.start, stop - start), out=out)
        self._close(name, *shape, first)

    def _close(self, name: str, rows: int, columns: int, first: int) -> None:
        self.names.append(name)
        self._matrices.append((rows, columns, first, len(self._jobs) - first))

    def _along(self, reading: Reading, shape: tuple[int, ...], what: str) -> None:
        out, axis = self._numbers[what][reading.place], reading.axis
        part = reading.first, reading.length
        if axis == 0:
            self._job(_SUM_ROWS if len(what) == 1 else _DOT_ROWS, what, part, out=out)
            return
        kind = _SUM_COLUMNS if len(what) == 1 else _DOT_COLUMNS
        if len(shape) == 2:
            self._job(kind, what, part, out=out)
            return
        room, kept = np.zeros(shape[1:]), slice(reading.first, reading.first + reading.length)
        self._folds.append((out, room, axis - 1, kept))
        self._job(kind, what, (0, room.size), out=room)

    def _combine(
        self,
        reading: Reading,
        chosen: slice,
        axis: int,
        shape: tuple[int, ...],
        offset: int,
        asked: Sequence[str],
    ) -> None:
        """(rᵀX)(rᵀY) of some cells of a reading."""
        every, length = reading.places[chosen] - offset, prod(shape[1:]) if axis == 0 else shape[0]
        for run in _runs(every):
            places, signs = every[run], reading.signs[chosen][run].astype(np.float32).ravel()
            (cells, size), start = places.shape, int(places[0, 0])
            stride = int(places[1, 0]) - start if cells > 1 else size
            kind, rooms = _COMBINE_ROWS if axis == 0 else _COMBINE_COLUMNS, {}
            begin = reading.start + chosen.start + run.start
            for letter in sorted(set("".join(asked))):
                key = begin, cells, letter
                if key not in self._rooms:
                    self._rooms[key] = np.zeros((cells, length), dtype=np.float32)
                room = rooms[letter] = self._rooms[key]
                self._job(kind, letter, (start, size, cells, stride), signs=signs, room=room)
            for what in asked:
                out = self._numbers[what][begin : begin + cells]
                pair = {"signs": rooms[what[0]], "room": rooms[what[1]]}
                self._job(_PAIR, what, (0, length, cells, 0), out=out, **pair)

    def _job(self, kind: int, what: str, part: Sequence[int] = (), **arrays: Any) -> None:
        self._held += arrays.values()
        places = [
            arrays[name].ctypes.data if name in arrays else 0 for name in ("signs", "out", "room")
        ]
        cut = (*part, *[0] * (4 - len(part)))
        self._jobs.append((kind, self._factor[what[0]], self._factor[what[-1]], *cut, *places))

    @cached_property
    def _tables(self) -> tuple[Any, Any]:
        """As ``sums.c`` has them."""
        return np.array(self._matrices, dtype=_MATRIX), np.array(self._jobs, dtype=_JOB)

    def run(self, factors: NDArray[np.uint64], threads: int, held: Any) -> None:
        """Read all tensors.

        Args:
            factors: (tensors, 3) where the factors of each begin; 0 where there is none.
            threads: at most.
            held: keeps the tensors in memory.
        """
        places = [array.ctypes.data for array in (*self._tables, factors)]
        task = _Task(*places, len(self.names), 0, 0)
        together(_library().read_matrices, task, min(threads, len(self.names)), (self, held))
        if task.failed:
            raise MemoryError("no room for a row of a matrix")
        for out, room, axis, kept in self._folds:
            every = np.moveaxis(room, axis, 0)
            out[:] = every.reshape(len(every), -1).sum(1)[kept]


def _begin(tensor: Any, shape: tuple[int, ...]) -> int | None:
    """Where the numbers of a tensor lie; 0 where there is none, None where they lie otherwise."""
    import torch

    if tensor is None:
        return 0
    if tensor.shape != shape or tensor.dtype is not torch.float32 or not plain(tensor):
        return None
    return int(tensor.data_ptr())


def _asked(reading: Reading, wanted: Sequence[str]) -> list[str]:
    return [what for what in wanted if (len(what) == 1) == (reading.kind == "line")]


def _spans(inside: NDArray[np.bool_]) -> list[slice]:
    """Where it is true, one run after another."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


class Matrices:
    """The matrices and vectors of a model, where it is large.

    Args:
        sums: the laws.
    """

    def __init__(self, sums: Sums) -> None:
        self._plans, self._products, self._lines = sums.plans, sums.products, sums.lines
        sizes = {n: prod(plan.shape) for n, plan in sums.plans.items() if n != VECTORS}
        there = [n for n in sizes if len(sums.plans[n].shape) > 1 and evenly(sums.plans[n])]
        self._names = sorted(there, key=lambda n: -sizes[n])  # the largest are begun first
        self._worth = sum(sizes[n] for n in self._names) >= LEAST
        self._shapes = {name: sums.plans[name].shape for name in self._names}
        ends = list(accumulate(sums.lengths, initial=0))
        self._vectors: dict[str, slice] = {}
        if VECTORS in sums.plans and evenly(sums.plans[VECTORS]):
            places = (slice(a, b) for a, b in pairwise(ends))
            self._vectors = dict(zip(sums.vectors, places, strict=True))
        self._shapes |= {name: (place.stop - place.start,) for name, place in self._vectors.items()}
        self._passes: dict[tuple[Any, ...], _Pass] = {}
        self._last: _Pass | None = None
        self._room: dict[str, Floats] = {}
        self._rooms: dict[tuple[int, int, str], Any] = {}

    def read(
        self, wanted: Sequence[str], held: Mapping[str, Mapping[str, Any]]
    ) -> tuple[dict[str, Floats], set[str]]:
        """The numbers of a look, as far as one pass gives them.

        Args:
            wanted, held: as for ``look``.

        Returns:
            For each that is wanted the numbers of all tensors, and the plans that are done.
        """
        import torch

        letters = sorted(held)
        if not self._worth or len(letters) > 3 or _library() is None:
            return self._numbers(wanted, anew=True), set()
        begins: dict[str, list[Any]] = {
            name: [_begin(held[letter].get(name), shape) for letter in letters]
            for name, shape in self._shapes.items()
        }
        left = {name for name, places in begins.items() if None in places}
        if left & self._vectors.keys():  # which are done together
            left |= self._vectors.keys()
        done = {name for name in self._plans if name in self._shapes and name not in left}
        if self._vectors and not left & self._vectors.keys():
            done.add(VECTORS)
        if not done:
            return self._numbers(wanted, anew=True), set()
        there = {name: places for name, places in begins.items() if name not in left}
        factors = np.zeros((len(there), 3), dtype=np.uint64)
        factors[:, : len(letters)] = list(there.values())
        key = (*wanted, *letters, frozenset(left), (factors > 0).tobytes())
        if key not in self._passes:
            if len(self._passes) >= _PASSES:
                self._passes.clear()
            self._passes[key] = self._plan(wanted, letters, there)
        found, last = self._passes[key], self._last
        self._last = found
        # of a tensor that is not there any more nothing is left; torch reads those that are left
        numbers = self._numbers(wanted, anew=found is not last or len(done) < len(self._plans))
        found.run(factors, torch.get_num_threads(), held)
        return numbers, done

    def _numbers(self, wanted: Sequence[str], *, anew: bool) -> dict[str, Floats]:
        """Room for those of all tensors, the same at each look."""
        for what in wanted:
            if what not in self._room:
                gather = self._products if len(what) == 2 else self._lines
                self._room[what] = np.zeros(gather.length)
            elif anew:
                self._room[what][:] = 0
        return {what: self._room[what] for what in wanted}

    def _plan(
        self, wanted: Sequence[str], letters: Sequence[str], mine: Mapping[str, Sequence[Any]]
    ) -> _Pass:
        made = _Pass(self._numbers(wanted, anew=False), self._rooms, letters)
        for name, places in mine.items():
            there = {letter for letter, place in zip(letters, places, strict=True) if place}
            asked = [w for w in wanted if set(w) <= there]
            if name in self._vectors:
                made.add_vector(name, self._plans[VECTORS], self._vectors[name], asked)
            else:
                made.add(name, self._plans[name], asked)
        return made


_known: WeakKeyDictionary[Sums, Matrices] = WeakKeyDictionary()


def matrices(sums: Sums) -> Matrices:
    """Those of one set of laws, the same at each look."""
    if sums not in _known:
        _known[sums] = Matrices(sums)
    return _known[sums]
