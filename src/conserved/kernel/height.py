"""How large the numbers of a program can become: what bounds how many primes divide them all.

A value is N/(D·Lᵉ) with polynomials in all that is drawn, and one common denominator L of all
constants. Its height is log2 of the sum of the sizes of their coefficients, which sums and products
bound; roots, choices and functions are drawn themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log2, prod

from conserved.kernel.entries import Rational, entry
from conserved.kernel.functions import is_named
from conserved.kernel.group import Matrix, Symmetry
from conserved.kernel.program import Node, Program

Height = tuple[float, float, int]  # of N and of D, and e

_WAVE = re.compile(r"(?:cos|sin)\([^()]*\)")
_NUMBER = re.compile(r"\d+")
_SHAPES = ("reshape", "transpose", "broadcast", "concat", "slice", "gather")


def bits(program: Program, inputs: tuple[float, float] = (0.0, 0.0)) -> float:
    """Bits of the coefficients of a derivative of the result.

    Args:
        program: whose numbers count.
        inputs: height of its inputs; those that are drawn have none.
    """
    unit = float(sum(below.bit_length() for below in _denominators(program) if below > 1))
    found: list[Height] = []
    for node in program.nodes:
        if node.op == "input":
            found.append((*inputs, 0))
            continue
        shapes = [program.nodes[i].shape for i in node.args]
        found.append(_height(node, [found[i] for i in node.args], shapes, unit))
    above, below, times = found[program.output]
    return 2 * (above + below + times * unit) + 2


def group_bits(symmetry: Symmetry) -> float:
    """Bits of what has to hold for a group to be as stated."""
    moves = (*symmetry.generators, *symmetry.turns)
    largest = max((_matrix(m) for v in moves for m in (v.inputs, v.labels) if m), default=0.0)
    if symmetry.lift is None:  # no element is a product of more generators than there are elements
        return largest * (symmetry.order or 1)
    lift = symmetry.lift
    return 4 * largest + 2 * bits(lift.features) + log2(max(lift.metric))


def _matrix(matrix: Matrix) -> float:
    rows = [[number(value) for _, value in row] for row in matrix]
    entries = [above + below.bit_length() - 1 for row in rows for above, below in row]
    return max(entries, default=0.0) + log2(max(1, *map(len, rows)))


def _denominators(program: Program) -> set[int]:
    found: set[int] = set()
    for node in program.nodes:
        if node.op == "scale":
            found.add(number(node.data[0])[1])
        elif node.op == "constant":
            found |= {number(value)[1] for value in set(node.data[1])}
    return found


def _height(
    node: Node, args: Sequence[Height], shapes: Sequence[tuple[int, ...]], unit: float
) -> Height:
    match node.op:
        case "constant":
            return _constants(node.data[1], unit)
        case "scale":
            return _product(args[0], _constants(node.data, unit))
        case "add":
            return _sum(args[0], args[1], unit)
        case "mul":
            return _product(*args)
        case "matmul":
            return _repeated(_product(*args), shapes[0][-1])
        case "sum":
            return _repeated(args[0], shapes[0][node.data[0]])
        case "power":
            above, below, times = (part * node.data[0] for part in args[0])
            return above, below, int(times)
        case "reciprocal":
            above, below, times = args[0]
            return below + times * unit, above, 0
        case "inverse":  # Cramer's rule
            size = shapes[0][-1]
            above, below, times = _repeated(args[0], size)
            total = size * (above + below + times * unit)
            return total, total, 0
        case "function":
            return 1.0, 1.0, 0
        case op if op in _SHAPES:
            times = max(e for _, _, e in args)
            above = max(a + (times - e) * unit for a, _, e in args)
            return above, max(b for _, b, _ in args), times
    return 0.0, 0.0, 0  # drawn


def _constants(values: Sequence[int | str], unit: float) -> Height:
    known = [number(value) for value in set(values)]
    times = int(any(below > 1 for _, below in known))
    return max((above for above, _ in known), default=0.0) + times * unit, 0.0, times


def _sum(a: Height, b: Height, unit: float) -> Height:
    times = max(a[2], b[2])
    above = [n + (times - e) * unit for n, _, e in (a, b)]
    return max(above[0] + b[1], above[1] + a[1]) + 1, a[1] + b[1], times


def _product(a: Height, b: Height) -> Height:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _repeated(a: Height, count: int) -> Height:
    """A sum of so many terms, each with a denominator of its own but for L."""
    if count < 2:
        return a
    return a[0] + (count - 1) * a[1] + log2(count), count * a[1], a[2]


def number(value: int | str) -> tuple[float, int]:
    """Bits of a number as it is written, over a denominator; a cosine or sine is at most 1 in size.

    Example:
        >>> number(1), number("-3/4"), number("cos(2*pi/5)"), number("sqrt(3)/2")
        ((0.0, 1), (1.584962500721156, 4), (0.0, 1), (4.0, 6))
    """
    if isinstance(value, int):
        return (log2(abs(value)) if value else 0.0), 1
    if is_named(value):
        return 0.0, 1
    exact = entry(value)
    if isinstance(exact, Rational):
        above, below = exact.number.numerator, exact.number.denominator
        return (log2(abs(above)) if above else 0.0), below
    digits = [int(text) for text in _NUMBER.findall(_WAVE.sub("", value)) if int(text)]
    divided = "/" in _WAVE.sub("", value) or "." in value
    return float(sum(n.bit_length() for n in digits)), prod(digits) if divided else 1
