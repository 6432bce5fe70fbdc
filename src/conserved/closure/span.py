"""The span of the fields of a problem and their brackets at one point, raised level by level.

Level doubling, U_{j+1} = U_j + [U_j, U_j], reaches brackets of length 2^j in j levels; that the
span is all of Lie(W) is confirmed by brackets with the generators alone (theory §2 and §8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.fields import Fields, Leaves
from conserved.kernel.brackets import Nested, concatenate, evaluate, mixed
from conserved.kernel.deadline import OutOfTimeError, ended_by, late, limited
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array

MAX_LEVEL = 7  # brackets up to length 128
_STABLE_AFTER = 4  # rows in a row that raise nothing before a space counts as full
_STABLE_AFTER_PATTERNS = 256  # along an orbit a single row sees one activation pattern only
_BLOCK_ROWS = 512
_BLOCK_TIMED = 64  # rows between two looks at the clock
_BLOCK_BYTES = 2**28
HELD_BYTES = 2**30  # of values kept beside the fields of a level

Progress = Callable[[str, int, int], None]


@dataclass
class _Pool:
    """Fields of one level with their values (batch, D) at the point, unless these fill the memory.

    Then each is computed again when it is asked for.
    """

    nested: Nested
    values: Array | None

    def __len__(self) -> int:
        return len(self.nested)

    def at(self, fields: Fields, theta: Array, index: NDArray[np.intp]) -> Array:
        """Values (count, D) of some of them."""
        known = self.values
        nested = self.nested.take(index)
        found: Array = evaluate(fields, nested, theta)[0] if known is None else known[index]
        return found


class LieSpan:
    """The span of the fields and their brackets at one point, as far as it has been raised.

    Args:
        fields: the fields of a problem.
        lower: laws known; raising stops when D − rank meets them.
        progress: called with (stage, rank, D).
        theta: the point, (1, 1, D); a random one by default.

    Attributes:
        space: the span as a row space; its annihilator is where gradients of laws lie.
    """

    def __init__(
        self,
        fields: Fields,
        lower: int = 0,
        progress: Progress | None = None,
        theta: Array | None = None,
    ) -> None:
        self.fields = fields
        self.rng = fields.rng
        self.theta = fields.point() if theta is None else theta
        self.space = RowSpace(fields.scalars, fields.dimension)
        self.target = fields.dimension - lower
        self.progress = progress
        self.ranks: list[int] = []
        self.closed = False
        self.stable_after = _STABLE_AFTER_PATTERNS if fields.sampled_patterns else _STABLE_AFTER

    def close(self) -> str:
        """Raise the rank until it has stabilised; say why it stopped."""
        try:
            return self._close()
        except OutOfTimeError:  # in the middle of a block; what it has raised already counts
            if not self.ranks or self.space.rank > self.ranks[-1]:
                self.ranks.append(self.space.rank)
            return ended_by()

    def _close(self) -> str:
        generators = self._generators()
        pools = [generators]
        self.ranks.append(self.space.rank)
        for level in range(1, MAX_LEVEL + 1):
            if reason := self._finished():
                return reason
            if not self._rises(generators, pools[-1]):
                if self.fields.sampled_patterns:
                    return (
                        f"{self.stable_after} more random patterns raise nothing, rarer ones might"
                    )
                self.closed = True
                return "brackets with the generators raise the rank no further"
            if level > 1:
                pools[-1] = self._topped_up(pools[-1], pools[-2])
            pools.append(self._doubled(pools[-1]))
            self.ranks.append(self.space.rank)
        return self._finished() or f"bracket length {2**MAX_LEVEL} reached"

    def _finished(self) -> str:
        if self.space.rank == self.fields.dimension:
            self.closed = True
            return "full rank"
        if self.space.rank >= self.target:
            self.closed = True
            return "the bound meets the laws already known"
        if late():
            return ended_by()
        return ""

    def _full(self) -> bool:
        return self.space.rank >= self.target

    def _generators(self) -> _Pool:
        """Fields of single data until the rank has stabilised."""
        leaves: list[Leaves] = []
        values: list[Array] | None = []
        most = self.fields.dimension
        if self.fields.generators is not None:
            most = min(most, self.fields.generators)
        costly = max(self.stable_after, 8 * self.fields.batch_size(1))
        most = min(most + self.stable_after, _BLOCK_ROWS, costly)
        size = self.stable_after if limited() else most  # few at first, and a look at the clock
        while True:
            more, at = self.fields.draw(size, self.theta)
            leaves.append(more)
            values = _held(values, at)
            raised = self.space.add(at)
            self._report("fields")
            size = min(2 * size, most, max(self.stable_after, _BLOCK_TIMED)) if limited() else most
            if not raised[-self.stable_after :].any() or self._full() or late():
                break
        nested = Nested(0, Leaves.concatenate(leaves))
        return _Pool(nested, None if values is None else np.concatenate(values))

    def _rises(self, generators: _Pool, pool: _Pool) -> bool:
        """Whether some [w, u] leaves the span: the stopping rule of theory §2."""
        count = self.stable_after
        w = self.rng.integers(len(generators), size=count)
        u = self.rng.integers(len(pool), size=count)
        if pool is generators:
            u = (w + 1 + self.rng.integers(len(pool) - 1, size=count)) % len(pool)
        rows = mixed(
            self.fields,
            generators.nested.take(w),
            generators.at(self.fields, self.theta, w),
            pool.nested.take(u),
            pool.at(self.fields, self.theta, u),
            self.theta,
        )
        return bool(self.space.add(rows).any())

    def _doubled(self, pool: _Pool) -> _Pool:
        """Fields of the next level until the rank has stabilised."""
        new: _Pool | None = None
        width = self.fields.dimension
        level = pool.nested.level + 1
        limit = max(self.stable_after, min(_BLOCK_ROWS, _BLOCK_BYTES // (8 * width * 4**level)))
        size = 2 * self.space.rank + self.stable_after  # few generators rarely fill the space
        if limited():
            limit, size = min(limit, max(self.stable_after, _BLOCK_TIMED)), self.stable_after
        while True:
            missing = width - self.space.rank + self.stable_after
            batch, values = self._next_level(pool, min(missing, limit, size))
            size *= 2
            raised = self.space.add(values)
            new = batch if new is None else _joined(new, batch)
            self._report(f"brackets up to length {2**level}")
            if not raised[-self.stable_after :].any() or self._full() or late():
                return new

    def _topped_up(self, pool: _Pool, below: _Pool) -> _Pool:
        """As many fields as span their level, so that brackets among them suffice."""
        missing = self.space.rank + self.stable_after - len(pool)
        return pool if missing <= 0 else _joined(pool, self._next_level(below, missing)[0])

    def _next_level(self, pool: _Pool, count: int) -> tuple[_Pool, Array]:
        """So many random brackets of a pool, and their values."""
        left = self.rng.integers(len(pool), size=count)
        right = (left + 1 + self.rng.integers(len(pool) - 1, size=count)) % len(pool)
        chosen = np.concatenate([left, right])
        operands = pool.nested.take(chosen)
        weights = self.fields.scalars.random(self.rng, (count,))
        nested = Nested(operands.level + 1, operands.leaves, (*operands.weights, weights))
        operands_at = pool.at(self.fields, self.theta, chosen)
        values = evaluate(self.fields, nested, self.theta, operands_at[None])[0]
        return _Pool(nested, values), values

    def _report(self, stage: str) -> None:
        if self.progress is not None:
            self.progress(stage, self.space.rank, self.fields.dimension)


def _joined(first: _Pool, second: _Pool) -> _Pool:
    values = None if first.values is None else _held([first.values], second.values)
    nested = concatenate(first.nested, second.nested)
    return _Pool(nested, None if values is None else np.concatenate(values))


def _held(values: list[Array] | None, more: Array | None) -> list[Array] | None:
    """These and more, or None where that is too much to hold."""
    if values is None or more is None:
        return None
    held = [*values, more]
    return held if sum(part.nbytes for part in held) <= HELD_BYTES else None
