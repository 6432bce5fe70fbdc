"""Families of laws as identities at random points mod random primes: what holds is a law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from conserved.blocks.patterns import Terms, weights_of
from conserved.blocks.probe import Probe, probe
from conserved.blocks.sketch import Family
from conserved.errors import DegenerateSampleError, InputError
from conserved.kernel.deadline import OutOfTimeError
from conserved.kernel.loss import Loss
from conserved.kernel.program import Program
from conserved.kernel.residues import residues
from conserved.kernel.scalars import Array
from conserved.kernel.statement import Statement

PROBES = 2  # primes, a random point mod each
_TOP = 2**23  # a bound for them: those of BLAS
_TRIES = 6


class Proofs:
    """Tests of the families of one model.

    Args:
        program: of the model.
        free: the same for eps → 0.
        loss: of the model.
        rng: draws primes and points.

    Attributes:
        primes: mod which families were tested.
    """

    def __init__(
        self, program: Program, free: Program, loss: Loss, rng: np.random.Generator
    ) -> None:
        self.program, self.free, self.loss, self.rng = program, free, loss, rng
        self.primes: list[int] = []
        self._exact: set[Family] = set()  # that need the roots as they are

    def held(self, families: Sequence[Family]) -> list[Family]:
        """Those that hold for eps → 0, in their order."""
        held = self._tested(self.free, families)
        others = [family for family in families if family not in held]
        self._exact = set(self._at_roots(self.free, others))
        return [family for family in families if family in held or family in self._exact]

    def with_eps(self, families: Sequence[Family]) -> list[Family]:
        """Those of them that hold with eps too."""
        if self.program is self.free:
            return list(families)
        held = self._tested(self.program, [f for f in families if f not in self._exact])
        held += self._at_roots(self.program, [f for f in families if f in self._exact])
        return [family for family in families if family in held]

    def _at_roots(self, program: Program, families: Sequence[Family]) -> list[Family]:
        """Those that hold where roots are roots; none where these are too many to find a point."""
        if not program.has_roots:
            return []
        try:
            return self._tested(program, families, exact=True)
        except InputError:
            return []

    def _tested(
        self, program: Program, families: Sequence[Family], *, exact: bool = False
    ) -> list[Family]:
        """Those whose identity holds at fresh points with fresh R, mod fresh primes.

        Where the time ends, those of the points that there was time for; none without a point.
        """
        held, tests = list(families), 0
        try:
            while held and tests < PROBES:
                at = self._probe(program, exact)
                fine = hold(held, at, self.rng)
                held = [family for family, holds in zip(held, fine, strict=True) if holds]
                self.primes.append(int(at.scalars.prime))
                tests += 1
        except OutOfTimeError:
            return held if tests else []
        return held

    def _probe(self, program: Program, exact: bool) -> Probe:
        for _ in range(_TRIES):
            prime = Statement(program, self.loss).prime(self.rng, _TOP)
            try:
                return probe(program, self.loss, residues(prime), self.rng, exact=exact)
            except DegenerateSampleError as error:
                last = error
        ((_, shape),) = program.inputs
        raise InputError("example", "×".join(map(str, shape)), str(last)) from last


def hold(families: Sequence[Family], at: Probe, rng: np.random.Generator) -> list[bool]:
    """For each family whether its slope along a gradient is 0, and along a random direction not.

    Args:
        families: any.
        at: the point and the gradient.
        rng: draws R and the direction.
    """
    scalars = at.scalars
    columns = list(dict.fromkeys(column for family in families for _, column in family.terms))
    keys = dict.fromkeys(column.key for column in columns)
    weights = {key: weights_of(key, lambda shape: scalars.random(rng, shape)) for key in keys}
    terms, place = Terms(columns, weights), {column: k for k, column in enumerate(columns)}
    tensors = dict.fromkeys(column.tensor for column in columns)
    anywhere = {n: scalars.random(rng, at.gradient[n].shape) for n in tensors}

    def slopes(along: Mapping[str, Array]) -> list[bool]:
        (row,) = terms.rows(scalars, at.parameters, along)
        found = []
        for family in families:
            factors = [scalars.fraction(c.numerator, c.denominator) for c, _ in family.terms]
            mine = row[[place[column] for _, column in family.terms]]
            total = scalars.mul(mine, np.array(factors, dtype=scalars.dtype)).sum()
            found.append(bool(scalars.reduce(np.asarray(total)).any()))
        return found

    # a function that is the same along every direction is no law but 0
    met = zip(slopes(at.gradient), slopes(anywhere), strict=True)
    return [not along and there for along, there in met]
