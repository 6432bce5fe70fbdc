"""How many laws are independent: the rank of their gradients at a random point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conserved.arithmetic.rowspace import RowSpace
from conserved.arithmetic.scalars import Array
from conserved.law import Law


def counted(laws: Sequence[Law], known: RowSpace, theta: Array) -> list[Law]:
    """The laws that add something to those before them, with the number each adds.

    Args:
        laws: in the order in which they are to be told.
        known: gradients at θ of laws told before; those of ``laws`` are added.
        theta: the point (D,). Gradients independent there, mod p, are independent at a generic θ.
    """
    kept = []
    for law in laws:
        raised = int(known.add(law.gradients(known.scalars, theta)).sum())
        if raised:
            kept.append(replace(law, independent=raised))
    return kept
