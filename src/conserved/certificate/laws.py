"""Laws as programs: what a certificate proves of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, partial

import numpy as np

from conserved.errors import ConservedError, DegenerateSampleError
from conserved.kernel import law as laws_as_data
from conserved.kernel.flow import CLOCK
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.program import Program
from conserved.kernel.residues import residues
from conserved.law import (
    CrossLaw,
    GramLaw,
    Law,
    Layout,
    PhaseLaw,
    Polynomial,
    PolynomialLaw,
    RationalLaw,
    SpanLaw,
    TimedLaw,
)
from conserved.law.gram import GramTerm
from conserved.law.vectors import VectorLaw
from conserved.networks.tracing import Var, concatenate, trace

_WHOLE = re.compile(r"-?[0-9]{1,15}")

Tensors = Mapping[str, Var]


@lru_cache(maxsize=1024)
def program_of(law: Law) -> Program:
    """θ ↦ (h_1, …, h_c) in the order of ``law.values``.

    Raises:
        ConservedError: a law of a kind that no certificate holds.

    Example:
        >>> from conserved.law import Layout
        >>> law = GramLaw(layout=Layout((("w", (2, 3)),)), terms=(GramTerm("w", 0),))
        >>> program_of(law).shape
        (3,)
    """
    tensors = law.layout.tensors
    for form, formula in _FORMULAS.items():
        if isinstance(law, form):
            return trace(tensors, (), partial(_applied, formula, law))
    raise ConservedError(f"law: {law} is of a kind that no certificate holds")


def _applied(formula: Callable[..., Var], law: Law, named: Tensors, _: Tensors) -> Var:
    made: Var = formula(law, named)
    return made


def _gram(law: GramLaw, named: Tensors) -> Var:
    n = law.height
    total: Var | None = None
    for term in law.terms:
        rows = _rows(term, named[term.tensor], law.layout)
        if law.part == "symmetric":
            i, j = np.triu_indices(n)
            entries = (rows @ rows.T).reshape(n * n).take((i * n + j).tolist())
        else:
            entries = (rows**2).sum(1).reshape(-1)
        if law.part == "trace":
            entries = entries.sum(0)
        entries = entries.scale(term.factor)
        total = entries if total is None else total + entries
    assert total is not None
    return total


def _rows(term: GramTerm, tensor: Var, layout: Layout) -> Var:
    """The slices of a tensor along one axis, with the offset, as the rows of a matrix."""
    if tensor.shape:
        moved = _moved(tensor, term.axis, 0).reshape(tensor.shape[term.axis], -1)
    else:
        moved = tensor.reshape(1, 1)
    rows = moved if term.rows is None else moved[slice(*term.rows)]
    if not term.offset:
        return rows
    unit = tensor.recording.constant(term.unit(layout).reshape(rows.shape))
    return rows + unit.scale(Fraction(term.offset))


def _moved(tensor: Var, axis: int, to: int) -> Var:
    order = [k for k in range(len(tensor.shape)) if k != axis]
    order.insert(to, axis)
    return tensor if order == sorted(order) else tensor.transpose(*order)


def _flat(named: Tensors) -> Var:
    return concatenate([tensor.reshape(-1) for tensor in named.values()])


def _polynomial(law: PolynomialLaw, named: Tensors) -> Var:
    return _sums(law.components, _flat(named))


def _rational(law: RationalLaw, named: Tensors) -> Var:
    above, below = zip(*law.components, strict=True)
    flat = _flat(named)
    return _sums(above, flat) / _sums(below, flat)


def _sums(polynomials: Sequence[Polynomial], flat: Var) -> Var:
    """Values of polynomials at θ, those of as many terms and one degree together."""
    kinds: dict[tuple[int, int], list[int]] = {}
    for index, p in enumerate(polynomials):
        kinds.setdefault((len(p.terms), p.degree), []).append(index)
    one = flat.recording.constant([1])
    padded = concatenate([flat, one])
    parts, order = [], []
    for (terms, degree), indices in kinds.items():
        rows = [term for index in indices for term in polynomials[index].terms]
        padding = flat.shape[0]  # the position of the constant 1
        product = flat.recording.constant(np.array([c for _, c in rows], dtype=object))
        for k in range(degree):
            places = [m[k] if k < len(m) else padding for m, _ in rows]
            product = product * padded.take(places)
        parts.append(product.reshape(len(indices), terms).sum(1).reshape(len(indices)))
        order += indices
    together = concatenate(parts)
    back = np.argsort(order).tolist()
    return together if back == sorted(back) else together.take(back)


def _chosen(law: VectorLaw, named: Tensors) -> Var:
    """The vectors of P that a law takes, as rows (chosen, k)."""
    every = []
    for part in law.parts:
        tensor = named[part.tensor]
        if part.axis is None:
            fibres = tensor.reshape(1, -1)
        else:
            moved = _moved(tensor, part.axis, len(tensor.shape) - 1)
            fibres = moved.reshape(-1, tensor.shape[part.axis])
        image = np.array(part.matrix, dtype=object)
        every.append(fibres @ tensor.recording.constant(_numbers(image.T)))
    return concatenate(every, axis=0).take(law.vectors)


def _span(law: SpanLaw, named: Tensors) -> Var:
    charted = _charted(law, named)
    pivots = list(law.pivots)
    others = [k for k in range(law.chart) if k not in pivots]

    def ratio(mixed: Var) -> Var:
        return (mixed.take(pivots, axis=1).inverse() @ mixed.take(others, axis=1)).reshape(-1)

    plain = trace(law.layout.tensors, (), lambda again, _: ratio(_charted(law, again)))
    if _has_values(plain, law.roots):
        return ratio(charted)
    # elimination looks for no pivots: rows that are combined have the same span
    size = charted.shape[0]
    weights = [[(7 * i + 3 * j * j) % 11 + 1 for j in range(size)] for i in range(size)]
    return ratio(charted.recording.constant(weights) @ charted)


def _charted(law: SpanLaw, named: Tensors) -> Var:
    return _chosen(law, named).reshape(-1, law.chart)


def _has_values(program: Program, roots: int) -> bool:
    scalars = residues(prime_with_roots(roots))
    theta = scalars.random(np.random.default_rng(0), (1, program.size))
    try:
        laws_as_data.values(program, scalars, theta)
    except DegenerateSampleError:
        return False
    return True


def _phase(law: PhaseLaw, named: Tensors) -> Var:
    """B/A with A + Bj = det M (Faddeev–LeVerrier, as in ``law.phase``)."""
    kappa = len(law.vectors)
    chosen = _chosen(law, named).reshape(kappa, law.dimension // 2, 2)
    chosen = chosen.take(law.coordinates, axis=1)
    a, b = (chosen[:, :, part] for part in (0, 1))
    identity = a.recording.constant(np.eye(kappa, dtype=int))
    square = _number(law.square)
    x, y = identity, identity - identity
    for step in range(1, kappa + 1):
        u, v = a @ x - (b @ y).scale(square), a @ y + b @ x
        s, t = ((m * identity).sum(0).sum(1).scale(Fraction(1, step)) for m in (u, v))
        x, y = u - s * identity, v - t * identity
    return (t / s).reshape(1)


def _numbers(texts: np.ndarray[tuple[int, ...], np.dtype[np.object_]]) -> object:
    flat = [_number(text) for text in texts.ravel().tolist()]
    return np.array(flat, dtype=object).reshape(texts.shape)


def _number(text: str) -> int | str:
    return int(text) if _WHOLE.fullmatch(text) else text


def _cross(law: CrossLaw, named: Tensors) -> Var:
    n = law.height
    i, j = np.triu_indices(n, 1)
    total: Var | None = None
    for term in law.terms:
        x, y = (_rows(side, named[side.tensor], law.layout) for side in term.sides)
        product = (x @ y.T).reshape(n * n)
        above, below = ((a * n + b).tolist() for a, b in ((i, j), (j, i)))
        entries = (product.take(above) - product.take(below)).scale(term.factor)
        total = entries if total is None else total + entries
    assert total is not None
    return total


def _timed(law: TimedLaw, named: Tensors) -> Var:
    inner = next(formula for form, formula in _FORMULAS.items() if isinstance(law.law, form))
    clock = named[CLOCK].reshape(1)
    power = clock ** abs(law.power)
    return inner(law.law, named) * (power if law.power > 0 else power.reciprocal())


_FORMULAS: dict[type[Law], Callable[..., Var]] = {
    GramLaw: _gram,
    PolynomialLaw: _polynomial,
    RationalLaw: _rational,
    SpanLaw: _span,
    PhaseLaw: _phase,
    CrossLaw: _cross,
    TimedLaw: _timed,
}
