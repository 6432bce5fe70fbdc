"""What every family of vector fields offers: draw at random, evaluate in batches on jets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array

CHUNK_BYTES = 256 * 2**20
_ROUNDS = 400  # redraws of degenerate samples before the point itself is called degenerate


@dataclass(frozen=True, eq=False)
class Leaves:
    """A batch of fields as data: arrays whose axis 0 is the batch. Families say what they hold."""

    arrays: tuple[NDArray[Any], ...]

    def __len__(self) -> int:
        return len(self.arrays[0])

    def take(self, index: NDArray[np.intp] | slice) -> Leaves:
        """The fields at these positions."""
        return Leaves(tuple(array[index] for array in self.arrays))

    @staticmethod
    def concatenate(parts: list[Leaves]) -> Leaves:
        """Several batches as one."""
        columns = zip(*(part.arrays for part in parts), strict=True)
        return Leaves(tuple(np.concatenate(column) for column in columns))


class Fields(ABC):
    """The vector fields of a problem: every direction in which some dataset can pull.

    Law every family obeys: the values at any θ of all fields it can draw span W(θ) of theory §3,
    for the same problem whatever the family.

    Attributes:
        program: of the network.
        dimension: D, of the state.
        route: how the data class enters, in words for a person.
        generators: an upper bound on the number of linearly independent fields, if known.
        sampled_patterns: whether activation patterns are drawn, so that rare ones may be missed.
        one_cell: whether they are those of one cell of parameter space.
        hidden: degree of the fields in what is drawn once for all of them.
        sample_bytes: memory of one evaluation on plain scalars.
        evaluations: how many fields were evaluated so far.
        invalid: which samples of the last evaluation had no value there.
        note: what a reader of the count should know of these fields, or "".
    """

    route: str
    sample_bytes: int
    generators: int | None = None
    sampled_patterns: bool = False
    one_cell: bool = False
    hidden: int = 0

    def __init__(
        self,
        program: Program,
        scalars: Residues,
        rng: np.random.Generator,
        *,
        ring: FormalRing | None = None,
        dimension: int | None = None,
    ) -> None:
        self.program = program
        self.scalars = scalars
        self.rng = rng
        self.ring = ring or FormalRing(scalars, salt=int(rng.integers(2**62)))
        self.dimension = program.size if dimension is None else dimension
        self.evaluations = 0
        self.note = ""
        self.invalid: NDArray[np.bool_] | None = None

    @abstractmethod
    def draw_leaves(self, count: int) -> Leaves:
        """Random fields, not yet evaluated anywhere."""

    @abstractmethod
    def pull(self, leaves: Leaves, theta: Array) -> Array:
        """The fields at θ (jet, batch, D) on jets, all at once: (jet, batch, D)."""

    def unproved_roots(self) -> str:
        """Why the square roots are not known to be generic, or ""; there are none by default."""
        return ""

    def point(self) -> Array:
        """A random θ, (1, 1, D)."""
        return self.points(1)

    def points(self, count: int) -> Array:
        """Random θ, (1, count, D)."""
        return self.scalars.random(self.rng, (1, count, self.dimension))

    def leaves_at(self, theta: Array) -> Leaves:
        """One random field for each θ of (1, batch, D)."""
        return self.draw_leaves(theta.shape[1])

    def draw(self, count: int, theta: Array) -> tuple[Leaves, Array]:
        """Random fields and their values (count, D) at θ; degenerate samples are drawn again.

        Raises:
            DegenerateSampleError: no sample has a value at this θ; draw another.
        """
        wide = np.broadcast_to(theta, (1, count, self.dimension))
        leaves = self.leaves_at(wide)
        values = self.evaluate(leaves, theta)[0]
        for _ in range(_ROUNDS):
            if self.invalid is None:
                return leaves, values
            keep = np.flatnonzero(~self.invalid)
            fresh = self.leaves_at(wide[:, len(keep) :])
            leaves = Leaves.concatenate([leaves.take(keep), fresh])
            values = np.concatenate([values[keep], self.evaluate(fresh, theta)[0]])
            if self.invalid is not None:
                self.invalid = np.concatenate([np.zeros(len(keep), np.bool_), self.invalid])
        raise DegenerateSampleError("no sample has a value at this point")

    def evaluate(self, leaves: Leaves, theta: Array) -> Array:
        """The fields at θ on jets: (jet, batch or 1, D) → (jet, batch, D), in chunks."""
        self.evaluations += len(leaves)
        wide = np.broadcast_to(theta, (len(theta), len(leaves), self.dimension))
        step = self.batch_size(len(theta))
        parts, failed = [], []
        for start in range(0, len(leaves), step):
            part = leaves.take(slice(start, start + step))
            self.ring.invalid = None
            parts.append(self.pull(part, wide[:, start : start + step]))
            bad = self.ring.invalid
            failed.append(np.broadcast_to(False if bad is None else bad, (len(part),)))
        invalid = np.concatenate(failed)
        self.invalid = invalid if invalid.any() else None
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    @property
    def formal(self) -> bool:
        """Whether formal values entered any evaluation so far."""
        return self.ring.used_formal_values

    def batch_size(self, jets: int) -> int:
        """How many samples of that many jet entries are evaluated at once."""
        return max(1, CHUNK_BYTES // (self.sample_bytes * jets))

    def arguments(self, theta: Array) -> tuple[list[tuple[str, Array]], NDArray[np.bool_]]:
        """What fresh fields, one at each θ of (1, batch, D), feed to transcendental functions.

        Returns:
            (family, arguments (1, batch, …)) of each call, and which samples had a value (batch,).
        """
        met: list[tuple[str, Array]] = []
        self.ring.arguments = met
        self.ring.invalid = None
        self.pull(self.leaves_at(theta), theta)
        self.ring.arguments = None
        bad = False if self.ring.invalid is None else self.ring.invalid
        return met, ~np.broadcast_to(bad, (theta.shape[1],))
