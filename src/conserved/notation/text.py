"""Formulas in Unicode, on one line."""

from __future__ import annotations

from fractions import Fraction

from conserved.notation.integers import Affine, Place, Several, Span
from conserved.notation.tree import (
    Block,
    Contraction,
    Described,
    Exponential,
    Family,
    Formula,
    Item,
    Listed,
    Name,
    Norm,
    Number,
    Operator,
    Power,
    Product,
    Quotient,
    Row,
    Sum,
    Total,
    Transpose,
    Words,
    flat,
)

_LOWER = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_UPPER = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SPELLED = 3  # members of a set that are all named


def text(formula: Formula) -> str:
    """A formula in Unicode; ranges of indices come at the end.

    Example:
        >>> square = Power(Item(Name.of("b"), (Affine.of("j"),)), 2)
        >>> text(Family("j", 1, 4, square))
        'b[j]², j = 1 … 4'
    """
    ranges: list[str] = []
    words = _written(formula, ranges)
    return ", ".join([words, *dict.fromkeys(ranges)])


def _written(formula: Formula, ranges: list[str]) -> str:
    def inner(part: Formula) -> str:
        return _written(part, ranges)

    def closed(part: Formula) -> str:
        return f"({inner(part)})" if compound(part) else inner(part)

    match formula:
        case Name():
            return name(formula)
        case Words(parts):
            return "".join(map(str, parts))
        case Number(value):
            return str(value).replace("-", "−")
        case Item():
            item = flat(formula)
            return f"{closed(item.base)}[{','.join(map(_place, _needed(item.places)))}]"
        case Block():
            if not formula.named:
                return inner(formula.slices)
            return f"{closed(formula.base)}{lowered(formula.numbers)}"
        case Transpose(base):
            return f"{closed(base)}ᵀ"
        case Power(base, exponent):
            return closed(base) + str(exponent).translate(_UPPER)
        case Exponential():
            return f"e^{{{formula.exponent}}}"
        case Norm(base):
            return f"‖{inner(base)}‖"
        case Product(factors):
            words = " ".join(closed(factor) for factor in factors)
            return words.replace(") (", ")(").replace(")ᵀ (", ")ᵀ(")
        case Contraction(base, axis):
            return f"{closed(base)} ·{str(axis).translate(_LOWER)} {closed(base)}"
        case Sum(terms, left):
            words = "".join(
                _term(factor, term, closed(term) if isinstance(term, Sum) else inner(term), not k)
                for k, (factor, term) in enumerate(terms)
            )
            return words + (f" + … ({left} more terms)" if left else "")
        case Total(index, first, last, body):
            shown = inner(body) if isinstance(body, Total) else closed(body)
            ranges.append(f"{index} = {first} … {last}")
            return f"Σ_{index} {shown}"
        case Family(index, first, last, body):
            shown = inner(body)
            ranges.append(f"{index} = {first} … {last}")
            return shown
        case Quotient(above, below):
            divisor = closed(below)
            several = " " in divisor and not compound(below)  # x / y z would be x z / y to many
            return f"{closed(above)} / " + (f"({divisor})" if several else divisor)
        case Row(items):
            shown = " ".join(inner(item) for item in items)
            return f"[{shown}]" if len(items) > 1 else shown
        case Operator(name_, _, body):
            return f"{name_} {inner(body)}"
        case Described(words, subject, _, place):
            told = [words, inner(subject), *([inner(place)] if place else [])]
            return " ".join(told)
        case Listed(items, left):
            shown = "; ".join(text(item) for item in items)
            return shown + (f"; … ({left} more)" if left else "")
    raise TypeError(formula)


def compound(formula: Formula) -> bool:
    """Whether a formula needs brackets as a part of another."""
    match formula:
        case Sum(terms, left):
            return len(terms) + left > 1 or terms[0][0] != 1
        case Total() | Quotient():
            return True
    return False


def name(formula: Name) -> str:
    """W1, layers.0.weight; where a number runs, W_l and layers.{l}.weight."""
    symbol = formula.symbol
    if symbol is not None and symbol[1] is not None and not symbol[1].fixed:
        return symbol[0] + lowered((symbol[1],))
    return "".join(
        part if isinstance(part, str) else str(part) if part.fixed else f"{{{part}}}"
        for part in formula.parts
    )


def lowered(numbers: tuple[Affine, ...]) -> str:
    """As a subscript: _h, _{l+1}."""
    words = ",".join(str(number) for number in numbers)
    return f"_{words}" if len(words) == 1 else f"_{{{words}}}"


def _needed(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """W[1:4] are whole rows; of one row all places are said, W[1,:]."""
    told = [k for k, place in enumerate(places) if place is not None]
    last = told[-1] if told else len(places) - 1
    return places[: last + 1] if isinstance(places[last], Span) else places


def _place(place: Place) -> str:
    match place:
        case None:
            return ":"
        case Span(first, last, step):
            return f"{first}:{last}" + (f":{step}" if step != 1 else "")
        case Several():
            inside = ",".join("…" if m is None else str(m) for m in members(place))
            return f"{{{inside}}}"
    return str(place)


def members(place: Several) -> list[Affine | None]:
    """The members of a set; of long ones the first two and the last, with None for the rest."""
    every = [place.first + k * place.step for k in range(place.count)]
    return [*every] if len(every) <= _SPELLED else [every[0], every[1], None, every[-1]]


def _term(factor: Fraction, term: Formula, shown: str, first: bool) -> str:
    """A term of a sum, with its coefficient and sign; a constant term is its coefficient."""
    sign = ("−" if first else " − ") if factor < 0 else ("" if first else " + ")
    if term == Number(Fraction(1)):
        return f"{sign}{abs(factor)}"
    return f"{sign}{shown}" if abs(factor) == 1 else f"{sign}{abs(factor)} {shown}"
