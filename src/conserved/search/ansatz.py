"""Laws of the axis-quadratic and the linear ansatz: all of them, in matrix form where there is one.

Cost: as many evaluations of one field as there are unknowns, and one rank of that size.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import lcm

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.errors import Redraw
from conserved.fields import Fields
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import GramLaw, GramTerm, Law, Layout, Polynomial, PolynomialLaw
from conserved.search.families import gram_laws
from conserved.search.null import Vector, as_fractions, solutions
from conserved.search.short import shortened
from conserved.search.unknowns import Unknowns

_ROUNDS = 16  # of samples without a value that are drawn again
JOINT_LIMIT = 2500  # unknowns up to which linear and quadratic terms are sought together
UNKNOWN_LIMIT = 8000  # one matrix of that size takes 512 MB
_WIDE_LIMIT = 6000  # entries of a matrix that is tried although its axes are too long
_FIELDS = 2  # that a candidate has to survive before it is verified
_SAMPLE_BYTES = 2**27  # of points, and of the fields there, at a time


def linear_laws(fields: Fields) -> list[Law]:
    """Every c with c·w = 0 for all fields: c·θ is conserved."""
    layout = Layout(fields.program.parameters)
    scalars = fields.scalars
    basis = solutions(scalars, layout.size, lambda count: samples(fields, count)[1])
    return _sums(layout, as_fractions(basis, scalars))


def quadratic_laws(
    fields: Fields, *, linear: bool = False, limit: int = UNKNOWN_LIMIT
) -> list[Law]:
    """A set of laws that spans the solutions of the axis-quadratic ansatz.

    Args:
        fields: of the problem.
        linear: whether linear terms may occur beside the quadratic ones.
        limit: of unknowns; along axes that would exceed it only sums of squares are sought.
    """
    layout = Layout(fields.program.parameters)
    unknowns = Unknowns(layout, linear=linear, limit=limit)
    scalars = fields.scalars

    most = max(1, _SAMPLE_BYTES // (8 * layout.size))

    def conditions(count: int) -> Array:
        parts = []
        with threads_for(1):  # many small products: threads would only wait for each other
            for start in range(0, count, most):
                theta, values = samples(fields, min(most, count - start))
                parts.append(unknowns.conditions(scalars, theta, values))
        return np.concatenate(parts)

    basis = solutions(scalars, unknowns.size, conditions)
    if not len(basis):
        return []
    laws = _presented(unknowns, scalars, basis)
    if any(axis.diagonal for axis in unknowns.axes):
        laws = [_widened(fields, law) for law in laws]
    return laws


def _widened(fields: Fields, law: Law) -> Law:
    """All of M where its diagonal is conserved and the axes are too long for unknowns S_ij."""
    if not isinstance(law, GramLaw) or law.part != "diagonal":
        return law
    whole = replace(law, part="symmetric")
    if whole.size > _WIDE_LIMIT:
        return law
    theta = fields.point()
    _, values = fields.draw(_FIELDS, theta)
    return law if whole.derivative(fields.scalars, theta[0, 0], values).any() else whole


def samples(fields: Fields, count: int) -> tuple[Array, Array]:
    """Random points θ and one random field at each: both (count, D).

    Raises:
        Redraw: too few points have values.
    """
    points, values = _drawn(fields, count)
    for _ in range(_ROUNDS):
        if len(points) >= count:
            return points[:count], values[:count]
        more, there = _drawn(fields, count)  # some had no value (a zero divisor, a non-square)
        points, values = np.concatenate([points, more]), np.concatenate([values, there])
    raise Redraw("too few points have values")


def _drawn(fields: Fields, count: int) -> tuple[Array, Array]:
    theta = fields.points(count)
    values = fields.evaluate(fields.leaves_at(theta), theta)[0]
    if fields.invalid is None:
        return theta[0], values
    valid = ~fields.invalid
    return theta[0, valid], values[valid]


def _presented(unknowns: Unknowns, scalars: Residues, basis: Array) -> list[Law]:
    """The solutions as laws: families first, then norms, then short polynomials."""
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


def integral(vector: Vector) -> Vector:
    """The primitive integer multiple of a vector, its first entry positive."""
    scale = Fraction(lcm(*(value.denominator for _, value in vector)))
    whole = [int(value * scale) for _, value in vector]
    divisor = int(np.gcd.reduce(np.array(whole, dtype=object)))
    sign = 1 if whole[0] > 0 else -1
    return [
        (position, Fraction(sign * number, divisor))
        for (position, _), number in zip(vector, whole, strict=True)
    ]


def _sums(layout: Layout, vectors: list[Vector]) -> list[Law]:
    """Linear laws; those that are sums along one axis of a tensor become one law."""
    laws: list[Law] = []
    sums: dict[tuple[str, int], list[tuple[int, Polynomial]]] = {}
    for vector in vectors:
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
