"""A direction in the plane is one quotient: read like 2606.10913, figure 2."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm

from conserved.kernel.entries import Rational, entry
from conserved.law import Polynomial, RationalLaw, SpanLaw

Form = dict[int, Fraction]  # position in θ → coefficient


def quotient(law: SpanLaw) -> RationalLaw | None:
    """A direction law of two numbers with rational coefficients, as N/D; else None.

    The two linear forms are made short and orthogonal.

    Example:
        >>> from conserved.law import Layout, SpanPart
        >>> part = SpanPart("W1", 1, (("1", "0", "-1"), ("0", "1", "-1")))
        >>> layout = Layout((("W1", (1, 3)),))
        >>> law = SpanLaw(layout=layout, what="direction", parts=(part,), vectors=(0,), pivots=(0,))
        >>> print(quotient(law))
        (W1[1,1] − W1[1,2]) / (W1[1,1] + W1[1,2] − 2 W1[1,3])
    """
    if law.size != 1 or law.what != "direction":
        return None
    forms = _forms(law)
    if forms is None:
        return None
    one, other = forms
    choices = [one, other, _sum(one, other, Fraction(-1)), _sum(one, other, Fraction(1))]
    above = min(map(_primitive, choices), key=lambda form: (_product(form, form), sorted(form)))
    rest = other if _parallel(one, above) else one
    share = -_product(rest, above) / _product(above, above)
    below = _primitive(_sum(rest, above, share))
    pair = [Polynomial.of({(i,): c for i, c in form.items()}) for form in (above, below)]
    return RationalLaw(layout=law.layout, components=((pair[0], pair[1]),), title=law.text)


def _forms(law: SpanLaw) -> list[Form] | None:
    """The two numbers as linear forms in θ."""
    forms, start = [], 0
    for part in law.parts:
        fibres = part.fibres(law.layout)
        for index, fibre in enumerate(fibres, start):
            for row in part.matrix if index in law.vectors else ():
                numbers = [entry(text) for text in row]
                if not all(isinstance(number, Rational) for number in numbers):
                    return None
                pairs = zip(fibre.tolist(), numbers, strict=True)
                forms.append(
                    {i: n.number for i, n in pairs if isinstance(n, Rational) and n.number}
                )
        start += len(fibres)
    return forms


def _sum(one: Form, other: Form, factor: Fraction) -> Form:
    """one + factor·other."""
    total = {
        i: one.get(i, Fraction(0)) + factor * other.get(i, Fraction(0)) for i in {*one, *other}
    }
    return {i: value for i, value in total.items() if value}


def _product(one: Form, other: Form) -> Fraction:
    return sum((value * other.get(i, Fraction(0)) for i, value in one.items()), Fraction(0))


def _parallel(one: Form, other: Form) -> bool:
    return _product(one, other) ** 2 == _product(one, one) * _product(other, other)


def _primitive(form: Form) -> Form:
    """The multiple with coprime integers, the first positive."""
    below = lcm(*(value.denominator for value in form.values()))
    common = gcd(*(int(value * below) for value in form.values()))
    sign = 1 if form[min(form)] > 0 else -1
    return {i: value * below * sign / common for i, value in form.items()}
