"""How large the numbers of a program can become: what bounds how many primes divide them all.

A value is N/D with polynomials in all that is drawn. Its height is log2 of the sum of the sizes of
their coefficients, which sums and products bound; roots, gates and functions are drawn themselves.
"""

from __future__ import annotations

import re
from math import log2

from conserved.kernel.program import Node, Program

Height = tuple[float, float]  # of N and of D

_WAVE = re.compile(r"(?:cos|sin)\([^()]*\)")
_NUMBER = re.compile(r"\d+")
_SHAPES = ("reshape", "transpose", "broadcast", "concat", "slice", "gather")


def bits(program: Program, inputs: Height = (0.0, 0.0)) -> float:
    """Bits of the coefficients of a derivative of the result.

    Args:
        program: whose numbers count.
        inputs: height of its inputs; those that are drawn have none.
    """
    above, below = _heights(program, inputs)[program.output]
    return 2 * (above + below) + 2


def _heights(program: Program, inputs: Height) -> list[Height]:
    found: list[Height] = []
    for node in program.nodes:
        if node.op == "input":
            found.append(inputs)
            continue
        arguments = [found[i] for i in node.args]
        shapes = [program.nodes[i].shape for i in node.args]
        found.append(_height(node, arguments, shapes))
    return found


def _height(node: Node, args: list[Height], shapes: list[tuple[int, ...]]) -> Height:
    match node.op:
        case "constant":
            return max((number(value) for value in node.data[1]), default=0.0), 0.0
        case "scale":
            return args[0][0] + number(node.data[0]), args[0][1]
        case "add":
            return _sum(*args)
        case "mul":
            return _product(*args)
        case "matmul":
            return _repeated(_product(*args), shapes[0][-1])
        case "sum":
            return _repeated(args[0], shapes[0][node.data[0]])
        case "power":
            return args[0][0] * node.data[0], args[0][1] * node.data[0]
        case "reciprocal":
            return args[0][1], args[0][0]
        case "inverse":  # Cramer's rule
            size = shapes[0][-1]
            entry = _repeated(args[0], size)
            return size * sum(entry), size * sum(entry)
        case "function":
            return 1.0, 1.0
        case op if op in _SHAPES:
            return max(a for a, _ in args), max(b for _, b in args)
    return 0.0, 0.0  # drawn


def _sum(a: Height, b: Height) -> Height:
    return max(a[0] + b[1], b[0] + a[1]) + 1, a[1] + b[1]


def _product(a: Height, b: Height) -> Height:
    return a[0] + b[0], a[1] + b[1]


def _repeated(a: Height, count: int) -> Height:
    """A sum of so many terms, each with a denominator of its own."""
    if count < 2:
        return a
    return a[0] + (count - 1) * a[1] + log2(count), count * a[1]


def number(value: int | str) -> float:
    """Bits of a number as it is written; a cosine or sine is at most 1 in size.

    Example:
        >>> number(1), number("-3/4"), number("cos(2*pi/5)")
        (0.0, 5, 0)
    """
    if isinstance(value, int):
        return log2(abs(value)) if value else 0.0
    text = _WAVE.sub("", value)
    return sum(int(digits).bit_length() for digits in _NUMBER.findall(text))
