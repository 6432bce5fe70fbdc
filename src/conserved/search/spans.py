"""Ranges and directions of whole tensors: W′ = W·N keeps the span of W, W′ = λ W its direction.

They are what is left where labels drop out, or where all that moves a layer is its own size, also
for networks without a lift, whose blocks nobody can list.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from conserved.errors import Redraw
from conserved.fields import Fields
from conserved.kernel.scalars import Array
from conserved.law import Law, Layout, SpanLaw, SpanPart

_FIELDS = 4  # random fields that a candidate has to survive before it is verified
_MOST = 64  # numbers that fix one law


def span_laws(fields: Fields, theta: Array) -> list[Law]:
    """Directions of tensors, then ranges along their axes, that random fields keep.

    Args:
        fields: of the problem.
        theta: the point (D,) at which they are tried; a true law survives everywhere.
    """
    layout = Layout(fields.program.parameters)
    _, values = fields.draw(_FIELDS, theta[None, None])
    found = []
    for law in _candidates(layout):
        try:
            moved = law.derivative(fields.scalars, theta, values)
        except Redraw:
            continue
        if not moved.any():
            found.append(law)
    return found


def _candidates(layout: Layout) -> Iterator[Law]:
    for name, shape in layout.tensors:
        size = prod(shape)
        if 2 <= size <= _MOST:
            part = SpanPart(name, None, _identity(size))
            yield SpanLaw(layout=layout, what="direction", parts=(part,), vectors=(0,), pivots=(0,))
        for axis, height in enumerate(shape):
            width = size // height
            if len(shape) < 2 or not 1 < width < height or width * (height - width) > _MOST:
                continue
            part = SpanPart(name, axis, _identity(height))
            every = tuple(range(width))
            yield SpanLaw(layout=layout, what="range", parts=(part,), vectors=every, pivots=every)


def _identity(size: int) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row) for row in np.eye(size, dtype=np.int64).astype(str).tolist())
