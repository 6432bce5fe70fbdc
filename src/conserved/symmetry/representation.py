"""Whether label matrices represent a group that is not listed: the relations checked exactly.

For a group with infinitesimal generators X_i ↦ Y_i and generators g_a ↦ h_a the pairs have to
generate no more than the X and g alone. Checked are

- every linear relation in the Lie algebra (brackets, and conjugation by the generators, until
  nothing new appears): Y has the structure constants of X, and h acts on them as g does;
- full turns: exp(tX) = 1 asks for exp(tY) = 1, where the weights of X are rational;
- the finite group that generators and quarter turns make: all its relations where it is small,
  those of short words else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import gcd, lcm

import numpy as np

from conserved.kernel.entries import EntryError
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues, residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.cayley import identity, order_by_closure
from conserved.symmetry.group import Group
from conserved.symmetry.presentation import Matrices
from conserved.symmetry.sizes import counted

_SPAN_ENTRIES = 2 * 10**7  # of a basis of the Lie algebra; larger ones are checked as far as that
_LARGEST_WEIGHT = 16
_LARGEST_ORDER = 120  # of a word whose order is looked for
_FINITE_LIMIT = 2000  # elements of the finite group that is listed
_REFUSED = "the label matrices do not represent the group"


@dataclass(frozen=True)
class _Pairs:
    """Generators and their label matrices, side by side."""

    moves: Matrices
    turns: Matrices
    label_moves: Matrices
    label_turns: Matrices

    @property
    def roots(self) -> int:
        lists = (self.moves, self.turns, self.label_moves, self.label_turns)
        return lcm(*(matrices.roots for matrices in lists))


def require_representation(
    moves: Matrices, turns: Matrices, label_moves: Matrices, label_turns: Matrices
) -> None:
    """Refuse label matrices that break a relation of the generators.

    Args:
        moves: generators of the group.
        turns: infinitesimal generators.
        label_moves, label_turns: the second representation on each.

    Raises:
        EntryError: with the generators whose relation is broken.
    """
    pairs = _Pairs(moves, turns, label_moves, label_turns)
    # a relation that holds mod one prime by accident does not hold mod the next
    rings = [residues(prime_with_roots(pairs.roots, index=index)) for index in (0, 1)]
    broken = [_broken_bracket(pairs, ring) for ring in rings]
    if all(broken):
        raise EntryError(f"{_REFUSED}: {broken[0]}")
    quarters = _full_turns(pairs, rings)
    _require_finite_relations(pairs, rings, quarters)


# ------------------------------------------------------------------ the Lie algebra


def _broken_bracket(pairs: _Pairs, ring: Residues) -> str:
    """The first linear relation among generated X that the Y do not obey, in words, or ""."""
    x, y = pairs.turns.evaluate(ring), pairs.label_turns.evaluate(ring)
    n, m = pairs.turns.size, pairs.label_turns.size
    space = RowSpace(ring, n * n + m * m)
    waiting: deque[tuple[str, Array, Array]] = deque()
    fresh = [(f"{pairs.turns.title} {i + 1}", x[i], y[i]) for i in range(len(x))]
    while fresh or waiting:
        for name, left, right in fresh:
            row = np.concatenate([left.ravel(), right.ravel()])[None]
            rest = space.remainder(row)
            if rest[0, : n * n].any():
                space.add(rest)
                waiting.append((name, left, right))
            elif rest.any():
                what = "vanishes" if not left.any() else "is a combination of those before it"
                return f"{name} {what}, and the label matrices disagree"
        if not waiting or space.rank * space.width > _SPAN_ENTRIES:
            break
        name, left, right = waiting.popleft()
        fresh = list(_moved_on(pairs, ring, (x, y), name, left, right))
    return ""


def _moved_on(
    pairs: _Pairs, ring: Residues, turns: tuple[Array, Array], name: str, left: Array, right: Array
) -> Iterator[tuple[str, Array, Array]]:
    """Brackets with every infinitesimal generator, conjugates by every generator."""
    for i, (x, y) in enumerate(zip(*turns, strict=True), start=1):
        label = f"the bracket of {pairs.turns.title} {i} with {name}"
        yield label, _bracket(ring, x, left), _bracket(ring, y, right)
    moves = pairs.moves.evaluate(ring), pairs.label_moves.evaluate(ring)
    for a, (g, h) in enumerate(zip(*moves, strict=True), start=1):
        label = f"{name}, turned by {pairs.moves.title} {a},"
        yield label, _conjugate(ring, g, left), _conjugate(ring, h, right)


def _bracket(ring: Residues, a: Array, b: Array) -> Array:
    return ring.reduce(ring.matmul(a, b) - ring.matmul(b, a))


def _conjugate(ring: Residues, g: Array, x: Array) -> Array:
    return ring.matmul(ring.matmul(g, x), g.T)


# ------------------------------------------------------------------ full turns


def _full_turns(pairs: _Pairs, rings: list[Residues]) -> dict[int, Fraction]:
    """Refuse Y that are not back where X is; say which X have whole weights in which unit u."""
    units = {}
    both = zip(pairs.turns.evaluate(Reals()), pairs.label_turns.evaluate(Reals()), strict=True)
    for i, (x, y) in enumerate(both):
        unit = _unit(x)
        if unit is None or not all(
            _whole(ring, pairs.turns.evaluate(ring)[i], unit, _highest(x, unit)) for ring in rings
        ):
            continue  # no full turn that is known exactly
        highest = _highest(y, unit)
        if highest > _LARGEST_WEIGHT:
            continue
        if not all(
            _whole(ring, pairs.label_turns.evaluate(ring)[i], unit, highest) for ring in rings
        ):
            raise EntryError(
                f"{_REFUSED}: a full turn along {pairs.turns.title} {i + 1} is the identity, "
                f"along {pairs.label_turns.title} {i + 1} it is not"
            )
        units[i] = unit
    return units


def _unit(x: Array) -> Fraction | None:
    """The greatest common divisor of the weights of X where these look rational."""
    weights = np.abs(np.linalg.eigvals(x).imag)
    fractions = [Fraction(float(w)).limit_denominator(_LARGEST_WEIGHT) for w in weights]
    if any(abs(f - w) > 1e-6 for f, w in zip(fractions, weights, strict=True)) or not any(
        fractions
    ):
        return None
    bottom = lcm(*(f.denominator for f in fractions))
    unit = Fraction(gcd(*(int(f * bottom) for f in fractions)), bottom)
    return unit if max(weights) <= _LARGEST_WEIGHT * unit else None


def _highest(x: Array, unit: Fraction) -> int:
    """The largest weight of X in units, rounded up."""
    return int(np.ceil(np.abs(np.linalg.eigvals(x)).max(initial=0) / float(unit) - 1e-6))


def _whole(ring: Residues, x: Array, unit: Fraction, highest: int) -> bool:
    """Whether ∏ (X/u − iw) over |w| ≤ highest vanishes: all weights are whole multiples of u."""
    scaled = ring.mul(x, np.asarray(ring.fraction(unit.denominator, unit.numerator)))
    value, square = scaled, ring.matmul(scaled, scaled)
    for w in range(1, highest + 1):
        factor = ring.reduce(square + w * w * identity(len(x), ring))
        value = ring.matmul(value, factor)
    return not value.any()


def _quarter(ring: Residues, x: Array, unit: Fraction, highest: int) -> Array:
    """exp(π/2 · X/u): the polynomial in X with the value i^w at iw for |w| ≤ highest."""
    scaled = ring.mul(x, np.asarray(ring.fraction(unit.denominator, unit.numerator)))
    p = int(ring.prime)
    imaginary = next(
        pow(c, (p - 1) // 4, p) for c in range(2, 1000) if pow(c, (p - 1) // 2, p) != 1
    )
    one = identity(len(x), ring)
    total = np.zeros_like(one)
    nodes = range(-highest, highest + 1)
    for w in nodes:
        term, scale = one, pow(imaginary, w % 4, p)
        for v in nodes:
            if v != w:
                node = ring.from_integers(imaginary * v % p)
                term = ring.matmul(term, ring.reduce(scaled - node * one))
                scale = scale * pow(imaginary * (w - v), -1, p) % p
        total = ring.reduce(total + ring.mul(term, ring.from_integers(scale)))
    return total


# ------------------------------------------------------------------ finite relations


@dataclass(frozen=True)
class _Finite(Group):
    """Generators and quarter turns, alone or with their label matrices below them."""

    dimension: int = field(init=False)
    pairs: _Pairs
    units: tuple[tuple[int, Fraction, int, int], ...]  # which X, u, highest weights of X and Y
    labelled: bool

    def __post_init__(self) -> None:
        size = self.pairs.moves.size + (self.pairs.label_moves.size if self.labelled else 0)
        object.__setattr__(self, "dimension", size)

    def generators(self, scalars: Scalars) -> Array:
        assert isinstance(scalars, Residues)
        above = self._all(scalars, self.pairs.moves, self.pairs.turns, 2)
        if not self.labelled:
            return above
        n = self.pairs.moves.size
        both = np.zeros((len(above), self.dimension, self.dimension), dtype=scalars.dtype)
        both[:, :n, :n] = above
        both[:, n:, n:] = self._all(scalars, self.pairs.label_moves, self.pairs.label_turns, 3)
        return both

    def _all(self, ring: Residues, moves: Matrices, turns: Matrices, place: int) -> Array:
        x = turns.evaluate(ring)
        quarters = [_quarter(ring, x[e[0]], e[1], int(e[place])) for e in self.units]
        return np.concatenate([moves.evaluate(ring), *(q[None] for q in quarters)])

    @property
    def roots(self) -> int:
        return self.pairs.roots

    @property
    def name(self) -> str:
        return "quarter turns"

    @property
    def signs(self) -> tuple[int, ...]:
        raise NotImplementedError

    @property
    def order(self) -> int | float:
        return order_by_closure(self, _FINITE_LIMIT)

    def describe(self) -> str:
        return self.name


def _require_finite_relations(
    pairs: _Pairs, rings: list[Residues], units: dict[int, Fraction]
) -> None:
    """Refuse pairs that make more elements than the generators alone."""
    x, y = pairs.turns.evaluate(Reals()), pairs.label_turns.evaluate(Reals())
    known = tuple((i, u, _highest(x[i], u), _highest(y[i], u)) for i, u in units.items())
    alone, labelled = (_Finite(pairs, known, flag) for flag in (False, True))
    if not len(pairs.moves) + len(known):
        return
    order = alone.order
    if isinstance(order, int):
        with_labels = labelled.order
        if with_labels != order:
            what = "its generators" if not known else "its generators and quarter turns"
            raise EntryError(
                f"{_REFUSED}: {what} make {counted(order, 'element')}, with labels "
                f"{counted(with_labels, 'element') if with_labels == with_labels else 'more'}"
            )
        return
    broken = [_broken_word(alone, labelled, ring) for ring in rings]
    if all(broken):
        raise EntryError(f"{_REFUSED}: {broken[0]}")


def _broken_word(alone: _Finite, labelled: _Finite, ring: Residues) -> str:
    """A short word of small order whose label matrices have another order, or ""."""
    letters, pairs = alone.generators(ring), labelled.generators(ring)
    moves, turns = alone.pairs.moves, alone.pairs.turns
    names = [f"{moves.title} {i + 1}" for i in range(len(moves))]
    names += [f"a quarter turn along {turns.title} {entry[0] + 1}" for entry in alone.units]
    for name, g, both in _words(ring, names, letters, pairs):
        order = _order(ring, g)
        if order and _order(ring, both) != order:
            return f"{name} has order {order}, for its label matrices this fails"
    return ""


def _words(
    ring: Residues, names: list[str], letters: Array, pairs: Array
) -> Iterator[tuple[str, Array, Array]]:
    """Generators, products of two and commutators."""
    yield from zip(names, letters, pairs, strict=True)
    for a, b in product(range(len(names)), repeat=2):
        if a == b:
            continue
        first, second = (ring.matmul(list_[a], list_[b]) for list_ in (letters, pairs))
        yield f"{names[a]} times {names[b]}", first, second
        if a < b:
            back = [ring.matmul(list_[b], list_[a]) for list_ in (letters, pairs)]
            yield (
                f"the commutator of {names[a]} and {names[b]}",
                ring.matmul(first, back[0].T),
                ring.matmul(second, back[1].T),
            )


def _order(ring: Residues, g: Array) -> int:
    """The order of a matrix up to ``_LARGEST_ORDER``; 0 beyond."""
    one, power = identity(len(g), ring), g
    for order in range(1, _LARGEST_ORDER + 1):
        if not ring.reduce(power - one).any():
            return order
        power = ring.matmul(power, g)
    return 0
