"""Ranges, directions and phases of vectors that the loss moves inside their own span (theory §6).

Let P be the parameters' components in one isotypic block of the features, or one whole tensor, as
vectors of R^k. If every field moves them inside their own span, P′ = P·N, the span of P is
conserved: κ(k − κ) numbers. If every field is a multiple of P itself, its direction is. Both are
told at a random point mod p, and written with exact coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate
from math import lcm
from typing import Literal

import numpy as np

from conserved.errors import InputError
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.kernel.wide import WideResidues
from conserved.law import Law, Layout, PhaseLaw, RationalLaw, SpanLaw, SpanPart
from conserved.problem import Problem
from conserved.search.candidates import Candidate, on_blocks, on_tensors
from conserved.search.closed_form import Recogniser, Texts, agrees
from conserved.search.lifted import Lifted
from conserved.search.modules import complex_independent
from conserved.search.monomials import Monomials, ratios
from conserved.search.state import State
from conserved.search.waves import waves


def block_laws(state: State) -> Iterator[list[Law]]:
    """What the isometries that the loss cannot see keep constant."""
    lifted = state.lifted
    if lifted is None or not lifted.features_known():
        return
    for block in lifted.features[0]:
        if not len(block.copies):
            state.note(
                f"A block of {block.size} dimensions was not split into irreducible parts over "
                "this field, so no law was looked for on it."
            )
    exact = _Exact(state.problem, lifted.scalars)
    yield [law for one in on_blocks(lifted) for law in _laws(state, one, exact)]


def tensor_laws(state: State) -> Iterator[list[Law]]:
    """Ranges and directions of whole tensors: what is left where labels drop out, or where all that
    moves a layer is its own size, also for networks without a lift.
    """
    scalars = state.fields.scalars
    exact = _Exact(state.problem, scalars)
    yield [law for one in on_tensors(scalars, state.layout) for law in _laws(state, one, exact)]


def _laws(state: State, candidate: Candidate, exact: _Exact) -> Iterator[Law]:
    """What of a candidate is conserved, in closed form."""
    scalars = state.fields.scalars
    theta, along = state.at
    (here,) = candidate.vectors(scalars, theta[None])
    what = _kept(scalars, here, candidate.vectors(scalars, along))
    if what is None and candidate.kind != "complex":
        return
    texts = exact.texts(candidate)
    if texts is None:
        state.note(
            f"The {what or 'phase'} of {candidate.subject} may be conserved too, but no short "
            "exact form of its coefficients was found, so nothing is counted for it."
        )
        return
    parts, square = texts
    if what == "direction":
        yield _direction(state, candidate, parts, here)
    elif what == "range":
        yield _range(state.layout, scalars, candidate, parts, here)
    if candidate.kind == "complex":
        yield from _phase(state.layout, scalars, candidate, parts, square, here)


def _kept(scalars: Residues, here: Array, moved: Array) -> Literal["range", "direction"] | None:
    """Which identity holds for vectors (κ, k) that fields move by (fields, κ, k)."""
    if here.size < 2:
        return None
    line, span = RowSpace(scalars, here.size), RowSpace(scalars, here.shape[1])
    line.add(here.reshape(1, -1))
    if not line.remainder(moved.reshape(len(moved), -1)).any():
        return "direction"
    span.add(here)
    inside = span.rank < span.width and not span.remainder(moved.reshape(-1, span.width)).any()
    return "range" if inside else None


class _Exact:
    """Exact coefficients of candidates."""

    def __init__(self, problem: Problem, scalars: Residues) -> None:
        self.problem = problem
        self.scalars = scalars
        self.roots = lcm(problem.roots, problem.group.splitting)
        self.small = Recogniser(scalars, self.roots)
        self.wide: list[tuple[Recogniser, Candidate]] | None = None

    def texts(self, candidate: Candidate) -> tuple[list[Texts], str] | None:
        """Of the parts, and of the square: short fractions, or else waves, or else what a prime
        near 2^61 tells.
        """
        found = _recognised(self.small, candidate)
        if found is not None:
            return found
        if candidate.kind == "real":
            known = waves(self.scalars, self.roots, [part.image for part in candidate.parts])
            if known is not None:
                return known, "1"
        if self.wide is None:
            self.wide = self._wide()
        for recogniser, other in self.wide:
            if _shape(other) == _shape(candidate):
                found = _recognised(recogniser, other)
                if found is not None and _agree(self.scalars, found, candidate):
                    return found
        return None

    def _wide(self) -> list[tuple[Recogniser, Candidate]]:
        """The same candidates mod a prime near 2^61."""
        scalars = WideResidues(prime_with_roots(self.roots, below=2**61))
        lifted = Lifted(self.problem, scalars)
        recogniser = Recogniser(scalars, self.roots)
        return [(recogniser, other) for other in on_blocks(lifted)]


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


def _direction(
    state: State, candidate: Candidate, texts: Sequence[Texts], here: Array
) -> SpanLaw | RationalLaw:
    """All of P up to one factor; a direction in the plane as one quotient of short linear forms."""
    parts, vectors = _pruned(candidate, texts, range(len(here)))
    pivots = (int((here.reshape(-1) != 0).argmax()),)
    law = SpanLaw(
        layout=state.layout,
        what="direction",
        parts=parts,
        vectors=vectors,
        pivots=pivots,
        place=candidate.place,
    )
    if here.size > 2:
        return law
    try:
        forms = [
            [(i, Fraction(word)) for i, word in sorted(zip(fibre, row, strict=True)) if word != "0"]
            for part, rows in zip(candidate.parts, texts, strict=True)
            for fibre in part.indices.tolist()
            for row in rows
        ]
    except ValueError:  # cosines
        return law
    return ratios(state.layout, Monomials(state.layout.size, [1]), forms, title=law.text)


def _range(
    layout: Layout, scalars: Residues, candidate: Candidate, texts: Sequence[Texts], here: Array
) -> SpanLaw:
    space = RowSpace(scalars, candidate.dimension)
    parts, vectors = _pruned(candidate, texts, np.flatnonzero(space.add(here)).tolist())
    return SpanLaw(
        layout=layout,
        what="range",
        parts=parts,
        vectors=vectors,
        pivots=tuple(np.sort(space.pivots).tolist()),
        place=candidate.place,
        field=candidate.kind,
    )


def _phase(
    layout: Layout,
    scalars: Residues,
    candidate: Candidate,
    texts: Sequence[Texts],
    square: str,
    here: Array,
) -> Iterator[PhaseLaw]:
    """The phase of a complex candidate, unless its vectors are dependent over C.

    Vectors that fill C^n several times over keep no phase.
    """
    pairs = here.reshape(len(here), -1, 2)
    chosen = complex_independent(scalars, candidate.square, pairs)
    if len(chosen) != candidate.count // 2:
        return
    columns = pairs[chosen].swapaxes(0, 1)
    parts, vectors = _pruned(candidate, texts, chosen)
    yield PhaseLaw(
        layout=layout,
        parts=parts,
        vectors=vectors,
        coordinates=tuple(complex_independent(scalars, candidate.square, columns)),
        square=square,
        place=candidate.place,
    )


def _pruned(
    candidate: Candidate, texts: Sequence[Texts], chosen: Sequence[int]
) -> tuple[tuple[SpanPart, ...], tuple[int, ...]]:
    """The parts that hold a chosen vector, and where the chosen ones are among those."""
    parts, vectors = [], []
    kept = 0
    stops = accumulate(len(part.indices) for part in candidate.parts)
    for part, text, stop in zip(candidate.parts, texts, stops, strict=True):
        start = stop - len(part.indices)
        inside = [kept + index - start for index in chosen if start <= index < stop]
        if inside:
            parts.append(SpanPart(part.tensor, part.axis, text))
            vectors += inside
            kept += len(part.indices)
    return tuple(parts), tuple(vectors)
