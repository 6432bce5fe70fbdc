"""What a count speaks of: a program, a loss and a class of data, without any name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import lcm, prod

import numpy as np

from conserved.kernel.extent import Degree, extent
from conserved.kernel.fields import Fields
from conserved.kernel.flow import GRADIENT, Flow, FlowFields
from conserved.kernel.group import Symmetry, listed
from conserved.kernel.height import bits, group_bits
from conserved.kernel.losses import Loss
from conserved.kernel.moments import AveragedFields
from conserved.kernel.points import PointFields
from conserved.kernel.primes import Prime, random_prime
from conserved.kernel.program import Program, Tensors
from conserved.kernel.residues import Residues


@dataclass(frozen=True)
class Statement:
    """A network trained under a loss by a flow, on all data or data of a symmetric class.

    Args:
        program: the network, with one input.
        loss: ℓ.
        symmetry: the group whose orbits make up every dataset; None for all data.
        flow: by which it is trained.
    """

    program: Program
    loss: Loss
    symmetry: Symmetry | None = None
    flow: Flow = GRADIENT

    @cached_property
    def tensors(self) -> Tensors:
        """Names and shapes of the state."""
        return self.flow.state(self.program.parameters)

    @cached_property
    def size(self) -> int:
        """Of the state."""
        return sum(prod(shape) for _, shape in self.tensors)

    def architecture(self) -> Statement:
        """The same on all data."""
        return replace(self, symmetry=None)

    @cached_property
    def roots(self) -> int:
        """Its primes are 1 mod 4·roots."""
        return lcm(self.program.roots, 1 if self.symmetry is None else self.symmetry.roots)

    @cached_property
    def bits(self) -> float:
        """Of the numbers that a field is written with."""
        group = 0.0 if self.symmetry is None else group_bits(self.symmetry)
        return bits(self.program) + self.flow.bits + group

    @cached_property
    def degree(self) -> Degree:
        """At most that of its fields."""
        value, slope = extent(self.program)
        points, seed = 1, Degree(1)
        if self.symmetry is not None and self.symmetry.lift is not None:
            points = self.symmetry.lift.features.shape[1]
            seed = value.times(Degree(1)).summed(points).plus(Degree(1))
        elif self.symmetry is not None:
            points = self.symmetry.order or 1
            seed = self.loss.extent(value, self.program.shape[-1])
        pull = slope.times(seed).summed(points * prod(self.program.shape))
        if self.flow == GRADIENT:
            return pull
        return pull.times(Degree(2)).plus(Degree(4))  # a rate and θ; a weight, a clock and v

    @property
    def averaged(self) -> bool:
        """Whether its group is not listed."""
        return self.symmetry is not None and self.symmetry.order is None

    @property
    def top(self) -> int:
        """A bound for primes: averages need those of BLAS."""
        return 2**23 if self.averaged else 2**31

    def prime(self, rng: np.random.Generator, top: int | None = None, roots: int = 1) -> Prime:
        """A prime from top/2 to top with the roots needed, each as likely as any other.

        Raises:
            LimitError: there are next to none.
        """
        return random_prime(rng, top or self.top, lcm(roots, self.roots))

    def fields(
        self, scalars: Residues, rng: np.random.Generator, *, widest: bool = False
    ) -> Fields:
        """The fields that some dataset of the class makes.

        Raises:
            InputError: the group, or the lift, is not as stated.
            LimitError: too many elements or averages for memory.
            Redraw: a prime that divides a denominator.
        """
        pulls = self._pulls(scalars, rng, widest)
        return pulls if self.flow == GRADIENT else FlowFields(pulls, self.flow)

    def _pulls(self, scalars: Residues, rng: np.random.Generator, widest: bool) -> Fields:
        """The gradients that some dataset of the class makes."""
        if self.symmetry is None:
            return PointFields(self.program, self.loss, scalars, rng, widest=widest)
        if self.averaged:
            return AveragedFields(self.program, self.symmetry, scalars, rng)
        ((_, shape),) = self.program.inputs
        real = bool(self.program.choices)
        orbit = listed(self.symmetry, shape[-1], self.program.shape[-1], scalars, real=real)
        return PointFields(self.program, self.loss, scalars, rng, orbit)
