"""Formulas in LaTeX, without dollar signs."""

from __future__ import annotations

from fractions import Fraction

from conserved.notation.integers import Affine, Place, Several, Span
from conserved.notation.text import compound, members
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

_OVER = {"real": "", "complex": r"_{\mathbb{C}}", "quaternionic": r"_{\mathbb{H}}"}


def latex(formula: Formula) -> str:
    r"""A formula in LaTeX.

    Example:
        >>> w = Name.of("W1")
        >>> latex(Sum(((Fraction(1), Product((w, Transpose(w)))), (Fraction(-3, 2), w))))
        'W_{1} W_{1}^\\top - \\tfrac{3}{2} W_{1}'
    """
    match formula:
        case Name():
            return symbol(formula)
        case Number(value):
            return _number(value)
        case Item():
            item = flat(formula)
            places = ",".join(map(_place, item.places))
            base = _closed(item.base)
            if isinstance(item.base, Block):
                base = rf"\left({base}\right)"
            return f"{{{base}}}_{{{places}}}"
        case Block():
            if not formula.named:
                return latex(formula.slices)
            return f"{{{_closed(formula.base)}}}_{{{','.join(map(_affine, formula.numbers))}}}"
        case Transpose(base):
            return rf"{_closed(base)}^\top"
        case Power(base, exponent):
            return f"{_closed(base)}^{exponent if exponent < 10 else f'{{{exponent}}}'}"
        case Exponential():
            return f"e^{{{formula.exponent.replace('−', '-')}}}"
        case Norm(base):
            return rf"\left\|{latex(base)}\right\|"
        case Product(factors):
            return " ".join(_closed(factor) for factor in factors)
        case Contraction(base, axis):
            return rf"{_closed(base)} \cdot_{{{axis}}} {_closed(base)}"
        case Sum(terms, left):
            parts = [_term(factor, term, not k) for k, (factor, term) in enumerate(terms)]
            return " ".join([*parts, r"+ \cdots"] if left else parts)
        case Total(index, first, last, body):
            shown = latex(body) if isinstance(body, Total) else _closed(body)
            return rf"\sum_{{{index}={first}}}^{{{last}}} {shown}"
        case Family(index, first, last, body):
            return rf"{latex(body)},\; {index} = {first}, \dots, {last}"
        case Quotient(above, below):
            return rf"\frac{{{latex(above)}}}{{{latex(below)}}}"
        case Row(items):
            inside = r"\;".join(latex(item) for item in items)
            return rf"\left[{inside}\right]"
        case Operator(name, over, body):
            return rf"{_operator(name)}{_OVER[over]}{latex(body)}"
        case Described(_, _, formal, place):
            return latex(formal) + (rf"\;{latex(place)}" if place else "")
        case Words(parts):
            return rf"\text{{{_spelled(parts)}}}"
        case Listed(items, left):
            every = [latex(item) for item in items]
            return r";\quad ".join([*every, r"\dots"] if left else every)
    raise TypeError(formula)


def symbol(name: Name) -> str:
    r"""A tensor's name: letter and number as on paper, else upright text.

    Example:
        >>> symbol(Name.of("W1")), symbol(Name.of("Q")), symbol(Name.of("layer.0.weight"))
        ('W_{1}', 'Q', '\\mathrm{layer.0.weight}')
    """
    known = name.symbol
    if known is not None and known[0].isascii():
        letter, number = known
        return letter if number is None else f"{letter}_{{{_affine(number)}}}"
    shown = []
    for part in name.parts:
        if isinstance(part, str):
            shown.append("".join(c if c.isalnum() or c in ".-" else r"\_" for c in part))
        else:
            shown.append(str(part) if part.fixed else rf"\{{\mathit{{{_affine(part)}}}\}}")
    return rf"\mathrm{{{''.join(shown)}}}"


def escaped(words: str) -> str:
    r"""Plain words for \text.

    Example:
        >>> escaped("50% of {a}")
        '50\\% of \\{a\\}'
    """
    return "".join(_SPECIAL.get(c, c) for c in words)


_SPECIAL = {c: "\\" + c for c in "%#&$_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def _spelled(parts: tuple[str | Affine, ...]) -> str:
    """Words inside a text, from which numbers that run step out."""
    return "".join(
        escaped(str(part)) if isinstance(part, str) or part.fixed else rf"}}{_affine(part)}\text{{"
        for part in parts
    )


def _closed(formula: Formula) -> str:
    shown = latex(formula)
    return rf"\left({shown}\right)" if compound(formula) else shown


def _operator(name: str) -> str:
    """arg det is two operators that LaTeX knows."""
    known = {"arg", "det"}
    return "".join(
        rf"\{word}" if word in known else rf"\operatorname{{{word}}}" for word in name.split()
    )


def _number(value: Fraction) -> str:
    sign = "-" if value < 0 else ""
    if value.denominator == 1:
        return str(value)
    return rf"{sign}\tfrac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _affine(number: Affine) -> str:
    return str(number).replace("−", "-")


def _place(place: Place) -> str:
    match place:
        case None:
            return ":"
        case Span(first, last, step):
            end = f":{step}" if step != 1 else ""
            return f"{_affine(first)}:{_affine(last)}{end}"
        case Several():
            inside = ",".join(r"\dots" if m is None else _affine(m) for m in members(place))
            return rf"\{{{inside}\}}"
    return _affine(place)


def _term(factor: Fraction, term: Formula, first: bool) -> str:
    sign = "-" if factor < 0 else ("" if first else "+")
    size = abs(factor)
    shown = _closed(term) if isinstance(term, Sum) else latex(term)
    if term == Number(Fraction(1)):
        shown = _number(size)
    elif size != 1:
        shown = f"{_number(size)} {shown}"
    return f"{sign} {shown}" if sign else shown
