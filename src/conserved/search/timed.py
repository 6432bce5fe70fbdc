"""Laws that velocities and time take part in: s^k h with h linear or quadratic (theory §14).

With velocities h is made of products of a tensor with its own or another's velocity, slice by
slice along axes of one height; without them it is that of the axis-quadratic ansatz. For each power
k that the flow can balance, s^k h is constant along every field w when ⟨∇h, w⟩ s + k w_s h = 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations_with_replacement

import numpy as np

from conserved.kernel.deadline import check_time
from conserved.kernel.flow import Flow, velocities
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import (
    CrossLaw,
    CrossTerm,
    GramTerm,
    Law,
    Layout,
    Polynomial,
    PolynomialLaw,
)
from conserved.law.layout import Index
from conserved.law.timed import in_time
from conserved.search.ansatz import JOINT_LIMIT, UNKNOWN_LIMIT, presented, sums, table
from conserved.search.families import cliques, runs
from conserved.search.null import Vector, as_fractions, integral, samples, solutions
from conserved.search.state import State

Pair = tuple[int, int]


def laws_in_time(state: State) -> Iterator[list[Law]]:
    """Linear and quadratic laws, with every power of the clock that there can be."""
    flow, network = state.problem.moves, state.problem.network
    layout = Layout.of(network.parameters)
    functions = Products(state, layout) if flow.moving else Forms(layout)
    state.unknowns = max(state.unknowns, functions.size)
    for power in powers(flow):
        basis = _solved(state, functions, power)
        laws = functions.presented(state.fields.scalars, basis)
        yield [in_time(law, state.layout, power, flow.unit) for law in laws]


def powers(flow: Flow) -> list[int]:
    """The k for which something can balance s^k.

    Example:
        >>> powers(Flow(friction=Fraction(1, 2))), powers(Flow(friction=Fraction(3), fading=True))
        ([0, 1], [0, 3])
        >>> powers(Flow(decay=(("W1", Fraction(3)), ("W2", Fraction(5)))))
        [0, 3, 5, 6, 8, 10]
    """
    if flow.fading:
        return [0, int(flow.friction or 0)]
    rates = {Fraction(0), *(value for _, value in flow.decay)}
    if flow.moving:
        rates = {Fraction(0), flow.friction or Fraction(0)}
        sums_of = rates
    else:
        sums_of = {a + b for a, b in combinations_with_replacement(sorted(rates), 2)} | rates
    return sorted({int(rate / flow.unit) if flow.unit else 0 for rate in sums_of})


def _solved(state: State, functions: Forms | Products, power: int) -> Array:
    scalars, fields, size = state.fields.scalars, state.fields, state.layout.size
    most = max(1, _SAMPLE_BYTES // (8 * max(size, functions.size)))
    kept = functions.independent(scalars, state.theta.size)

    def conditions(count: int) -> Array:
        parts = []
        for start in range(0, count, most):
            check_time()
            theta, w = samples(fields, min(most, count - start))
            slopes = functions.slopes(scalars, theta, w)
            clock, ticks = theta[:, -1:], scalars.reduce(power * w[:, -1:])
            held = scalars.mul(functions.values(scalars, theta), ticks)
            parts.append(scalars.reduce(scalars.mul(slopes, clock) + held)[:, kept])
        return np.concatenate(parts)

    found = solutions(scalars, len(kept), conditions)
    basis = np.zeros((len(found), functions.size), dtype=scalars.dtype)
    basis[:, kept] = found
    return basis


_SAMPLE_BYTES = 2**27
_TOLD_APART = 2500  # functions, of which those that depend on others are left out
_SPARE = 8


class Forms:
    """Linear and axis-quadratic functions of θ.

    Args:
        layout: of θ.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._unknowns = table(layout, UNKNOWN_LIMIT)
        self.size = self._unknowns.size

    def slopes(self, scalars: Residues, theta: Array, fields: Array) -> Array:
        """Of every function at (θ, w): (batch, size)."""
        n = self.layout.size
        return self._unknowns.conditions(scalars, theta[:, :n], fields[:, :n])

    def values(self, scalars: Residues, theta: Array) -> Array:
        """Of every function: half its slope along θ, where it is quadratic (Euler)."""
        out = self.slopes(scalars, theta, theta)
        quadratic = slice(self._unknowns.linear, None)
        half = np.asarray(scalars.fraction(1, 2), dtype=scalars.dtype)
        out[:, quadratic] = scalars.mul(out[:, quadratic], half)
        return out

    def independent(self, scalars: Residues, size: int) -> Index:
        """All of them are."""
        return np.arange(self.size)

    def presented(self, scalars: Residues, basis: Array) -> list[Law]:
        return presented(self._unknowns, scalars, basis)


@dataclass(frozen=True)
class _Product:
    """All X_i · Y_j for the slices X of a tensor and Y of a velocity.

    Attributes:
        x, y: which; their indices in the state.
        start: where its unknowns S_ij begin, i before j.
    """

    x: GramTerm
    y: GramTerm
    left: Index
    right: Index
    start: int

    @property
    def height(self) -> int:
        return len(self.left)

    @property
    def size(self) -> int:
        return self.height**2


class Products:
    """Entries of the state, and products of slices of tensors with slices of velocities.

    Args:
        state: told what was left out.
        layout: of θ.
    """

    def __init__(self, state: State, layout: Layout) -> None:
        self.layout = state.layout
        self.linear = 2 * layout.size if 2 * layout.size <= JOINT_LIMIT else 0
        if not self.linear:
            state.note(
                f"linear laws have {2 * layout.size:,} unknown coefficients, more than "
                f"{JOINT_LIMIT:,}: they were not looked for"
            )
        names = velocities(layout.tensors)
        room = UNKNOWN_LIMIT - self.linear
        sides = [
            (GramTerm(name, axis), GramTerm(v, axis))
            for (name, shape), v in zip(layout.tensors, names, strict=True)
            for axis, height in enumerate(shape)
            if height > 1
        ]
        pairs = [(x, y) for x, _ in sides for _, y in sides]
        own = dict(zip([name for name, _ in layout.tensors], names, strict=True))
        pairs.sort(key=lambda pair: pair not in sides)  # with its own velocity first
        self.products: list[_Product] = []
        start = self.linear
        for x, y in pairs:
            left, right = x.indices(self.layout), y.indices(self.layout)
            thick = max(len(self.layout.shape(side.tensor)) for side in (x, y)) > 2
            if left.shape != right.shape or (thick and own[x.tensor] != y.tensor):
                continue
            made = _Product(x, y, left, right, start)
            if made.size > room:
                state.note(
                    f"products of {x.tensor} and {y.tensor} were left out: more than "
                    f"{UNKNOWN_LIMIT:,} unknown coefficients"
                )
                continue
            self.products.append(made)
            start, room = start + made.size, room - made.size
        self.size = start

    def slopes(self, scalars: Residues, theta: Array, fields: Array) -> Array:
        """Of every function at (state, w): (batch, size)."""
        out = np.empty((len(theta), self.size), dtype=scalars.dtype)
        out[:, : self.linear] = fields[:, : self.linear]
        for one in self.products:
            x, y, u, v = (a[:, i] for a in (theta, fields) for i in (one.left, one.right))
            product = scalars.reduce(_table(scalars, u, y) + _table(scalars, x, v))
            out[:, one.start : one.start + one.size] = product
        return out

    def values(self, scalars: Residues, theta: Array) -> Array:
        """Of every function: (batch, size)."""
        out = np.empty((len(theta), self.size), dtype=scalars.dtype)
        out[:, : self.linear] = theta[:, : self.linear]
        for one in self.products:
            product = _table(scalars, theta[:, one.left], theta[:, one.right])
            out[:, one.start : one.start + one.size] = product
        return out

    def independent(self, scalars: Residues, size: int) -> Index:
        """Functions that no others are sums of: the same one can be written along two axes."""
        if self.size > _TOLD_APART:
            return np.arange(self.size)
        points = scalars.random(np.random.default_rng(0), (self.size + _SPARE, size))
        space = RowSpace(scalars, self.size)
        space.add(self.values(scalars, points))
        return np.sort(space.pivots)

    def presented(self, scalars: Residues, basis: Array) -> list[Law]:
        """Linear laws, then antisymmetric matrices, then what is left as polynomials."""
        vectors = as_fractions(basis, scalars)
        linear = [v for v in vectors if v[-1][0] < self.linear]
        turns: dict[tuple[tuple[int, Fraction], ...], list[Pair]] = {}
        rest: list[Vector] = []
        for vector in vectors:
            if vector[-1][0] < self.linear:
                continue
            found = self._turn(vector)
            if found is None:
                rest.append(vector)
            else:
                turns.setdefault(found[0], []).append(found[1])
        laws = sums(self.layout, linear)
        for terms, pairs in turns.items():
            laws += self._matrices(terms, pairs)
        polynomials = (self._polynomial(integral(vector)) for vector in rest)
        return laws + [
            PolynomialLaw(layout=self.layout, components=(p,)) for p in polynomials if p.degree
        ]

    def _place(self, unknown: int) -> tuple[int, int, int]:
        """(product, i, j)."""
        k = max(k for k, one in enumerate(self.products) if one.start <= unknown)
        i, j = divmod(unknown - self.products[k].start, self.products[k].height)
        return k, i, j

    def _turn(self, vector: Vector) -> tuple[tuple[tuple[int, Fraction], ...], Pair] | None:
        """Σ c (X_i·Y_j − X_j·Y_i) as its (product, c) and (i, j); None for anything else."""
        if vector[0][0] < self.linear:
            return None
        entries = {self._place(unknown): value for unknown, value in vector}
        (_, a, b), pairs = min(entries), {frozenset(key[1:]) for key in entries}
        i, j = min(a, b), max(a, b)
        swapped = all(entries.get((k, b, a)) == -value for (k, a, b), value in entries.items())
        if len(pairs) != 1 or i == j or not swapped:
            return None
        terms = sorted((k, value) for (k, a, _), value in entries.items() if a == i)
        return tuple((k, value / terms[0][1]) for k, value in terms), (i, j)

    def _matrices(self, terms: tuple[tuple[int, Fraction], ...], pairs: list[Pair]) -> list[Law]:
        """The pairs (i, j) of one combination as matrices: all of an axis, or blocks."""
        height = max(self.products[k].height for k, _ in terms)
        held = np.eye(height, dtype=np.bool_)
        for i, j in pairs:
            held[i, j] = held[j, i] = True
        laws: list[Law] = []
        left = set(pairs)
        for group in cliques(held):
            for start, stop, step in runs(group) if len(group) > 1 else ():
                chosen = range(start, stop, step)
                if len(chosen) > 1:
                    laws.append(self._law(terms, chosen))
                    left -= {(i, j) for i in chosen for j in chosen}
        return laws + [self._law(terms, range(i, j + 1, j - i)) for i, j in sorted(left)]

    def _law(self, terms: tuple[tuple[int, Fraction], ...], chosen: range) -> Law:
        parts = []
        for k, factor in terms:
            one = self.products[k]
            whole = chosen == range(one.height)
            rows = None if whole else (chosen.start, chosen[-1] + 1, chosen.step)
            x, y = one.x, one.y
            parts.append(CrossTerm(x.tensor, x.axis, y.tensor, y.axis, factor, rows))
        return CrossLaw(layout=self.layout, terms=tuple(parts))

    def _polynomial(self, vector: Vector) -> Polynomial:
        terms: dict[tuple[int, ...], Fraction] = {}
        for unknown, value in vector:
            if unknown < self.linear:
                terms[unknown,] = terms.get((unknown,), Fraction(0)) + value
                continue
            k, i, j = self._place(unknown)
            one = self.products[k]
            for a, b in zip(one.left[i].tolist(), one.right[j].tolist(), strict=True):
                terms[a, b] = terms.get((a, b), Fraction(0)) + value
        return Polynomial.of(terms)


def _table(scalars: Residues, x: Array, y: Array) -> Array:
    """X_i · Y_j (batch, d²) of slices (batch, d, m)."""
    return scalars.matmul(x, y.swapaxes(-1, -2)).reshape(len(x), -1)
