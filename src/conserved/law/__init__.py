"""Laws as data: value, gradient, text, LaTeX and JSON, without any exact algebra.

A law is loaded where it is used, on a training node too: this package needs NumPy alone (and torch
where tensors are given).

Example:
    >>> layout = Layout((("W1", (2, 3)), ("W2", (1, 2))))
    >>> law = GramLaw(layout=layout, terms=(GramTerm("W1", 0), GramTerm("W2", 1, -1)))
    >>> law.text, law.size
    ('W1 W1ᵀ − W2ᵀ W2', 3)
    >>> law_from_json(law.to_json(), layout) == law
    True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast, get_args

import conserved.law.written
import conserved.law.written_state  # noqa: F401  # how each form is written
from conserved.errors import InputError
from conserved.kernel.law import Origin
from conserved.kernel.reader import Reader
from conserved.law.base import Kind, Law
from conserved.law.cross import CrossLaw, CrossTerm
from conserved.law.gram import GramLaw, GramTerm
from conserved.law.layout import Layout
from conserved.law.phase import PhaseLaw
from conserved.law.polynomial import Polynomial, PolynomialLaw
from conserved.law.rational import RationalLaw
from conserved.law.span import SpanLaw
from conserved.law.timed import TimedLaw
from conserved.law.vectors import SpanPart

__all__ = [
    "CrossLaw",
    "CrossTerm",
    "GramLaw",
    "GramTerm",
    "Kind",
    "Law",
    "Layout",
    "Origin",
    "PhaseLaw",
    "Polynomial",
    "PolynomialLaw",
    "RationalLaw",
    "SpanLaw",
    "SpanPart",
    "TimedLaw",
    "law_from_json",
]

_TOLD = 200  # characters of what would have been right
_FORMS: dict[str, Callable[[Reader, Layout], Law]] = {
    GramLaw.form: GramLaw.read,
    PolynomialLaw.form: PolynomialLaw.read,
    RationalLaw.form: RationalLaw.read,
    SpanLaw.form: SpanLaw.read,
    PhaseLaw.form: PhaseLaw.read,
    CrossLaw.form: CrossLaw.read,
}


def law_from_json(data: Any, layout: Layout, path: str = "law") -> Law:
    """A law from what ``Law.to_json`` gave; what can be derived must agree.

    Args:
        data: an object as ``json.load`` gives it; nothing in it is trusted.
        layout: the parameters it speaks of.
        path: where it stands, for error messages.

    Raises:
        InputError: anything unusable, or words that do not belong to the data.
    """
    reader = Reader(data, path)
    law = _formed(reader, layout)
    law = replace(
        law,
        origin=cast(Origin, reader["origin"].choice(*get_args(Origin))),
        independent=reader["independent"].integer(0, law.size),
    )
    expected = law.to_json()
    reader.keys(*expected)
    for key in ("name", "kind", "text", "latex"):
        if reader[key].value != expected[key]:
            told = f"; '{expected[key]}' does" if len(expected[key]) <= _TOLD else ""
            raise reader[key].error(f"does not belong to this law{told}")
    return law


def _formed(reader: Reader, layout: Layout) -> Law:
    """A law of the form that it says; what its constructor refuses is told with the place."""
    form = reader["form"].choice(*_FORMS, TimedLaw.form)
    try:
        if form == TimedLaw.form:
            return TimedLaw.read(reader, layout, _formed)
        return _FORMS[form](reader, layout)
    except InputError as error:
        if error.argument.startswith(reader.path):
            raise
        place = f"{reader.path}.{error.argument}"
        raise InputError(place, error.given, error.advice) from error
