"""How laws of velocities and time are written."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from conserved.law.base import formula, labels, name
from conserved.law.cross import CrossLaw
from conserved.law.gram import GramTerm
from conserved.law.layout import Layout
from conserved.law.timed import TimedLaw
from conserved.law.written import sliced
from conserved.notation import (
    Exponential,
    Family,
    Formula,
    Listed,
    Name,
    Power,
    Product,
    Sum,
    Transpose,
)


@formula.register
def _(law: TimedLaw) -> Formula:
    factor: Formula = Exponential(law.rate)
    if not law.unit:
        factor = Name.of("t") if law.power == 1 else Power(Name.of("t"), law.power)
    return _times(factor, law.law.formula)


def _times(factor: Formula, value: Formula) -> Formula:
    """A factor before a formula, inside of what is said of several."""
    match value:
        case Family():
            return replace(value, body=_times(factor, value.body))
        case Listed():
            return replace(value, items=tuple(_times(factor, item) for item in value.items))
        case Product(factors):
            return Product((factor, *factors))
    return Product((factor, value))


@name.register
def _(law: TimedLaw) -> str:
    return law.text + law.law.name.removeprefix(law.law.text)


@labels.register
def _(law: TimedLaw) -> tuple[str, ...]:
    return law.law.labels()


@formula.register
def _(law: CrossLaw) -> Formula:
    terms: list[tuple[Fraction, Formula]] = []
    for term in law.terms:
        (x, x_turned), (y, y_turned) = (_side(law.layout, side) for side in term.sides)
        terms += [
            (term.factor, Product((x, y_turned))),
            (-term.factor, Product((y, x_turned))),
        ]
    return Sum(tuple(terms))


def _side(layout: Layout, term: GramTerm) -> tuple[Formula, Formula]:
    """The matrix whose rows are the slices, and its transpose."""
    value = sliced(layout, term)
    turned = Transpose(value)
    return (turned, value) if term.axis else (value, turned)


@name.register
def _(law: CrossLaw) -> str:
    n = law.height
    return law.text + (f", antisymmetric {n}×{n}" if n > 2 else ", above the diagonal")


@labels.register
def _(law: CrossLaw) -> tuple[str, ...]:
    return tuple(f"{i + 1},{j + 1}" for i, j in zip(*law.pairs, strict=True))
