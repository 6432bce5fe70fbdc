"""What a formula says, in numbers: its tree evaluated as mathematics, without the law it is of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from conserved.notation import (
    Affine,
    Block,
    Contraction,
    Family,
    Formula,
    Item,
    Listed,
    Name,
    Norm,
    Number,
    Place,
    Power,
    Product,
    Quotient,
    Several,
    Span,
    Sum,
    Total,
    Transpose,
)

Floats = NDArray[np.float64]
Indices = Mapping[str, int]


def number(value: Affine, at: Indices) -> int:
    return value.constant + sum(factor * at[index] for index, factor in value.parts)


def places(where: Place, at: Indices) -> object:
    """A place as NumPy takes it: from 0, ends excluded."""
    match where:
        case None:
            return slice(None)
        case Span(first, last, step):
            return slice(number(first, at) - 1, number(last, at), step)
        case Several(first, step, count):
            start = number(first, at) - 1
            return [start + k * step for k in range(count)]
    return number(where, at) - 1


def meaning(formula: Formula, tensors: Mapping[str, Floats], at: Indices) -> Floats:
    """The value of a formula; families and lists give one after the other, flat."""

    def inner(part: Formula, more: Indices | None = None) -> Floats:
        return meaning(part, tensors, {**at, **(more or {})})

    match formula:
        case Name(parts):
            return tensors["".join(p if isinstance(p, str) else str(number(p, at)) for p in parts)]
        case Number(value):
            return np.array(float(value))
        case Item(base, where):
            value = inner(base)
            for axis in reversed(range(len(where))):
                chosen = places(where[axis], at)
                value = value[(slice(None),) * axis + (chosen,)]
            return value
        case Block():
            return inner(formula.slices)
        case Transpose(base):
            value = inner(base)
            return value[None] if value.ndim == 1 else value.T  # a vector is a column
        case Power(base, exponent):
            value = inner(base)
            assert value.size == 1, "only numbers have powers"
            return value.reshape(()) ** exponent
        case Norm(base):
            return np.sqrt(np.sum(inner(base) ** 2))
        case Product(factors):
            values = [inner(factor) for factor in factors]
            if all(value.ndim == 0 for value in values):
                return np.prod(values)
            columns = [v[:, None] if v.ndim == 1 else v for v in values]
            return np.linalg.multi_dot(columns) if len(columns) > 2 else columns[0] @ columns[1]
        case Contraction(base, axis):
            value = inner(base)
            rows = np.moveaxis(value, axis - 1, 0).reshape(value.shape[axis - 1], -1)
            return rows @ rows.T
        case Sum(terms, left):
            assert not left, "a formula that was cut says too little"
            shapes = [inner(term).shape for _, term in terms if term != Name.of("I")]
            one = {"I": np.eye(max(s[0] for s in shapes if s))} if any(shapes) else {}
            named = {**tensors, **one}
            return sum(float(c) * meaning(term, named, at) for c, term in terms)  # type: ignore[return-value]
        case Total(index, first, last, body):
            return sum(inner(body, {index: value}) for value in range(first, last + 1))  # type: ignore[return-value]
        case Family(index, first, last, body):
            values = [flat(inner(body, {index: value})) for value in range(first, last + 1)]
            return np.concatenate(values)
        case Quotient(above, below):
            return inner(above) / inner(below)
        case Listed(items, left):
            assert not left, "a list that was cut says too little"
            return np.concatenate([flat(inner(item)) for item in items])
    raise AssertionError(f"no meaning: {formula}")


def flat(value: Floats) -> Floats:
    """What is conserved of a value: a number, each of a family, the entries i ≤ j of a matrix."""
    if value.ndim < 2:
        return np.atleast_1d(value)
    return value[np.triu_indices(len(value))]
