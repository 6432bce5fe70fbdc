"""Laws of an exact analysis on a model's own gradient: those of symmetric data among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.blocks import BlockLaws
from conserved.errors import InputError
from conserved.kernel.real import Reals
from conserved.law import Law, Layout
from conserved.watching.tensors import whole

Floats = NDArray[np.float64]
_ORBITS = (
    "the batch is no union of whole orbits of the group, or its labels are not moved along, or a "
    "gradient is wrong"
)


@dataclass(frozen=True)
class Given:
    """What was passed as ``laws``.

    Attributes:
        blocks: laws of the whole model, if there were any.
        exact: laws of exact analyses.
        group: by whose symmetry of the data, where an analysis said so.
    """

    blocks: BlockLaws | None
    exact: tuple[Law, ...]
    group: str


def given(laws: Any) -> Given:
    """Tell apart what ``laws`` may be: ``BlockLaws``, an ``Analysis``, laws, or a list of these.

    Raises:
        InputError: something else, or two sets of block laws.
    """
    from conserved.analysis import Analysis

    blocks: list[BlockLaws] = []
    exact: list[Law] = []
    groups: list[str] = []
    listed = isinstance(laws, Sequence) and not isinstance(laws, str)
    for one in laws if listed else [] if laws is None else [laws]:
        if isinstance(one, BlockLaws):
            blocks.append(one)
        elif isinstance(one, Analysis):
            exact += one.laws
            groups += [one.problem.group.name] if one.problem.symmetric else []
        elif isinstance(one, Law):
            exact.append(one)
        else:
            advice = "give block_laws(…), analyze(…), laws of it, or a list of these"
            raise InputError("laws", type(one).__name__, advice)
    if len(blocks) > 1:
        raise InputError("laws", f"{len(blocks)} × BlockLaws", "a model has one set of block laws")
    return Given(blocks[0] if blocks else None, tuple(exact), ", ".join(dict.fromkeys(groups)))


def check_layout(law: Law, named: Mapping[str, Any]) -> None:
    """Refuse a law of another model.

    Raises:
        InputError: it speaks of a parameter that the model has not, or of another shape.
    """
    for name, shape in law.layout.tensors:
        if name not in named or tuple(whole(named[name]).shape) != shape:
            advice = f"the model has no parameter '{name}' of shape {shape}"
            raise InputError("laws", law.text, advice)


def flat(layout: Layout, tensors: Mapping[str, Any]) -> Floats:
    """(D,) in float64, in the order of θ; what there is no tensor for counts as 0."""
    parts = []
    for name, shape in layout.tensors:
        held = tensors.get(name)
        size = int(np.prod(shape))
        made = np.zeros(size) if held is None else whole(held).double().cpu().numpy().ravel()
        parts.append(made)
    return np.concatenate(parts)


def pairings(
    laws: Sequence[Law], named: Mapping[str, Any], slopes: Mapping[str, Any]
) -> list[tuple[Floats, Floats]]:
    """For each law ⟨∇h, g⟩ of its functions, and what that is of the size of.

    Args:
        laws: of one network.
        named, slopes: parameters and gradients by name; what has no gradient counts as 0.

    Raises:
        InputError: a law speaks of a parameter that the model has not, or of another shape.
    """
    out = []
    for law in laws:
        check_layout(law, named)
        normal = law.gradients(Reals(), flat(law.layout, named))
        steep = flat(law.layout, slopes)
        out.append((normal @ steep, np.abs(normal) @ np.abs(steep)))
    return out


def why(law: Law) -> str:
    """What most likely broke it."""
    return _ORBITS if law.origin == "data symmetry" else "a gradient is wrong"
