"""Fields from explicit data: single points for all data, whole orbits under a finite group.

Cost of one evaluation: one forward and one backward pass for each point of the orbit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.choices import Pieces, pieces
from conserved.kernel.evaluate import Choose, Run, given
from conserved.kernel.fields import Fields, Leaves
from conserved.kernel.losses import Loss
from conserved.kernel.orbit import SINGLE, Orbit
from conserved.kernel.pattern import RealPattern
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues
from conserved.kernel.roots import Roots, independent, points_needed, settled
from conserved.kernel.scalars import Array


class PointFields(Fields):
    """One datum, or the orbit of one datum, per field.

    Leaves hold inputs (batch, *input), whose orbits are formed when a field is evaluated, labels
    (batch, *output) (for all data the pull v = ∇ℓ itself), keys (batch,) that fix formal losses,
    and for each choice of the program (gate, maximum, order) its values (batch, data, *shape).

    Piecewise networks: for all data the fields of all patterns count, as in 2307.00144: a law must
    survive every pattern. Where every pattern is known to be met, and gates enter linearly, random
    residues in place of 0 and 1 span the same space, and no pattern is rare. Where that is not
    known, patterns come from real random networks, each at its own parameters. Under a symmetry the
    patterns are those of one real network along orbits: the count is that of one cell of parameter
    space.

    Args:
        program: of the network, with one input.
        loss: ℓ.
        scalars, rng: as for all fields.
        orbit: the points of a datum; by default itself alone, so that the pull v = ∇ℓ is free.
        widest: draw every assignment of residues to distinct gates, met or not: what is conserved
            then is conserved on every pattern.
    """

    def __init__(
        self,
        program: Program,
        loss: Loss,
        scalars: Residues,
        rng: np.random.Generator,
        orbit: Orbit = SINGLE,
        *,
        widest: bool = False,
    ) -> None:
        super().__init__(program, scalars, rng)
        self.loss = loss
        self.orbit = orbit
        ((_, self.input_shape),) = program.inputs
        self._pattern: RealPattern | None = None
        self._pieces: Pieces | None = None
        self._bits = False
        self._roots = Roots(program)
        self.route = "single data points"
        if not orbit.trivial:
            self.route = f"explicit orbits of {orbit.order:,} points"
        if program.choices:
            self._choose_patterns(widest)
        self.sample_bytes = 8 * (5 * program.size + 3 * program.volume(orbit.order))

    def _choose_patterns(self, widest: bool) -> None:
        """Every pattern, or those of real networks; say which."""
        found = pieces(self.program)
        if self.orbit.trivial and (widest or (found.free and found.with_inputs)):
            self._pieces = found
            self._bits = not widest and not found.linear
            self.sampled_patterns = self._bits
            self.note = (
                "counted over every activation pattern, as in arXiv 2307.00144; where the "
                "inputs of a narrow network reach only some, more is conserved"
            )
            return
        moving = self.orbit.trivial and found.with_inputs
        self._pattern = RealPattern(self.program, self.orbit, self.rng, moving=moving)
        self.sampled_patterns = True
        if moving:
            self.note = (
                "not every pattern of its gates is known to be met, so patterns are drawn from "
                "real networks; rare ones may be missed"
            )
            return
        self.one_cell = True
        self.note = "counted for one cell of activation patterns; other cells may differ"
        if found.free and not self.orbit.trivial:
            self.note += ", and all data are counted over every pattern: the two do not compare"
        if self._pattern.dead:
            self.note += f"; {self._pattern.dead} units are dead in it"

    def points(self, count: int) -> Array:
        """Random θ, (1, count, D), at which the roots of parameters alone exist."""
        return self._points(count, self._roots.of_parameters)

    def leaves_at(self, theta: Array) -> Leaves:
        """One random field for each θ of (1, batch, D), at data whose roots exist there."""
        return self._with_roots(self.draw_leaves(theta.shape[1]), theta, self._roots.of_data)

    def _points(self, count: int, wanted: Sequence[int]) -> Array:
        """Random θ, (1, count, D), at which some roots of parameters alone exist."""
        start = self.scalars.random(self.rng, (1, count, self.dimension))
        if not wanted:
            return start
        return settled(
            self.scalars,
            self.rng,
            start[0],
            lambda points, rows: self._root_arguments(
                wanted, points[None], self.draw_leaves(len(rows))
            ),
        )[None]

    def _with_roots(self, leaves: Leaves, theta: Array, wanted: Sequence[int]) -> Leaves:
        """The same fields at inputs that were moved to where some roots exist."""
        if not wanted:
            return leaves
        inputs, *rest = leaves.arrays

        def arguments(points: Array, rows: NDArray[np.intp]) -> Array:
            part = leaves.take(rows)
            moved = Leaves((points.reshape(-1, *inputs.shape[1:]), *part.arrays[1:]))
            wide = np.broadcast_to(theta, (1, len(leaves), self.dimension))[:, rows]
            return self._root_arguments(wanted, wide, moved)

        flat = settled(self.scalars, self.rng, inputs.reshape(len(inputs), -1), arguments)
        return Leaves((flat.reshape(inputs.shape), *rest))

    def _root_arguments(self, wanted: Sequence[int], theta: Array, leaves: Leaves) -> Array:
        data, choose = self._data(leaves)
        return self._roots.arguments(self.ring, wanted, theta, (data,), choose)

    def _data(self, leaves: Leaves) -> tuple[Array, Choose | None]:
        """The points of each field (batch, data, *input), and what is chosen there."""
        inputs, _, _, *chosen = leaves.arrays
        choices = self.program.choices
        choose = given(dict(zip(choices, chosen, strict=True))) if chosen else None
        return self.orbit.inputs(inputs), choose

    def unproved_roots(self) -> str:
        """Why the square roots are not known to be generic, or ""."""
        roots = self._roots
        for wanted in (roots.of_parameters, roots.of_data):
            for level in sorted({roots.level[i] for i in wanted}):
                here = tuple(i for i in wanted if roots.level[i] == level)
                if not self._generic_roots(here, level):
                    return (
                        "a product of some of its square roots may be rational, so their values "
                        "mod p may not be generic"
                    )
        return ""

    def _generic_roots(self, wanted: tuple[int, ...], level: int) -> bool:
        """Whether the roots of one level are independent, at points where those below exist."""
        theta, leaves = self.point(), self.draw_leaves(1)
        k = self._root_arguments(wanted, theta, leaves).shape[1]
        count = points_needed(k)
        below = tuple(i for i in self._roots.of_data if self._roots.level[i] < level)
        if wanted[0] in self._roots.of_data:
            wide = np.broadcast_to(theta, (1, count, self.dimension))
            leaves = self._with_roots(self.draw_leaves(count), theta, below)
        else:
            lower = tuple(i for i in self._roots.of_parameters if self._roots.level[i] < level)
            wide, leaves = self._points(count, lower), self.draw_leaves(count)
        return independent(self.scalars, self._root_arguments(wanted, wide, leaves))

    def pull(self, leaves: Leaves, theta: Array) -> Array:
        _, labels, keys, *_ = leaves.arrays
        data, choose = self._data(leaves)
        run = Run(self.program, self.ring, theta, (data,), choose)
        seed = self.orbit.labels(labels)[None]
        if not self.orbit.trivial:
            seed = self.loss.gradient(self.ring, run.output, seed, keys)
        return run.gradient(seed)

    def draw_leaves(self, count: int) -> Leaves:
        keys = self.rng.integers(0, 2**63, size=count).astype(np.uint64)
        x = self.scalars.random(self.rng, (count, *self.input_shape))
        y = self.scalars.random(self.rng, (count, *self.program.shape))
        y = self.loss.pulls(self.scalars, y) if self.orbit.trivial else self.loss.labels(y)
        return Leaves((x, y, keys, *self._choices(count)))

    def _choices(self, count: int) -> tuple[NDArray[Any], ...]:
        """Patterns for so many fields, one array for each choice of the program."""
        if self._pattern is not None:
            return self._pattern.draw(count)
        if self._pieces is None:
            return ()
        drawn = self._pieces.draw(self.scalars, self.rng, (count, 1), bits=self._bits)
        return tuple(drawn[index] for index in self.program.choices)
