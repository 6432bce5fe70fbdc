"""Exact probes of a whole model: a gradient at a random point of GF(p).

A law that holds at a random point with random R, mod a prime, is an identity but for the chance
that a polynomial that is not zero vanishes there; no D × D matrix is needed.

A point where all roots of many tokens exist is one of 2^(number of roots). Instead √q is read as
√(c q), with one constant c for each distinct argument q: parameters, data and the values of the
roots are then free, c = root²/q. A law of all these programs is one of the program itself, c = 1,
and the scale invariance of norms is theirs too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.blocks.points import Point
from conserved.errors import DegenerateSampleError
from conserved.kernel.evaluate import Run, split
from conserved.kernel.functions import FormalRing
from conserved.kernel.loss import Loss
from conserved.kernel.program import Program
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array

_SAME = 6  # data at one point


@dataclass(frozen=True, eq=False)
class Probe:
    """One point, one datum, one gradient.

    Attributes:
        scalars: GF(p).
        parameters, gradient: by name, in their shapes.
    """

    scalars: Residues
    parameters: dict[str, Array]
    gradient: dict[str, Array]


class FreeRoots(FormalRing):
    """√(c q) in place of √q, with c a constant of its own for each distinct argument q."""

    def square_root(self, x: Array) -> Array:
        assert len(x) == 1, "constants alone have free roots"
        self.used_roots = True
        return self.formal().free("root", x)

    def root_slope(self, x: Array, root: Array) -> Array:
        """d√(c q)/dq = √(c q)/(2q)."""
        return self.mul(root, self.inverse(self.scale(x, 2)))


def probe(
    program: Program,
    loss: Loss,
    scalars: Residues,
    rng: np.random.Generator,
    *,
    exact: bool = False,
) -> Probe:
    """A random gradient of a program, all patterns of gates allowed.

    Args:
        program, loss: of the model.
        scalars: GF(p).
        rng: draws the point and the datum.
        exact: at a point where all roots exist, which where there are many cannot be found.

    Raises:
        DegenerateSampleError: no point at which it has values was found.
    """
    point = Point(program, scalars, rng, FormalRing if exact else FreeRoots)
    if exact:
        point.settle()
    run = Run(program, point.ring, point.theta(), point.inputs, point.choose)
    if point.ring.invalid is not None:
        raise DegenerateSampleError("a division by zero at this point")
    pull = scalars.random(rng, (1, 1, *program.shape))
    return Probe(scalars, point.tensors, _gradient(run, loss.pulls(scalars, pull)[None]))


def _gradient(run: Run, pull: Array) -> dict[str, Array]:
    """The gradient of one datum by parameter, in their shapes."""
    found = run.gradients(pull)
    zero = np.zeros(1, dtype=pull.dtype)
    # laid out as the parameters are: what is made of it is faster by far
    return {
        name: np.ascontiguousarray(
            np.broadcast_to(found[name][0, 0, 0] if name in found else zero, shape)
        )
        for name, shape in run.program.parameters
    }


class RealSamples:
    """Gradients in float64 near given parameters, for candidates.

    Args:
        program, loss: of the model.
        start: its own parameters by name, where known.
        rng: draws points and data.
    """

    def __init__(
        self,
        program: Program,
        loss: Loss,
        start: Mapping[str, NDArray[np.float64]],
        rng: np.random.Generator,
    ) -> None:
        self.program, self.loss, self.rng = program, loss, rng
        self._start, self._drawn = start, 0
        self._theta = np.zeros((1, 1, 0))
        self._tensors: dict[str, Array] = {}

    def __call__(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """(parameters, gradient) of a random datum; the point moves every few of them."""
        program, scalars = self.program, Reals()
        if self._drawn % _SAME == 0:
            parts = [self._near(name, shape).ravel() for name, shape in program.parameters]
            self._theta = np.concatenate(parts)[None, None]
            self._tensors = {n: x[0, 0, 0] for n, x in split(program, self._theta).items()}
        self._drawn += 1
        inputs = [self.rng.normal(size=(1, 1, *shape)) for _, shape in program.inputs]
        run = Run(program, FormalRing(scalars), self._theta, inputs)
        pull = self.loss.pulls(scalars, self.rng.normal(size=(1, 1, *program.shape)))
        return self._tensors, _gradient(run, pull[None])

    def _near(self, name: str, shape: tuple[int, ...]) -> Array:
        held = self._start.get(name)
        noise: Array = self.rng.normal(size=shape)
        if held is None:
            spread: Array = noise / np.sqrt(shape[-1])
            return spread
        size = float(np.sqrt(np.mean(np.square(held)))) or 0.3
        near: Array = held + 0.3 * size * noise
        return near
