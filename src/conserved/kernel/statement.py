"""What a count speaks of: a program, a loss and a class of data, without any name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import lcm, prod
from typing import Literal

import numpy as np

from conserved.kernel.data import DataClass, combined, table
from conserved.kernel.extent import Degree, extent
from conserved.kernel.fields import Fields
from conserved.kernel.flow import GRADIENT, OUTPUTS, SIGN, Flow, FlowFields
from conserved.kernel.group import Lift, Symmetry, listed
from conserved.kernel.height import bits, group_bits
from conserved.kernel.loss import Loss
from conserved.kernel.losses import PolynomialLoss
from conserved.kernel.moments import AveragedFields
from conserved.kernel.orbit import Orbit
from conserved.kernel.points import OutputFields, PointFields, fault_of_outputs
from conserved.kernel.primes import Prime, random_prime
from conserved.kernel.program import Program, Tensors
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues
from conserved.kernel.sign_flow import SignFields, fault_of_signs
from conserved.kernel.source import (
    Autoencoding,
    Everything,
    Listed,
    ListedOrbits,
    Orbits,
    OwnOrbits,
    Source,
)

ORBITS_LIMIT = 50_000  # points of all orbits of listed inputs
Kind = Literal["all", "symmetric", "given"]


@dataclass(frozen=True)
class Statement:
    """A network trained under a loss by a flow, on all data or data of a smaller class.

    Args:
        program: the network, with one input.
        loss: ℓ.
        symmetry: the group whose orbits make up every dataset, or None.
        flow: by which it is trained.
        data: the inputs and labels that a dataset may have; None for all.
    """

    program: Program
    loss: Loss
    symmetry: Symmetry | None = None
    flow: Flow = GRADIENT
    data: DataClass | None = None

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
        return replace(self, symmetry=None, data=None)

    def thinned(self, places: Sequence[int]) -> Statement:
        """The same on some of its points alone; on all of them where none are named."""
        if not places or self.data is None or self.data.points is None:
            return self
        return replace(self, data=self.data.thinned(places))

    @property
    def kind(self) -> Kind:
        """What class of data it is of."""
        if self.data is not None:
            return "given"
        return "all" if self.symmetry is None else "symmetric"

    @cached_property
    def bits(self) -> float:
        """Bits of the numbers that its fields are written with."""
        group = 0.0 if self.symmetry is None else group_bits(self.symmetry)
        return self._bits_of_pulls + self.flow.bits + group

    @property
    def _bits_of_pulls(self) -> float:
        if self.data is None:
            return bits(self.program)
        if self.data.basis is not None:
            return bits(combined(self.program, self.data.basis))
        one = bits(self.program, self.data.bits)
        if not self.data.labelled and self.symmetry is None:
            return one
        degree = self.loss.degree if isinstance(self.loss, PolynomialLoss) else 2
        return degree * (one + sum(self.data.bits))

    @property
    def points(self) -> int:
        """At how many inputs one of its fields evaluates the network."""
        many = 1 if self.data is None else len(self.data.points or (0,))
        if self.symmetry is None:
            return many
        return many * (self.symmetry.order or _lift(self.symmetry).features.shape[1])

    @cached_property
    def roots(self) -> int:
        """Its primes are 1 mod 4·roots."""
        return lcm(self.program.roots, 1 if self.symmetry is None else self.symmetry.roots)

    @cached_property
    def degree(self) -> Degree:
        """At most that of its fields."""
        value, slope = extent(self.program)
        if self.flow == OUTPUTS:
            return value
        seed = Degree(1)
        if self.averaged:
            seed = value.times(Degree(1)).summed(self.points).plus(Degree(1))
        elif self.symmetry is not None or (self.data is not None and self.data.labelled):
            seed = self.loss.extent(value, self.program.shape[-1]).times(Degree(1))  # a weight
        pull = slope.times(seed).summed(self.points * prod(self.program.shape))
        if self.flow == GRADIENT:
            return pull
        if self.flow == SIGN:  # a weight, and a minor of size 2
            return Degree(2 * (pull.above + pull.below) + 3)
        # a rate and θ^k; a weight, a clock and v, times θ^k
        return pull.times(Degree(1 + self.flow.power)).plus(Degree(3 + self.flow.power))

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
            DegenerateSampleError: a prime that divides a denominator.
        """
        if self.flow == OUTPUTS:
            return OutputFields(self.program, scalars, rng)
        return moved(self._pulls(scalars, rng, widest), self.flow)

    def _pulls(self, scalars: Residues, rng: np.random.Generator, widest: bool) -> Fields:
        """The gradients that some dataset of the class makes."""
        if self.symmetry is not None and self.averaged:
            return AveragedFields(self.program, self.symmetry, scalars, rng)
        orbit = None
        if self.symmetry is not None:
            ((_, shape),) = self.program.inputs
            real = bool(self.program.choices)
            orbit = listed(self.symmetry, shape[-1], self.program.shape[-1], scalars, real=real)
        program, source = given(self.program, self.loss, self.data, scalars, orbit)
        return PointFields(program, source, scalars, rng, widest=widest and orbit is None)


def moved(pulls: Fields, flow: Flow) -> Fields:
    """What a flow makes of pulls on θ."""
    if flow == GRADIENT:
        return pulls
    return SignFields(pulls) if flow == SIGN else FlowFields(pulls, flow)


def fault_of_orbits(data: DataClass, order: int | None) -> str:
    """Why a class of data has no orbits under a group of this order, or ""."""
    if data.basis is not None:
        return "inputs of a subspace have no orbits here; list the inputs"
    many = len(data.points or (0,)) * (order or 0)
    if not order or many > ORBITS_LIMIT:
        told = f"orbits of {many:,} points" if order else "orbits that cannot be listed"
        return f"{told}; the limit is {ORBITS_LIMIT:,} points"
    return ""


def fault_of_class(program: Program, loss: Loss, flow: Flow, *, restricted: bool) -> str:
    """Why a flow does not go with a program, a loss or a class of data, or ""."""
    if not flow.kind:
        return ""
    if restricted:
        return f"'{flow.kind}' goes with no class of data: it is of all"
    return fault_of_outputs(program) if flow == OUTPUTS else fault_of_signs(loss)


def given(
    program: Program,
    loss: Loss,
    data: DataClass | None,
    scalars: Residues,
    orbit: Orbit | None = None,
) -> tuple[Program, Source]:
    """The data of all fields, or of a class, and the program that takes them.

    Args:
        program, loss: the network and ℓ.
        data: a class that is no group.
        scalars: of the fields.
        orbit: what becomes of each datum under a group that is listed.

    Raises:
        DegenerateSampleError: a prime that divides a denominator.
    """
    if data is None:
        return program, Everything(program, loss) if orbit is None else Orbits(program, loss, orbit)
    ((_, shape),) = program.inputs
    if data.points is not None:
        points = table(data.points, shape, scalars)
        real = table(data.points, shape, Reals()) if program.choices else points
        rows = data.points if data.labels == "inputs" else data.labels
        labels = None if isinstance(rows, str) else table(rows, program.shape, scalars)
        if orbit is not None:
            return program, ListedOrbits(program, loss, orbit, points, real, labels)
        return program, Listed(program, loss, points, real, labels)
    basis = None
    if data.basis is not None:
        program = combined(program, data.basis)
        basis = table(data.basis, (prod(shape),), scalars)
    if orbit is not None:
        return program, OwnOrbits(program, loss, orbit)
    if data.labels == "inputs":
        return program, Autoencoding(program, loss, scalars, basis)
    return program, Everything(program, loss)


def _lift(symmetry: Symmetry) -> Lift:
    assert symmetry.lift is not None
    return symmetry.lift
