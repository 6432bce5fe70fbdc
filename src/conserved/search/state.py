"""One search for laws: what is known so far, at one point, and what makes a candidate a law."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from math import lcm

import numpy as np

from conserved.errors import DegenerateSampleError
from conserved.fields import Fields, make_fields
from conserved.kernel.flow import GRADIENT
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.residues import residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import Kind, Law, Layout
from conserved.problem import Problem
from conserved.search.independence import independent, tangents
from conserved.search.lifted import Lifted, has_lift, splitting_scalars
from conserved.verification import verify

Report = Callable[[str, int, int], None]
_POINTS = 16
_FIELDS = 4  # random fields that a candidate has to survive before it is verified


@dataclass(eq=False)
class State:
    """What a search knows.

    Args:
        problem: any; under a symmetry its own fields are used, so that laws due to the symmetry
            are found too.
        seed: draws points and data.
        known: laws known already; only further ones are looked for.
        upper: a bound on the number of laws, the known ones included; the search stops when met.
        degree: polynomials up to this degree are tried; by default only where that is cheap.
        progress: called with (stage, laws found, upper bound or 0).

    Attributes:
        laws: verified, each with the number it adds to those before it.
        notes: what was left out, in words.
        tried: names of the ways that were begun.
        unknowns: the largest system that was to be solved.
        reached: polynomials up to this degree were all tried, or 0.
        quotients: whether quotients of quadratic forms, and of few more, were tried.
    """

    problem: Problem
    _: KW_ONLY
    seed: int = 0
    known: Sequence[Law] = ()
    upper: int | None = None
    degree: int | None = None
    progress: Report | None = None
    laws: list[Law] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    unknowns: int = 0
    reached: int = 0
    quotients: bool = False
    _aside: list[Law] = field(default_factory=list)

    @cached_property
    def layout(self) -> Layout:
        return self.problem.state

    @property
    def rank(self) -> int:
        """How many independent laws are known."""
        return sum(law.independent for law in (*self.known, *self.laws))

    @property
    def done(self) -> bool:
        return self.upper is not None and self.rank >= self.upper

    @cached_property
    def lifted(self) -> Lifted | None:
        """What the loss sees of a symmetric class of data, where the network has a lift."""
        problem = self.problem
        averaged = problem.symmetric and problem.inputs is None and problem.moves == GRADIENT
        if not (averaged and has_lift(problem)):
            return None
        scalars = splitting_scalars(self.problem, *(law.roots for law in self.known))
        return Lifted(self.problem, scalars, self.seed)

    @cached_property
    def fields(self) -> Fields:
        roots = lcm(self.problem.roots, *(law.roots for law in self.known))
        scalars = residues(BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots))
        if self.lifted is not None:
            scalars = self.lifted.scalars
        rng = np.random.default_rng([self.seed, 4])
        return make_fields(self.problem, scalars, rng, widest=True)

    @cached_property
    def at(self) -> tuple[Array, Array]:
        """A point (D,) where as many known laws as there are have independent gradients, and some
        fields there, (fields, D).

        At a degenerate point fewer have, and what depends on the known laws would count as new.
        """
        wanted = sum(law.independent for law in self.known)
        for _ in range(_POINTS):
            theta = self.fields.point()
            try:
                _, along = self.fields.draw(_FIELDS, theta)
                space, _ = tangents(self.fields.scalars, theta[0, 0], self.known)
            except DegenerateSampleError:
                continue
            if space.rank >= min(wanted, space.width):
                return theta[0, 0], along
        raise DegenerateSampleError("the laws known have no independent gradients at random points")

    @property
    def theta(self) -> Array:
        return self.at[0]

    def tangents(self) -> RowSpace:
        """The gradients of all laws known, to be added to."""
        return tangents(self.fields.scalars, self.theta, [*self.known, *self.laws])[0]

    def take(self, candidates: Sequence[Law]) -> None:
        """Keep the candidates that are new and true: one test of independence, one of truth."""
        new = self._independent([law for law in candidates if self.survives(law)])
        true = self._true(new) if new else []
        if len(true) < len(new):
            which = "hold in one cell alone" if self.fields.one_cell else "failed verification"
            self.note(f"candidates that {which} were left out")
            true = self._independent(true)
        self.laws += true
        self.report("laws")

    def _independent(self, laws: list[Law]) -> list[Law]:
        known = [*self.known, *self.laws]
        return independent(self.fields.scalars, self.theta, known, laws) if laws else []

    def survives(self, law: Law) -> bool:
        """Whether a law is constant along the fields at the point: verification is dear."""
        theta, along = self.at
        try:
            return not law.derivative(self.fields.scalars, theta, along).any()
        except DegenerateSampleError:
            return False

    def _true(self, laws: list[Law]) -> list[Law]:
        """Those that verification confirms, each with what it is due to."""
        holds = verify(self.problem, laws, seed=self.seed).holds
        true = [law for law, held in zip(laws, holds, strict=True) if held]
        if not self.problem.restricted:
            return true
        always = verify(self.problem.architecture(), true, seed=self.seed).holds
        return [
            law if held else replace(law, origin=self.problem.origin)
            for law, held in zip(true, always, strict=True)
        ]

    def set_aside(self, kinds: Sequence[Kind]) -> None:
        """Begin anew with laws of some kinds."""
        self._aside = [law for law in self.laws if law.kind in kinds]
        self.laws = [law for law in self.laws if law.kind not in kinds]

    def restore(self) -> None:
        """Add what was set aside and is independent of what was found since."""
        self.laws += self._independent(self._aside)
        self._aside = []

    def note(self, line: str) -> None:
        """Say what was left out, once."""
        if line not in self.notes:
            self.notes.append(line)

    def report(self, stage: str) -> None:
        if self.progress is not None:
            self.progress(stage, self.rank, self.upper or 0)
