"""How each form of law is written: one formula from its data, and a few words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, groupby, pairwise
from math import prod

import numpy as np

from conserved.law.base import formula, labels, name, statement
from conserved.law.gram import GramLaw, GramTerm
from conserved.law.layout import Index, Layout
from conserved.law.phase import PhaseLaw
from conserved.law.polynomial import Monomial, Polynomial, PolynomialLaw
from conserved.law.rational import RationalLaw
from conserved.law.span import SpanLaw
from conserved.law.vectors import VectorLaw
from conserved.notation import (
    Affine,
    Block,
    Contraction,
    Described,
    Family,
    Formula,
    Item,
    Name,
    Norm,
    Number,
    Operator,
    Place,
    Power,
    Product,
    Quotient,
    Row,
    Several,
    Span,
    Sum,
    Total,
    Transpose,
    Words,
    listed,
    text,
    totalled,
)

_ONE = Number(Fraction(1))
_FOLDED = 5000  # terms of a polynomial in which patterns are looked for

# ------------------------------------------------------------------ polynomials


def entry(layout: Layout, position: int) -> Formula:
    """An entry of θ, counting from 1: W1[2,3].

    Example:
        >>> text(entry(Layout((("W1", (2, 3)), ("b1", (2,)))), 7))
        'b1[2]'
    """
    tensor, place = layout.locate(position)
    numbers = tuple(Affine(i + 1) for i in place)
    return Item(Name.of(tensor), numbers) if numbers else Name.of(tensor)


def polynomial(layout: Layout, value: Polynomial, most: int = 12) -> Formula:
    """A polynomial in entries of θ, squares of whole slices as norms; long ones are cut."""
    if len(value.terms) > _FOLDED:
        first = [(factor, _monomial(layout, powers)) for powers, factor in value.terms[:most]]
        return Sum(tuple(first), len(value.terms) - most)
    norms = _norms(layout, value)
    terms = []
    for powers, factor in value.terms:
        if powers not in norms:
            terms.append((factor, _monomial(layout, powers)))
        elif (whole := norms[powers]) is not None:
            terms.append((factor, whole))
    return totalled(terms, most)


def _norms(layout: Layout, value: Polynomial) -> dict[Monomial, Formula | None]:
    """Squares that are those of a whole slice: the first as its norm, the others as nothing."""
    squares: dict[tuple[str, Fraction], set[int]] = {}
    for powers, factor in value.terms:
        if len(powers) == 2 and powers[0] == powers[1]:
            tensor, _ = layout.locate(powers[0])
            squares.setdefault((tensor, factor), set()).add(powers[0])
    found: dict[Monomial, Formula | None] = {}
    for (tensor, _), left in squares.items():
        for places, entries in _whole_slices(layout.indices(tensor), left):
            base = Name.of(tensor)
            told = base if all(place is None for place in places) else Item(base, places)
            found |= {(i, i): None for i in entries} | {(min(entries),) * 2: _squared(told)}
    return found


def _whole_slices(block: Index, left: set[int]) -> Iterator[tuple[tuple[Place, ...], list[int]]]:
    """The slices of a tensor all of whose entries are left, the largest first; each is taken."""
    first = int(block.ravel()[0])
    axes = range(block.ndim)
    for fixed in (kept for count in axes for kept in combinations(axes, count)):
        size = prod(block.shape[axis] for axis in axes if axis not in fixed)
        if not 1 < size <= len(left):
            continue
        slices: dict[tuple[int, ...], list[int]] = {}
        for i in sorted(left):
            at = np.unravel_index(i - first, block.shape)
            slices.setdefault(tuple(int(at[axis]) for axis in fixed), []).append(i)
        for key, entries in slices.items():
            if len(entries) == size:
                left.difference_update(entries)
                where = dict(zip(fixed, key, strict=True))
                yield tuple(Affine(where[a] + 1) if a in where else None for a in axes), entries


def _monomial(layout: Layout, monomial: Monomial) -> Formula:
    powers = [(i, len(list(same))) for i, same in groupby(monomial)]
    parts = [entry(layout, i) if n == 1 else Power(entry(layout, i), n) for i, n in powers]
    return (parts[0] if len(parts) == 1 else Product(tuple(parts))) if parts else _ONE


@formula.register
def _(law: PolynomialLaw) -> Formula:
    return listed([polynomial(law.layout, p) for p in law.components])


@formula.register
def _(law: RationalLaw) -> Formula:
    pairs = [[polynomial(law.layout, p) for p in pair] for pair in law.components]
    return listed([Quotient(above, below) for above, below in pairs])


@name.register
def _(law: PolynomialLaw | RationalLaw) -> str:
    return law.title or law.text


@statement.register
def _(law: PolynomialLaw | RationalLaw) -> str:
    return law.text


@labels.register
def _(law: PolynomialLaw) -> tuple[str, ...]:
    return tuple(text(polynomial(law.layout, p, 4)) for p in law.components)


@labels.register
def _(law: RationalLaw) -> tuple[str, ...]:
    pairs = [[polynomial(law.layout, p) for p in pair] for pair in law.components]
    return tuple(text(Quotient(above, below)) for above, below in pairs)


# ------------------------------------------------------------------ Gram matrices


@formula.register
def _(law: GramLaw) -> Formula:
    if law.part == "trace":
        return _sum([(term.factor, _whole(law, term)) for term in law.terms])
    if law.part == "diagonal" or law.height == 1:
        index = _letters(law.layout, "jik")[0]
        body = _sum([part for same in _alike(law.terms) for part in _slices(law, same, index)])
        return Family(index, 1, law.height, body) if law.height > 1 else body
    return _sum(_blocks_summed(law))


@name.register
def _(law: GramLaw) -> str:
    many = law.part == "symmetric" and law.height > 1
    return law.text + (f", symmetric {law.height}×{law.height}" if many else "")


@labels.register
def _(law: GramLaw) -> tuple[str, ...]:
    if law.part == "trace":
        return ("trace",)
    return tuple(f"{i + 1},{j + 1}" for i, j in zip(*law.pairs, strict=True))


def _letters(layout: Layout, wanted: str) -> list[str]:
    """Letters for indices that are no tensor's name, those wanted first."""
    taken = {symbol[0] for tensor, _ in layout.tensors if (symbol := Name.of(tensor).symbol)}
    every = list(dict.fromkeys(wanted + "ijkmnpqrstuvwxyzαβγδκλμν"))
    return [letter for letter in every if letter not in taken] or every


def _sum(terms: list[tuple[Fraction, Formula]]) -> Formula:
    return terms[0][1] if len(terms) == 1 and terms[0][0] == 1 else Sum(tuple(terms))


def _squared(value: Formula, offset: Fraction | int = 0) -> Formula:
    """The square of an entry, of all of a tensor the norm's."""
    entry = isinstance(value, Item) and all(isinstance(place, Affine) for place in value.places)
    if offset:
        value = Sum(((Fraction(offset), _ONE), (Fraction(1), value)))
    return Power(value if entry else Norm(value), 2)


def _whole(law: GramLaw, term: GramTerm) -> Formula:
    """The square of all entries: ‖W‖², and t² where there is but one."""
    if law.layout.shape(term.tensor) in ((), (1,)) and not term.offset:
        return Power(Name.of(term.tensor), 2)
    return _squared(sliced(law.layout, term))


def sliced(layout: Layout, term: GramTerm) -> Formula:
    """The X of a term: a tensor, slices of it, or one of its equal blocks; shifted, I + A."""
    shape, tensor = layout.shape(term.tensor), _tensor(layout, term)
    if term.rows is None:
        return tensor
    start, stop, step = term.rows
    chosen = range(start, stop, step)
    tile = _tile(shape[term.axis], chosen)
    if tile is not None:
        number, count = tile
        return Block(tensor, term.axis, len(shape), len(chosen), (Affine(number),), (count,))
    places: list[Place] = [None] * len(shape)
    places[term.axis] = Span(Affine(start + 1), Affine(chosen[-1] + 1), step)
    return Item(tensor, tuple(places))


def _tensor(layout: Layout, term: GramTerm) -> Formula:
    tensor = Name.of(term.tensor)
    if not term.offset:
        return tensor
    one = Name.of("I") if len(layout.shape(term.tensor)) > 1 else _ONE
    return Sum(((Fraction(term.offset), one), (Fraction(1), tensor)))


def _tile(length: int, chosen: Sequence[int]) -> tuple[int, int] | None:
    """(number, count) where slices are one of the equal blocks of an axis, not all of it."""
    first, size = chosen[0], len(chosen)
    if size in (1, length) or length % size or first % size:
        return None
    fits = list(chosen) == list(range(first, first + size))
    return (first // size + 1, length // size) if fits else None


def _alike(terms: Sequence[GramTerm]) -> list[list[GramTerm]]:
    """Terms that differ in their rows alone, together."""
    groups: dict[GramTerm, list[GramTerm]] = {}
    for term in terms:
        groups.setdefault(replace(term, rows=None), []).append(term)
    return list(groups.values())


def _slices(law: GramLaw, terms: list[GramTerm], index: str) -> list[tuple[Fraction, Formula]]:
    """c · ‖slice j‖² of one tensor; of several slices for each j together where they follow on."""
    term, shape = terms[0], law.layout.shape(terms[0].tensor)
    length = shape[term.axis]
    rows = sorted((range(length)[slice(*(t.rows or (None,)))] for t in terms), key=min)
    gaps = {b[0] - a[0] for a, b in pairwise(rows)} or {1}
    if len(gaps) > 1 or 0 in gaps or len({chosen.step for chosen in rows}) > 1:
        return [part for one in terms for part in _slices(law, [one], index)]
    bare = len(shape) == 1  # 1 + b[j], but (I + A)[j,:]
    tensor = Name.of(term.tensor) if bare else _tensor(law.layout, term)
    value = _running(tensor, term.axis, shape, rows, gaps.pop(), Affine.of(index))
    return [(term.factor, _squared(value, term.offset if bare else 0))]


def _running(
    tensor: Formula, axis: int, shape: tuple[int, ...], rows: list[range], gap: int, j: Affine
) -> Formula:
    """The slices of a tensor, one of each range for each j: W[j,:], Q[{j,j+2},:], Q_j.

    Args:
        tensor, axis, shape: along which axis of what.
        rows: ranges of one step, each ``gap`` after the one before.
        j: the index.
    """
    n, many, length = len(rows[0]), len(rows), shape[axis]
    covered = sorted(row for chosen in rows for row in chosen)
    tile = _tile(length, covered)
    numbers, counts = ((Affine(tile[0]),), (tile[1],)) if tile else ((), ())
    if n == 1 and len(covered) == length and len(shape) > 1:
        return tensor
    if n > 1 and gap == 1 and rows[0].step == many > 1 and (tile or len(covered) == length):
        return Block(tensor, axis, len(shape), many, (*numbers, j), (*counts, n))
    first, base = rows[0][0] + 1, tensor
    if tile is not None:
        first -= covered[0]
        base = Block(tensor, axis, len(shape), len(covered), numbers, counts)
        if n == 1:
            return base
    at = j * rows[0].step + (first - rows[0].step) if n > 1 else Affine(first)
    places: list[Place] = [None] * len(shape)
    places[axis] = at
    if many > 1:
        places[axis] = Span(at, at + (many - 1)) if gap == 1 else Several(at, gap, many)
    return Item(base, tuple(places))


def _blocks_summed(law: GramLaw) -> list[tuple[Fraction, Formula]]:
    """c · X Xᵀ of each term; those of blocks that follow on as one, Σ_h X_h X_hᵀ."""
    out: list[tuple[Fraction, Formula]] = []
    letters, free = dict[int, str](), _letters(law.layout, "hkmn")
    for same in _alike(law.terms):
        axes = len(law.layout.shape(same[0].tensor))
        blocks = [sliced(law.layout, term) for term in same]
        summed = _follow_on([block for block in blocks if isinstance(block, Block)])
        if summed is not None and len(blocks) == (count := summed.counts[-1]):
            index = letters.setdefault(count, free[len(letters) % len(free)])
            numbers = (*summed.numbers[:-1], summed.numbers[-1] + Affine.of(index))
            one = replace(summed, numbers=numbers)
            total = Total(index, 1, count, _gram(one, same[0].axis, axes))
            out.append((same[0].factor, total))
        else:
            out += [(t.factor, _gram(b, t.axis, axes)) for t, b in zip(same, blocks, strict=True)]
    return out


def _follow_on(blocks: list[Block]) -> Block | None:
    """Blocks one after the other that are all of an axis, or one of the equal groups of blocks.

    As a block whose last number is still to run from 1: 0 where it stands.
    """
    at = [block.numbers[0].constant for block in blocks]
    count = len(at)
    if count < 2 or at != list(range(at[0], at[0] + count)):
        return None
    (every,) = blocks[0].counts
    if count == every:
        return replace(blocks[0], numbers=(Affine(0),))
    if every % count or (at[0] - 1) % count:
        return None
    group = Affine((at[0] - 1) // count + 1)
    return replace(blocks[0], numbers=(group, Affine(0)), counts=(every // count, count))


def _gram(value: Formula, axis: int, axes: int) -> Formula:
    """The Gram matrix of the slices of a tensor along an axis."""
    if axes > 2:
        return Contraction(value, axis + 1)
    turned = Transpose(value)
    return Product((turned, value) if axis else (value, turned))


# ------------------------------------------------------------------ vectors


@formula.register
def _(law: SpanLaw) -> Formula:
    inside = _row(law)
    formal: Formula = Operator("range", law.field, inside)
    if law.what == "direction":
        whole = inside.items[0] if len(inside.items) == 1 else inside
        formal = Quotient(whole, Norm(whole))
    over = "" if law.field == "real" else f"{law.field} "
    return Described(f"{over}{law.what} of", inside, formal, _place(law))


@formula.register
def _(law: PhaseLaw) -> Formula:
    inside = _row(law)
    words = "phase of the complex volume of"
    return Described(words, inside, Operator("arg det", "real", inside), _place(law))


@statement.register
def _(law: VectorLaw) -> str:
    bare = replace(law, place="")
    return f"{bare.text} (of a part of it)" if law.place else bare.text


@labels.register
def _(law: SpanLaw) -> tuple[str, ...]:
    return tuple(f"M[{pivot + 1},{other + 1}]" for pivot in law.pivots for other in law.others)


@labels.register
def _(_: PhaseLaw) -> tuple[str, ...]:
    return ("phase",)


def _place(law: VectorLaw) -> Words | None:
    return Words.of(law.place) if law.place else None


def _row(law: VectorLaw) -> Row:
    return Row(tuple(Name.of(tensor) for tensor in dict.fromkeys(p.tensor for p in law.parts)))
