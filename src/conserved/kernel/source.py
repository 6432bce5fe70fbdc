"""Where the data of a field come from, and how they pull at the outputs.

A field is Σ J(x)ᵀ v over its data x with pulls v. For all data one x and the pull itself are drawn.
Where inputs are listed, a field sums over all of them with weights of its own, so that what holds
at random weights holds for every one of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.functions import FormalRing
from conserved.kernel.loss import Loss
from conserved.kernel.orbit import Orbit
from conserved.kernel.program import Program
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array


class Source(ABC):
    """The data of fields.

    Law every source obeys: at every θ, what it can draw spans the fields of its class of data.

    Attributes:
        route: in words for a person.
        points: how many data one field has.
        single: whether that is one datum, and drawn.
        fixed: whether inputs are never drawn, so that all that varies is θ and what pulls.
        free: whether the pull is drawn, and not a function of the output.
    """

    route: str
    points: int
    single: bool = False
    fixed: bool = False
    free: bool = False

    def __init__(self, program: Program, loss: Loss) -> None:
        ((_, self.input_shape),) = program.inputs
        self.output_shape = program.shape
        self.loss = loss

    @abstractmethod
    def draw(self, scalars: Residues, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """For so many fields what is drawn of their inputs, and of their pulls: (count, …) each."""

    @abstractmethod
    def inputs(self, drawn: Array) -> Array:
        """(count or 1, points, *input) of what was drawn."""

    @abstractmethod
    def pull(
        self, ring: FormalRing, output: Array, inputs: Array, drawn: Array, keys: NDArray[np.uint64]
    ) -> Array:
        """v on jets, shaped like the output (jet, batch, points, *output).

        Args:
            ring: the arithmetic.
            output: f(θ, x).
            inputs, drawn: what was drawn of inputs and of pulls.
            keys: (batch,) which member of a class of losses it is.
        """

    def real(self, rng: np.random.Generator, count: int) -> Array:
        """The points of so many fields over the reals, (count, points, *input)."""
        return _spread(rng, (count, *self.input_shape))[:, None]


class Everything(Source):
    """All data: one input, and any pull that some label has."""

    route = "single data points"
    points = 1
    single = True
    free = True

    def draw(self, scalars: Residues, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        x = scalars.random(rng, (count, *self.input_shape))
        return x, self.loss.pulls(scalars, scalars.random(rng, (count, *self.output_shape)))

    def inputs(self, drawn: Array) -> Array:
        return drawn[:, None]

    def pull(
        self, ring: FormalRing, output: Array, inputs: Array, drawn: Array, keys: NDArray[np.uint64]
    ) -> Array:
        return drawn[None, :, None]


class Orbits(Source):
    """The orbit of one datum under a finite group."""

    def __init__(self, program: Program, loss: Loss, orbit: Orbit) -> None:
        super().__init__(program, loss)
        self.orbit = orbit
        self.points = orbit.order
        self.route = f"explicit orbits of {orbit.order:,} points"

    def draw(self, scalars: Residues, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        x = scalars.random(rng, (count, *self.input_shape))
        return x, self.loss.labels(scalars.random(rng, (count, *self.output_shape)))

    def inputs(self, drawn: Array) -> Array:
        return self.orbit.inputs(drawn)

    def pull(
        self, ring: FormalRing, output: Array, inputs: Array, drawn: Array, keys: NDArray[np.uint64]
    ) -> Array:
        return self.loss.gradient(ring, output, self.orbit.labels(drawn)[None], keys)

    def real(self, rng: np.random.Generator, count: int) -> Array:
        return self.orbit.real(_spread(rng, (count, *self.input_shape)))


class Autoencoding(Source):
    """Every input is its own label.

    Args:
        program, loss: as for all sources.
        basis: (k, size of an output) where inputs are coordinates of combinations of these.
        scalars: of the basis.
    """

    route = "single data points, each its own label"
    points = 1
    single = True

    def __init__(
        self, program: Program, loss: Loss, scalars: Residues, basis: Array | None = None
    ) -> None:
        super().__init__(program, loss)
        self.scalars = scalars
        self.basis = basis

    def draw(self, scalars: Residues, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        return scalars.random(rng, (count, *self.input_shape)), _nothing(scalars, count)

    def inputs(self, drawn: Array) -> Array:
        return drawn[:, None]

    def pull(
        self, ring: FormalRing, output: Array, inputs: Array, drawn: Array, keys: NDArray[np.uint64]
    ) -> Array:
        labels = inputs if self.basis is None else self.scalars.matmul(inputs, self.basis)
        shaped = labels.reshape(1, len(labels), 1, *self.output_shape)
        return self.loss.gradient(ring, output, shaped, keys)


class Listed(Source):
    """These inputs; with any labels, or each with its label.

    Args:
        program, loss: as for all sources.
        points: (N, *input) in the scalars of the fields.
        real: the same over the reals.
        labels: (N, *output), or None for any.
    """

    fixed = True

    def __init__(
        self, program: Program, loss: Loss, points: Array, real: Array, labels: Array | None = None
    ) -> None:
        super().__init__(program, loss)
        self.listed = points
        self.spelt = real
        self.labels = labels
        self.free = labels is None
        self.points = len(points)
        what = "inputs" if labels is None else "samples"
        self.route = f"all {len(points):,} {what} at once"
        if len(points) == 1:
            self.route = f"one {what[:-1]}"

    def draw(self, scalars: Residues, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        none = _nothing(scalars, count)
        if self.labels is not None:
            return none, scalars.random(rng, (count, self.points))
        random = scalars.random(rng, (count, self.points, *self.output_shape))
        return none, self.loss.pulls(scalars, random)

    def inputs(self, drawn: Array) -> Array:
        return self.listed[None]

    def pull(
        self, ring: FormalRing, output: Array, inputs: Array, drawn: Array, keys: NDArray[np.uint64]
    ) -> Array:
        if self.labels is None:
            return drawn[None]
        # at one θ the output is that of all fields, and losses tell these apart
        output = np.broadcast_to(output, (len(output), len(keys), *output.shape[2:]))
        labels = np.broadcast_to(self.labels, output.shape[1:])[None]
        weights = drawn.reshape(1, *drawn.shape, *(1,) * len(self.output_shape))
        return ring.mul(self.loss.gradient(ring, output, labels, keys), weights)

    def real(self, rng: np.random.Generator, count: int) -> Array:
        return np.broadcast_to(self.spelt, (count, *self.spelt.shape))


class OwnOrbits(Orbits):
    """The orbit of an input that is its own label, and so are all points of the orbit."""

    def pull(
        self, ring: FormalRing, output: Array, inputs: Array, drawn: Array, keys: NDArray[np.uint64]
    ) -> Array:
        labels = self.orbit.inputs(inputs).reshape(1, len(inputs), -1, *self.output_shape)
        return self.loss.gradient(ring, output, labels, keys)


class ListedOrbits(Source):
    """The orbits of these inputs; one orbit has one label that moves along, any or its own.

    Args:
        program, loss, orbit: as for ``Orbits``.
        points, real, labels: as for ``Listed``.
    """

    fixed = True

    def __init__(
        self,
        program: Program,
        loss: Loss,
        orbit: Orbit,
        points: Array,
        real: Array,
        labels: Array | None = None,
    ) -> None:
        super().__init__(program, loss)
        self.orbit, self.count, self.points = orbit, len(points), len(points) * orbit.order
        self.listed = orbit.inputs(points).reshape(-1, *self.input_shape)
        self.spelt = orbit.real(real).reshape(-1, *self.input_shape)
        self.labels = labels
        self.route = f"{self.count:,} orbits of {orbit.order:,} points at once"

    def draw(self, scalars: Residues, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Of each orbit its weight, and its label where that is any."""
        weights = scalars.random(rng, (count, self.count, 1))
        if self.labels is not None:
            return _nothing(scalars, count), weights
        random = scalars.random(rng, (count, self.count, *self.output_shape))
        labels = self.loss.labels(random).reshape(count, self.count, -1)
        return _nothing(scalars, count), np.concatenate([weights, labels], axis=-1)

    def inputs(self, drawn: Array) -> Array:
        return self.listed[None]

    def pull(
        self, ring: FormalRing, output: Array, inputs: Array, drawn: Array, keys: NDArray[np.uint64]
    ) -> Array:
        count, order = len(keys), self.orbit.order
        output = np.broadcast_to(output, (len(output), count, *output.shape[2:]))
        labels = self.labels
        if labels is None:
            labels = drawn[..., 1:].reshape(-1, *self.output_shape)
        moved = self.orbit.labels(labels).reshape(-1, self.points, *self.output_shape)
        shaped = np.broadcast_to(moved, output.shape[1:])[None]
        weights = np.repeat(drawn[..., 0], order, axis=1)
        weights = weights.reshape(1, *weights.shape, *(1,) * len(self.output_shape))
        return ring.mul(self.loss.gradient(ring, output, shaped, keys), weights)

    def real(self, rng: np.random.Generator, count: int) -> Array:
        return np.broadcast_to(self.spelt, (count, *self.spelt.shape))


def _nothing(scalars: Residues, count: int) -> Array:
    return np.zeros((count, 0), dtype=scalars.dtype)


def _spread(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Real inputs from near 0 to far away: with biases, patterns differ there."""
    x = Reals().random(rng, shape)
    return x * 10 ** rng.uniform(-2, 2, size=(shape[0], *(1,) * (len(shape) - 1)))
