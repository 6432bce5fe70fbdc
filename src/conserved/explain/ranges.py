"""Range, direction and phase laws: what the isometries that the loss cannot see keep constant
(theory §6).

Let P be the parameters' components in one isotypic block of the features, as vectors of R^k. If
every field moves them inside their own span, P′ = P·N, the span of P is conserved: κ(k − κ)
numbers. If every field is a multiple of P itself, its direction is. Both are tested at random
points mod p, written with exact coefficients, verified as exact identities over another field, and
counted by the rank of their gradients next to those of the architecture laws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import lcm
from typing import Literal

import numpy as np

from conserved.errors import InputError, Redraw
from conserved.explain.candidates import Candidate, candidates
from conserved.explain.closed_form import Recogniser, Texts, agrees
from conserved.explain.modules import complex_independent
from conserved.explain.quotients import quotient
from conserved.explain.reciprocals import reciprocal_law
from conserved.explain.waves import waves
from conserved.fields import MomentFields, OrbitFields, moment_space
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.kernel.wide import WideResidues
from conserved.law import Law, Layout, PhaseLaw, SpanLaw, SpanPart
from conserved.liespan import LieSpan
from conserved.lifted import feature_blocks
from conserved.problem import Problem
from conserved.symmetry.isotypic import Block
from conserved.verification import verify

POINTS = 6  # random points at which an identity must hold; a false one passes with p^−6 or so
_UNITS = {"real": 1, "complex": 2, "quaternionic": 4}


@dataclass(frozen=True)
class Findings:
    """Laws owed to the symmetry of the data, and what is to be said of them.

    Attributes:
        laws: with exact coefficients, verified, each with the number that it adds.
        lines: sentences on these laws, and on laws that are true but could not be written down.
    """

    laws: tuple[Law, ...] = ()
    lines: tuple[str, ...] = ()


def range_laws(problem: Problem, fields: MomentFields, blocks: tuple[Block, ...]) -> Findings:
    """Find, write down, verify and count the laws that the isometries of a problem give.

    Args:
        problem: squared error, a tensorizable network, a symmetric class of data.
        fields: its fields along the lifted route.
        blocks: isotypic blocks of its features.
    """
    hunt = _Hunt(problem, fields)
    hunt.lost += [_unsplit(block) for block in blocks if not len(block.copies)]
    for candidate in candidates(fields.scalars, fields.space, blocks, fields.rng):
        hunt.examine(candidate)
    reciprocals = reciprocal_law(problem.network)
    if reciprocals is not None:
        hunt.keep(_Written(reciprocals, _numbers(reciprocals.size)))
    return hunt.findings()


@dataclass(frozen=True)
class _Written:
    """A law and what fixes its number."""

    law: Law
    formula: str


class _Hunt:
    """One search: the point, what is known there, and the laws so far."""

    def __init__(self, problem: Problem, fields: MomentFields) -> None:
        self.problem = problem
        self.fields = fields
        self.scalars = fields.scalars
        self.layout = Layout.of(problem.network.parameters)
        self.roots = lcm(problem.group.roots, problem.group.splitting)
        self.theta = fields.point()
        self.small = Recogniser(self.scalars, self.roots)
        self.wide: list[tuple[Recogniser, Candidate]] | None = None
        self.written: list[_Written] = []
        self.lost: list[str] = []

    def examine(self, candidate: Candidate) -> None:
        """Find what of a candidate is conserved, and write it down."""
        kind = _kind(self.fields, candidate)
        if kind is None and candidate.kind != "complex":
            return
        texts = self._texts(candidate)
        if texts is None:
            what = "phase" if kind is None else kind
            self.lost.append(_unwritten(f"{what} of {candidate.subject}"))
            return
        parts, square = texts
        if kind is not None:
            self.keep(_span(self.layout, self.scalars, candidate, parts, kind, self.theta[0]))
        if candidate.kind == "complex":
            law = _phase(self.layout, self.scalars, candidate, parts, square, self.theta[0])
            if law is not None:
                self.keep(_Written(law, _numbers(1)))

    def findings(self) -> Findings:
        """Verify over another field, and count."""
        verdict = _verified(self.problem, [written.law for written in self.written])
        known = self._architecture()
        laws, lines = [], []
        for written, holds in zip(self.written, verdict, strict=True):
            if not holds:  # a number mod p was taken for another one
                self.lost.append(_unwritten(written.law.name))
                continue
            raised = int(known.add(written.law.gradients(self.scalars, self.theta[0, 0])).sum())
            if raised:
                law = replace(written.law, independent=raised, origin="data symmetry")
                laws.append(law)
                single = law.size == 1 and law.text != law.name
                shown = f": {law.text}" if single else ""
                lines.append(f"+{raised}: the {law.name} is conserved, {written.formula}{shown}.")
        return Findings(tuple(laws), (*lines, *self.lost))

    def keep(self, written: _Written) -> None:
        """Keep a law unless it fails at the point at hand: verification elsewhere is dear."""
        _, values = self.fields.draw(_enough(self.fields), self.theta)
        if not written.law.derivative(self.scalars, self.theta[0, 0], values).any():
            self.written.append(written)

    def _architecture(self) -> RowSpace:
        """Where the gradients of laws for all data lie."""
        everything = OrbitFields(self.problem.architecture(), self.scalars, self.fields.rng)
        span = LieSpan(everything, theta=self.theta)
        span.close()
        known = RowSpace(self.scalars, self.fields.dimension)
        known.add(span.space.annihilator().T)
        return known

    def _texts(self, candidate: Candidate) -> tuple[list[Texts], str] | None:
        """Exact coefficients: short fractions, or else what a prime near 2^61 tells."""
        found = _recognised(self.small, candidate)
        if found is not None:
            return found
        if candidate.kind == "real":
            images = [part.image for part in candidate.parts]
            known = waves(self.scalars, self.roots, images)
            if known is not None:
                return known, "1"
        if self.wide is None:
            self.wide = self._wide()
        for recogniser, other in self.wide:
            if _shape(other) != _shape(candidate):
                continue
            found = _recognised(recogniser, other)
            if found is not None and _agree(self.scalars, found, candidate):
                return found
        return None

    def _wide(self) -> list[tuple[Recogniser, Candidate]]:
        """The same candidates mod a prime near 2^61."""
        scalars = WideResidues(prime_with_roots(self.roots, below=2**61))
        rng = np.random.default_rng(0)
        space = moment_space(self.problem, scalars)
        blocks, _ = feature_blocks(scalars, space, rng)
        recogniser = Recogniser(scalars, self.roots)
        return [(recogniser, other) for other in candidates(scalars, space, blocks, rng)]


def _unwritten(name: str) -> str:
    return (
        f"The {name} may be conserved too, but no short exact form of its coefficients was found, "
        "so nothing is counted for it."
    )


def _unsplit(block: Block) -> str:
    return (
        f"A block of {block.size} dimensions was not split into irreducible parts over this field, "
        "so no law was looked for on it."
    )


def _shape(candidate: Candidate) -> tuple[object, ...]:
    parts = tuple((part.tensor, part.axis) for part in candidate.parts)
    return candidate.dimension, candidate.kind, parts


def _recognised(recogniser: Recogniser, candidate: Candidate) -> tuple[list[Texts], str] | None:
    square = recogniser.text(candidate.square)
    texts = []
    for part in candidate.parts:
        matrix = recogniser.matrix(part.image)
        if matrix is None or square is None:
            return None
        texts.append(matrix)
    return texts, square or "1"


def _agree(scalars: Residues, found: tuple[list[Texts], str], candidate: Candidate) -> bool:
    """Whether exact coefficients are those of a candidate mod another prime."""
    texts, square = found
    pairs = [(text, part.image) for text, part in zip(texts, candidate.parts, strict=True)]
    pairs.append((((square,),), scalars.from_integers([[candidate.square]])))
    try:
        return all(agrees(scalars, text, image) for text, image in pairs)
    except InputError:  # a prime without the roots of unity: sines and cosines of another order
        return False


def _enough(fields: MomentFields) -> int:
    assert fields.generators is not None
    return fields.generators + 2


def _kind(fields: MomentFields, candidate: Candidate) -> Literal["range", "direction"] | None:
    """Which of the two identities holds at every one of ``POINTS`` random points."""
    scalars, k = fields.scalars, candidate.dimension
    span = line = candidate.count * k > 1
    for _ in range(POINTS):
        theta = fields.point()
        _, values = fields.draw(_enough(fields), theta)
        (here,) = candidate.vectors(scalars, theta[0])
        moved = candidate.vectors(scalars, values)
        if span:
            inside = RowSpace(scalars, k)
            inside.add(here)
            span = inside.rank < k and not inside.remainder(moved.reshape(-1, k)).any()
        if line:
            along = RowSpace(scalars, here.size)
            along.add(here.reshape(1, -1))
            line = not along.remainder(moved.reshape(len(moved), -1)).any()
        if not span and not line:
            return None
    return "direction" if line else "range"


def _span(
    layout: Layout,
    scalars: Residues,
    candidate: Candidate,
    texts: Sequence[Texts],
    what: Literal["range", "direction"],
    theta: Array,
) -> _Written:
    """The range or direction law of a candidate."""
    (here,) = candidate.vectors(scalars, theta)
    k, copies, units = candidate.dimension, candidate.copies, _UNITS[candidate.kind]
    if what == "direction":
        chosen = list(range(len(here)))
        pivots = [int((here.reshape(-1) != 0).argmax())]
        formula = f"{here.size} − 1 = {here.size - 1} numbers" if here.size > 2 else _numbers(1)
    else:
        space = RowSpace(scalars, k)
        chosen = np.flatnonzero(space.add(here)).tolist()
        pivots = np.sort(space.pivots).tolist()
        formula = _formula(k // copies // units, len(chosen) // copies // units, units)
    parts, vectors = _pruned(candidate, texts, chosen)
    law = SpanLaw(
        layout=layout,
        what=what,
        parts=parts,
        vectors=vectors,
        pivots=tuple(pivots),
        place=candidate.place,
        field=candidate.kind if what == "range" else "real",
    )
    return _Written(quotient(law) or law, formula)


def _numbers(count: int) -> str:
    return "one number" if count == 1 else f"{count} numbers"


def _formula(k: int, kappa: int, units: int) -> str:
    """How many numbers fix a range of κ vectors in k dimensions over R, C or H."""
    count = units * kappa * (k - kappa)
    if units == 1:
        return f"κ(k − κ) = {kappa}·({k} − {kappa}) = {count} numbers (k = {k}, κ = {kappa})"
    over = "C" if units == 2 else "H"
    return (
        f"{units}κ(k − κ) = {units}·{kappa}·({k} − {kappa}) = {count} numbers over {over} "
        f"(k = {k}, κ = {kappa})"
    )


def _phase(
    layout: Layout,
    scalars: Residues,
    candidate: Candidate,
    texts: Sequence[Texts],
    square: str,
    theta: Array,
) -> PhaseLaw | None:
    """The phase law of a complex candidate; None where the vectors are dependent over C.

    Vectors that fill C^n several times over keep no phase.
    """
    (here,) = candidate.vectors(scalars, theta)
    pairs = here.reshape(len(here), -1, 2)
    chosen = complex_independent(scalars, candidate.square, pairs)
    if len(chosen) != candidate.count // 2:
        return None
    picked = pairs[chosen]
    coordinates = complex_independent(scalars, candidate.square, picked.swapaxes(0, 1))
    parts, vectors = _pruned(candidate, texts, chosen)
    return PhaseLaw(
        layout=layout,
        parts=parts,
        vectors=vectors,
        coordinates=tuple(coordinates),
        square=square,
        place=candidate.place,
    )


def _pruned(
    candidate: Candidate, texts: Sequence[Texts], chosen: Sequence[int]
) -> tuple[tuple[SpanPart, ...], tuple[int, ...]]:
    """The parts that hold a chosen vector, and where the chosen ones are among those."""
    parts, vectors = [], []
    start = kept = 0
    for part, text in zip(candidate.parts, texts, strict=True):
        stop = start + len(part.indices)
        inside = [kept + index - start for index in chosen if start <= index < stop]
        if inside:
            parts.append(SpanPart(part.tensor, part.axis, text))
            vectors += inside
            kept += len(part.indices)
        start = stop
    return tuple(parts), tuple(vectors)


def _verified(problem: Problem, laws: Sequence[Law]) -> Iterator[bool]:
    """Whether each law holds as an identity over another field."""
    try:
        return iter(verify(problem, laws).holds if laws else ())
    except Redraw:
        return iter([False] * len(laws))
