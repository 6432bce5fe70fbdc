"""Is the result of a program of degree at most 1 in each of its choices?

Then residues in place of 0 and 1 span the same fields: a function of degree 1 in each of some
variables is fixed by its values at 0 and 1.
"""

from __future__ import annotations

from collections.abc import Mapping

from conserved.kernel.program import Node, Program

_MANY = 9  # any degree above 1


def linear_in_choices(program: Program, group: Mapping[int, int]) -> bool:
    """Degrees node by node, in every group of choices.

    Args:
        program: with choices.
        group: for each node that chooses, the group it belongs to.
    """
    degrees: list[dict[int, int]] = []
    for index, node in enumerate(program.nodes):
        if index in group:
            degrees.append({group[index]: 1})
            continue
        met = [degrees[i] for i in node.args]
        degrees.append(_DEGREES.get(node.op, _joined)(node, met))
    return all(degree <= 1 for degree in degrees[program.output].values())


def _joined(node: Node, met: list[dict[int, int]]) -> dict[int, int]:
    out: dict[int, int] = {}
    for degrees in met:
        for choice, degree in degrees.items():
            out[choice] = max(degree, out.get(choice, 0))
    return out


def _multiplied(node: Node, met: list[dict[int, int]]) -> dict[int, int]:
    out: dict[int, int] = {}
    for degrees in met:
        for choice, degree in degrees.items():
            out[choice] = min(_MANY, degree + out.get(choice, 0))
    return out


def _bent(node: Node, met: list[dict[int, int]]) -> dict[int, int]:
    if node.op == "power" and node.data[0] == 1:
        return met[0]
    return dict.fromkeys(met[0], _MANY)


_DEGREES = {
    "mul": _multiplied,
    "matmul": _multiplied,
    **dict.fromkeys(("power", "reciprocal", "root", "function", "inverse"), _bent),
}
