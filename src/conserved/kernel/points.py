"""Fields from explicit data: single points, whole orbits, or all of a list at once.

Cost of one evaluation: one forward and one backward pass for each point.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.choices import Pieces, pieces
from conserved.kernel.errors import LimitError
from conserved.kernel.evaluate import Choose, Run, given
from conserved.kernel.fields import Fields, Leaves
from conserved.kernel.losses import MeanSquaredError
from conserved.kernel.pattern import RealPattern
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues
from conserved.kernel.roots import Roots, independent, points_needed, settled
from conserved.kernel.scalars import Array
from conserved.kernel.source import Everything, Source

_ROOTS = 24  # square roots on listed inputs: points where all exist are one of 2^24


class PointFields(Fields):
    """One datum per field, the orbit of one, or all that are listed.

    Leaves hold what the source draws of inputs (batch, …) and of pulls (batch, …), keys (batch,)
    that fix formal losses, and for each choice of the program (gate, maximum, order) its values
    (batch, data, *shape).

    Piecewise networks: for all data the fields of all patterns count, as in 2307.00144: a law must
    survive every pattern. Where every pattern is known to be met, and gates enter linearly, random
    residues in place of 0 and 1 span the same space, and no pattern is rare. Where that is not
    known, patterns come from real random networks, each at its own parameters. Under a symmetry,
    and where inputs are listed, the patterns are those of one real network along all points: the
    count is that of one cell of parameter space.

    Args:
        program: of the network, with one input.
        source: the data of a field, and how they pull.
        scalars, rng: as for all fields.
        widest: draw every assignment of residues to distinct gates, met or not: what is conserved
            then is conserved on every pattern.

    Raises:
        LimitError: too many square roots on listed inputs.
    """

    def __init__(
        self,
        program: Program,
        source: Source,
        scalars: Residues,
        rng: np.random.Generator,
        *,
        widest: bool = False,
    ) -> None:
        super().__init__(program, scalars, rng)
        self.source = source
        self._pattern: RealPattern | None = None
        self._pieces: Pieces | None = None
        self._bits = False
        self._roots = Roots(program, fixed=source.fixed)
        self.route = source.route
        self.sample_bytes = 8 * (5 * program.size + 3 * program.volume(source.points))
        if program.choices:
            self._choose_patterns(widest)
        if source.fixed and self._roots:
            self._require_few_roots()

    def _require_few_roots(self) -> None:
        shapes = (self.program.nodes[i].shape for i in self._roots.nodes)
        count = self.source.points * sum(prod(shape) for shape in shapes)
        if count > _ROOTS:
            raise LimitError(
                f"the network takes {count:,} square roots on the listed inputs; the limit is "
                f"{_ROOTS}, so give fewer inputs, or none"
            )

    def _choose_patterns(self, widest: bool) -> None:
        """Every pattern, or those of real networks; say which."""
        found = pieces(self.program)
        single, free = self.source.single, self.source.free
        if single and (widest or (found.free and found.with_inputs)):
            self._pieces = found
            self._bits = not widest and not (found.linear and free)
            self.sampled_patterns = self._bits
            if self.program.by_inputs == self.program.choices:
                return
            self.note = (
                "counted over every activation pattern, as in arXiv 2307.00144; where the "
                "inputs of a narrow network reach only some, more is conserved"
            )
            return
        moving = single and found.with_inputs
        self._pattern = RealPattern(self.program, self.source, self.rng, moving=moving)
        # on listed inputs all fields have the patterns of one network, and none is rare
        self.sampled_patterns = not self.source.fixed
        if moving:
            self.note = (
                "not every pattern of its gates is known to be met, so patterns are drawn from "
                "real networks; rare ones may be missed"
            )
            return
        self.one_cell = True
        self.note = "counted for one cell of activation patterns; other cells may differ"
        if found.free and not single:
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
        """The same fields at inputs that were moved to where some roots exist.

        Tokens drawn as residues that add up to 1 are moved as inputs are.
        """
        if not wanted:
            return leaves
        program, soft = self.program, self._pieces is not None and not self._bits
        places = [0]
        if soft:
            places += [3 + k for k, i in enumerate(program.choices) if i in program.by_inputs]
        arrays = [leaves.arrays[k] for k in places]

        def moved_to(points: Array, part: Leaves) -> Leaves:
            split = np.split(points, np.cumsum([a[0].size for a in arrays])[:-1], axis=1)
            filled = list(part.arrays)
            for place, array, values in zip(places, arrays, split, strict=True):
                filled[place] = values.reshape(-1, *array.shape[1:])
                if place:
                    filled[place] = self._summing_up(program.choices[place - 3], filled[place])
            return Leaves(tuple(filled))

        def arguments(points: Array, rows: NDArray[np.intp]) -> Array:
            wide = np.broadcast_to(theta, (1, len(leaves), self.dimension))[:, rows]
            return self._root_arguments(wanted, wide, moved_to(points, leaves.take(rows)))

        start = np.concatenate([array.reshape(len(leaves), -1) for array in arrays], axis=1)
        return moved_to(settled(self.scalars, self.rng, start, arguments), leaves)

    def _summing_up(self, index: int, tokens: Array) -> Array:
        """Residues (batch, datum, *shape) with the first along the axis of a choice such that all
        add up to 1.
        """
        node = self.program.nodes[index]
        if node.op != "argmax":
            return tokens
        axis = 2 + node.data[0]
        rest = tokens.sum(axis=axis, keepdims=True)
        first = (slice(None),) * axis + (slice(0, 1),)
        filled = tokens.copy()
        filled[first] = self.scalars.reduce(tokens[first] - rest + 1)
        return filled

    def _root_arguments(self, wanted: Sequence[int], theta: Array, leaves: Leaves) -> Array:
        data, choose = self._data(leaves)
        return self._roots.arguments(self.ring, wanted, theta, (data,), choose)

    def _data(self, leaves: Leaves) -> tuple[Array, Choose | None]:
        """The points of each field (batch, data, *input), and what is chosen there."""
        inputs, _, _, *chosen = leaves.arrays
        choices = self.program.choices
        choose = given(dict(zip(choices, chosen, strict=True))) if chosen else None
        return self.source.inputs(inputs), choose

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
        inputs, pulls, keys, *_ = leaves.arrays
        data, choose = self._data(leaves)
        run = Run(self.program, self.ring, theta, (data,), choose)
        return run.gradient(self.source.pull(self.ring, run.output, inputs, pulls, keys))

    def draw_leaves(self, count: int) -> Leaves:
        keys = self.rng.integers(0, 2**63, size=count).astype(np.uint64)
        inputs, pulls = self.source.draw(self.scalars, self.rng, count)
        return Leaves((inputs, pulls, keys, *self._choices(count)))

    def _choices(self, count: int) -> tuple[NDArray[Any], ...]:
        """Patterns for so many fields, one array for each choice of the program."""
        if self._pattern is not None:
            return self._pattern.draw(count)
        if self._pieces is None:
            return ()
        drawn = self._pieces.draw(self.scalars, self.rng, (count, 1), bits=self._bits)
        return tuple(drawn[index] for index in self.program.choices)


class OutputFields(PointFields):
    """The outputs of a program as fields of its own parameters, one input each: θ' = f(θ, x)."""

    def __init__(self, program: Program, scalars: Residues, rng: np.random.Generator) -> None:
        super().__init__(program, Everything(program, MeanSquaredError()), scalars, rng)
        self.route = "given fields"

    def pull(self, leaves: Leaves, theta: Array) -> Array:
        data, choose = self._data(leaves)
        run = Run(self.program, self.ring, theta, (data,), choose)
        shape = (len(theta), len(leaves), self.dimension)
        return np.broadcast_to(run.output.reshape(*run.output.shape[:2], -1), shape)


def fault_of_outputs(program: Program) -> str:
    """Why the outputs of a program are no fields of its parameters, or ""."""
    if prod(program.shape) != program.size:
        return (
            f"a field has one entry for each of the {program.size:,} parameters, and the output "
            f"has {prod(program.shape):,}"
        )
    return "fields with gates or maxima are not counted" if program.choices else ""
