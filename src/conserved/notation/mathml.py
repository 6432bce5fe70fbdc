"""Formulas in MathML, for pages: every name is escaped, and only elements of this file occur."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from html import escape

from conserved.notation.integers import Affine, Place, Several, Span
from conserved.notation.text import compound, members, text
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
    nodes,
)

_OVER = {"real": "", "complex": "ℂ", "quaternionic": "ℍ"}
_WIDE = '<mspace width="1em"/>'
_THIN = '<mspace width="0.25em"/>'  # where factors are words


def mathml(formula: Formula) -> str:
    """A formula as a ``math`` element, its text beside it for readers that know no MathML.

    Example:
        >>> mathml(Power(Name.of("x"), 2))
        '<math display="block" alttext="x²"><msup><mi>x</mi><mn>2</mn></msup></math>'
        >>> "<b>" in mathml(Name.of("<b>"))
        False
    """
    return f'<math display="block" alttext="{escape(text(formula))}">{_written(formula)}</math>'


def _written(formula: Formula) -> str:
    """One element."""
    match formula:
        case Name():
            return _name(formula)
        case Number(value):
            return _number(value)
        case Item() | Block():
            return _below(*_indexed(formula))
        case Transpose(base):
            return _above(base, "<mo>⊤</mo>")
        case Power(base, exponent):
            return _above(base, f"<mn>{exponent}</mn>")
        case Exponential():
            return f"<msup><mi>e</mi>{_mtext(formula.exponent)}</msup>"
        case Norm(base):
            return _fenced("‖", _written(base), "‖")
        case Product(factors):
            wordy = any(isinstance(n, Name) and n.symbol is None for n in nodes(factors))
            return _row(_between("", map(_closed, factors), _THIN if wordy else ""))
        case Contraction(base, axis):
            dot = f"<msub><mo>·</mo><mn>{axis}</mn></msub>"
            return _row([_closed(base), dot, _closed(base)])
        case Sum(terms, left):
            parts = [_term(factor, term, not k) for k, (factor, term) in enumerate(terms)]
            return _row([*parts, "<mo>+</mo><mo>…</mo>"] if left else parts)
        case Total(index, first, last, body):
            start = _row([_mi(index), "<mo>=</mo>", f"<mn>{first}</mn>"])
            sign = f"<munderover><mo>∑</mo>{start}<mn>{last}</mn></munderover>"
            return _row([sign, _written(body) if isinstance(body, Total) else _closed(body)])
        case Family(index, first, last, body):
            values = f"<mn>{first}</mn><mo>,</mo><mo>…</mo><mo>,</mo><mn>{last}</mn>"
            return _row([_written(body), "<mo>,</mo>", _WIDE, _mi(index), f"<mo>=</mo>{values}"])
        case Quotient(above, below):
            return f"<mfrac>{_written(above)}{_written(below)}</mfrac>"
        case Row(items):
            inside = _row(_between("", map(_written, items), '<mspace width="0.3em"/>'))
            return _fenced("[", inside, "]")
        case Operator(name, over, body):
            words = _row(_between("", map(_mi, name.split()), '<mspace width="0.2em"/>'))
            return _row([_below(words, _mi(_OVER[over])) if _OVER[over] else words, _written(body)])
        case Described(_, _, formal, place):
            return _row([_written(formal), *([_WIDE, _written(place)] if place else [])])
        case Words(parts):
            return _mixed(parts)
        case Listed(items, left):
            shown = [*map(_written, items), *(["<mo>…</mo>"] if left else [])]
            return _row(_between("", shown, f"<mo>;</mo>{_WIDE}"))
    raise TypeError(formula)


def _row(parts: Iterable[str]) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


def _between(sign: str, parts: Iterable[str], element: str = "") -> list[str]:
    """Parts with a sign, or an element, between each two."""
    every = list(parts)
    between = f"<mo>{sign}</mo>" if sign else element
    return [part if k == 0 else between + part for k, part in enumerate(every)]


def _indexed(formula: Item | Block) -> tuple[str, str]:
    """A tensor and its lower index."""
    if isinstance(formula, Block):
        if not formula.named:
            return _indexed(formula.slices)
        numbers = _row(_between(",", map(_affine, formula.numbers)))
        return _closed(formula.base), numbers
    item = flat(formula)
    places = _row(_between(",", map(_place, item.places)))
    base = _closed(item.base)
    return _fenced("(", base, ")") if isinstance(item.base, Block) else base, places


def _above(base: Formula, exponent: str) -> str:
    """An upper index, over a lower one if there is one."""
    if isinstance(base, Item | Block):
        tensor, lower = _indexed(base)
        return f"<msubsup>{tensor}{lower}{exponent}</msubsup>"
    symbol = base.symbol if isinstance(base, Name) else None
    if symbol is not None and symbol[1] is not None:
        return f"<msubsup>{_mi(symbol[0])}{_affine(symbol[1])}{exponent}</msubsup>"
    return f"<msup>{_closed(base)}{exponent}</msup>"


def _below(base: str, index: str) -> str:
    return f"<msub>{base}{index}</msub>"


def _fenced(left: str, inside: str, right: str) -> str:
    return f'<mrow><mo fence="true">{left}</mo>{inside}<mo fence="true">{right}</mo></mrow>'


def _closed(formula: Formula) -> str:
    shown = _written(formula)
    return _fenced("(", shown, ")") if compound(formula) else shown


def _mi(words: str) -> str:
    return f"<mi>{escape(words)}</mi>"


def _name(name: Name) -> str:
    """Letter and number as on paper, else upright text with its running numbers inside."""
    known = name.symbol
    if known is not None:
        letter, number = known
        return _mi(letter) if number is None else _below(_mi(letter), _affine(number))
    return _mixed(name.parts, "{", "}")


def _mixed(parts: Iterable[str | Affine], before: str = "", after: str = "") -> str:
    """Words, and among them numbers that run, with something on either side of each."""
    shown, words = [], ""
    for part in parts:
        if isinstance(part, str) or part.fixed:
            words += str(part)
        else:
            shown += [_mtext(words + before), _affine(part)]
            words = after
    shown += [_mtext(words)] if words or not shown else []
    return _row(shown) if len(shown) > 1 else shown[0]


def _mtext(words: str) -> str:
    """Words; browsers trim plain spaces at their ends."""
    inside = words.strip(" ")
    left, right = len(words) - len(words.lstrip(" ")), len(words) - len(words.rstrip(" "))
    hard = "\u00a0"
    return f"<mtext>{hard * left}{escape(inside)}{hard * right if inside else ''}</mtext>"


def _number(value: Fraction) -> str:
    size = f"<mn>{abs(value.numerator)}</mn>"
    if value.denominator != 1:
        size = f"<mfrac>{size}<mn>{value.denominator}</mn></mfrac>"
    return _row(["<mo>−</mo>", size]) if value < 0 else size


def _affine(number: Affine) -> str:
    parts = []
    for k, (factor, index) in enumerate(number.terms):
        sign = "<mo>−</mo>" if factor < 0 else "<mo>+</mo>" if k else ""
        size = "" if index and abs(factor) == 1 else f"<mn>{abs(factor)}</mn>"
        parts.append(sign + size + (_mi(index) if index else ""))
    return _row(parts) if len(parts) > 1 or number.constant < 0 else parts[0]


def _place(place: Place) -> str:
    match place:
        case None:
            return "<mo>:</mo>"
        case Span(first, last, step):
            ends = [_affine(first), _affine(last), *([f"<mn>{step}</mn>"] if step != 1 else [])]
            return _row(_between(":", ends))
        case Several():
            shown = ["<mo>…</mo>" if m is None else _affine(m) for m in members(place)]
            return _fenced("{", _row(_between(",", shown)), "}")
    return _affine(place)


def _term(factor: Fraction, term: Formula, first: bool) -> str:
    sign = "<mo>−</mo>" if factor < 0 else ("" if first else "<mo>+</mo>")
    size = abs(factor)
    if term == Number(Fraction(1)):
        return sign + _number(size)
    shown = _closed(term) if isinstance(term, Sum) else _written(term)
    return sign + ("" if size == 1 else _number(size)) + shown
