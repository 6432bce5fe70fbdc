"""Laws of the axis-quadratic and the linear ansatz: all of them, in matrix form where there is one.

Cost: as many evaluations of one field as there are unknowns, and one rank of that size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.kernel.deadline import check_time
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import GramLaw, GramTerm, Law, Layout, Polynomial, PolynomialLaw
from conserved.problem import Problem
from conserved.search.families import gram_laws
from conserved.search.null import Vector, as_fractions, integral, samples, shortened, solutions
from conserved.search.state import State
from conserved.search.unknowns import Unknowns

JOINT_LIMIT = 2500  # unknowns up to which linear and quadratic terms are sought together
UNKNOWN_LIMIT = 8000  # one matrix of that size takes 512 MB
_WIDE_LIMIT = 6000  # entries of a matrix that is tried although its axes are too long
_LARGE = 1500  # unknowns: from here on, sums of squares are tried before all forms
_SAMPLE_BYTES = 2**27  # of points, and of the fields there, at a time


def linear(state: State) -> Iterator[list[Law]]:
    """Linear laws, where they are costly and were left for later."""
    if JOINT_LIMIT < state.layout.size <= UNKNOWN_LIMIT:
        yield _linear(state)
    elif state.layout.size > UNKNOWN_LIMIT:
        state.note(
            f"linear laws have {state.layout.size:,} unknown coefficients, more than "
            f"{UNKNOWN_LIMIT:,}: they were not looked for"
        )


def quadratic(state: State) -> Iterator[list[Law]]:
    """Linear and axis-quadratic laws; of a large network sums of squares, which cost far less."""
    large = unknowns_of(state.problem) > _LARGE
    yield from _quadratic(state, 0 if large else UNKNOWN_LIMIT)


def all_quadratic(state: State) -> Iterator[list[Law]]:
    """All of them, with about so many unknowns at most, of large networks too."""
    if unknowns_of(state.problem) > _LARGE:
        yield from _quadratic(state, UNKNOWN_LIMIT)


def table(layout: Layout, limit: int) -> Unknowns:
    """The unknowns: linear terms are among them where that is cheap, and else sought alone."""
    return _table(layout, limit, JOINT_LIMIT)


@lru_cache(maxsize=4)  # one search asks for the same one a few times
def _table(layout: Layout, limit: int, joint: int) -> Unknowns:
    return Unknowns(layout, linear=Unknowns(layout).size <= joint, limit=limit)


def unknowns_of(problem: Problem) -> int:
    """How many unknown coefficients the search will solve for, at most; polynomials left out.

    Example:
        >>> from conserved.networks import Linear
        >>> unknowns_of(Problem(network=Linear(16, 16, 16)))
        1054
    """
    layout = problem.state
    size = table(layout, UNKNOWN_LIMIT).size
    return max(size, layout.size) if layout.size <= UNKNOWN_LIMIT else size


def _linear(state: State) -> list[Law]:
    """Every c with c·w = 0 for all fields: c·θ is conserved."""
    scalars, size = state.fields.scalars, state.layout.size
    basis = solutions(scalars, size, lambda count: samples(state.fields, count)[1])
    return sums(state.layout, as_fractions(basis, scalars))


def _quadratic(state: State, limit: int) -> Iterator[list[Law]]:
    """A set of laws that spans the solutions, linear ones first: their squares are not new then."""
    unknowns = table(state.layout, limit)
    if limit and (long := [axis for axis in unknowns.axes if axis.diagonal]):
        axes = ", ".join(f"axis {axis.axis + 1} of {axis.tensor}" for axis in long)
        state.note(
            f"along {axes} only sums of squares were looked for: "
            f"more than {limit:,} unknown coefficients"
        )
    if state.layout.size <= JOINT_LIMIT:
        yield _linear(state)
    scalars, fields = state.fields.scalars, state.fields
    most = max(1, _SAMPLE_BYTES // (8 * state.layout.size))

    def conditions(count: int) -> Array:
        parts = []
        with threads_for(1):  # many small products: threads would only wait for each other
            for start in range(0, count, most):
                check_time()
                theta, values = samples(fields, min(most, count - start))
                parts.append(unknowns.conditions(scalars, theta, values))
        return np.concatenate(parts)

    basis = solutions(scalars, unknowns.size, conditions)
    laws = (_widened(state, law) for law in presented(unknowns, scalars, basis))
    yield [_weighted(state, law) for law in laws]


def _widened(state: State, law: Law) -> Law:
    """All of M where its diagonal is conserved and the axes are too long for unknowns S_ij."""
    if not isinstance(law, GramLaw) or law.part != "diagonal":
        return law
    whole = replace(law, part="symmetric")
    return whole if whole.size <= _WIDE_LIMIT and state.survives(whole) else law


def _weighted(state: State, law: Law) -> Law:
    """Each term over its rate, where tensors have rates of their own."""
    rates = dict(state.problem.moves.rates)
    if not isinstance(law, GramLaw) or not rates:
        return law
    rate = rates.get(law.terms[0].tensor, Fraction(1))
    return replace(law, terms=tuple(replace(t, coefficient=t.factor / rate) for t in law.terms))


def presented(unknowns: Unknowns, scalars: Residues, basis: Array) -> list[Law]:
    """The solutions as laws: families first, then norms, then short polynomials."""
    if not len(basis):
        return []
    space = RowSpace(scalars, unknowns.size)
    space.add(basis)
    vectors = as_fractions(basis, scalars)
    told = RowSpace(scalars, unknowns.size)
    laws = []
    for law, combinations in gram_laws(unknowns, scalars, space, vectors):
        if told.add(combinations).any():
            laws.append(law)
    laws.sort(key=_place)
    left = [v for v in sorted(vectors, key=len) if told.add(_row(unknowns, scalars, v)).any()]
    return [*laws, *(_single(unknowns, vector) for vector in shortened(left))]


def _place(law: GramLaw) -> tuple[int, int]:
    """Laws are told in the order of the network."""
    lead = law.terms[0]
    first = int(law.layout.indices(lead.tensor).ravel()[0])
    return first, 0 if lead.rows is None else lead.rows[0]


def _row(unknowns: Unknowns, scalars: Residues, vector: Vector) -> Array:
    out = np.zeros((1, unknowns.size), dtype=scalars.dtype)
    for position, value in vector:
        out[0, position] = scalars.fraction(value.numerator, value.denominator)
    return out


def _single(unknowns: Unknowns, vector: Vector) -> Law:
    """One solution as a law: norms of whole tensors, or a polynomial."""
    norms = unknowns.as_norms(vector)
    if norms is not None:
        lead = norms[0][1]
        terms = tuple(GramTerm(tensor, 0, c / lead) for tensor, c in norms)
        return GramLaw(layout=unknowns.layout, terms=terms, part="trace")
    polynomial = unknowns.polynomial(integral(vector))
    return PolynomialLaw(layout=unknowns.layout, components=(polynomial,))


def sums(layout: Layout, vectors: list[Vector]) -> list[Law]:
    """Linear laws; those that are sums along one axis of a tensor become one law."""
    laws: list[Law] = []
    sums: dict[tuple[str, int], list[tuple[int, Polynomial]]] = {}
    for vector in sorted(vectors, key=partial(_column_first, layout)):
        polynomial = Polynomial.of({(position,): value for position, value in integral(vector)})
        place = _fibre(layout, vector)
        if place is None:
            laws.append(PolynomialLaw(layout=layout, components=(polynomial,)))
        else:
            tensor, axis, first = place
            sums.setdefault((tensor, axis), []).append((first, polynomial))
    for (tensor, axis), parts in sums.items():
        parts.sort(key=lambda part: part[0])
        shape = layout.shape(tensor)
        what = (
            ("column sums", "row sums")[axis] if len(shape) == 2 else f"sums along axis {axis + 1}"
        )
        title = f"{what} of {tensor}" if len(shape) > 1 else f"sum of {tensor}"
        components = tuple(polynomial for _, polynomial in parts)
        laws.append(PolynomialLaw(layout=layout, components=components, title=title))
    return laws


def _column_first(layout: Layout, vector: Vector) -> tuple[Any, ...]:
    """Linear laws that are alike in all rows of a tensor stand together."""
    places = [(*layout.locate(position), value) for position, value in vector]
    return [(name, place[1:], value) for name, place, value in places], places[0][1][:1]


def _fibre(layout: Layout, vector: Vector) -> tuple[str, int, int] | None:
    """(tensor, axis, first entry) when a linear form is the sum of one fibre of a tensor."""
    if len({value for _, value in vector}) > 1:
        return None
    places = [layout.locate(position) for position, _ in vector]
    tensors = {name for name, _ in places}
    if len(tensors) > 1:
        return None
    (tensor,) = tensors
    block = layout.indices(tensor)
    positions = [position for position, _ in vector]
    for axis in range(block.ndim):
        place = list(places[0][1])
        place[axis] = 0
        fibre = np.moveaxis(block, axis, -1)[tuple(p for k, p in enumerate(place) if k != axis)]
        if block.shape[axis] > 1 and fibre.tolist() == positions:
            return tensor, axis, positions[0]
    return None
