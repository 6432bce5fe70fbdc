"""The degree that a program can have at most, read off its operations.

Degrees count in all that is drawn: θ, data, choices, roots and formal values. Slopes are those by
one parameter; whichever it is, their denominators are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conserved.kernel.program import Node, Program

_SHAPES = ("reshape", "transpose", "broadcast", "concat", "slice", "gather")


@dataclass(frozen=True)
class Degree:
    """Total degrees of the numerator and the denominator of a rational function."""

    above: int
    below: int = 0

    def plus(self, other: Degree) -> Degree:
        above = max(self.above + other.below, other.above + self.below)
        return Degree(above, self.below + other.below)

    def times(self, other: Degree) -> Degree:
        return Degree(self.above + other.above, self.below + other.below)

    def power(self, exponent: int) -> Degree:
        return Degree(self.above * exponent, self.below * exponent)

    def summed(self, count: int) -> Degree:
        """Of so many such terms, each with a denominator of its own."""
        return Degree(self.above + (count - 1) * self.below, count * self.below)

    @property
    def inverse(self) -> Degree:
        return Degree(self.below, self.above)


_ONE = Degree(0)
_DRAWN = Degree(1)
_CIRCLE = Degree(2, 2)
_FORMAL = {  # formal value and slope; None: they depend on the argument
    "exp": (Degree(1, 1), Degree(1, 1)),
    "sigmoid": (_DRAWN, Degree(2)),
    "tanh": (_CIRCLE, Degree(4, 4)),
    "softplus": (None, _DRAWN),
    "erf": (_DRAWN, Degree(2, 1)),
    "normal": (_DRAWN, Degree(2, 1)),
    "log": (_DRAWN, None),
    "sin": (_CIRCLE, _CIRCLE),
    "cos": (_CIRCLE, _CIRCLE),
}

Extent = tuple[Degree, Degree | None]  # of a value and of its slope; None where that is 0


def extent(program: Program) -> tuple[Degree, Degree]:
    """Bounds for the degrees of a program's result and of its slopes.

    Example:
        >>> from conserved.kernel.program import Node
        >>> w = Node("parameter", (), ("w",), (2,))
        >>> cubed = Program((("w", (2,)),), (), (w, Node("power", (0,), (3,), (2,))), 1)
        >>> extent(cubed)
        (Degree(above=3, below=0), Degree(above=2, below=0))
    """
    found: list[Extent] = []
    for node in program.nodes:
        shapes = [program.nodes[i].shape for i in node.args]
        found.append(_extent(node, [found[i] for i in node.args], shapes))
    value, slope = found[program.output]
    return value, slope or _ONE


def _extent(node: Node, args: Sequence[Extent], shapes: Sequence[tuple[int, ...]]) -> Extent:
    match node.op:
        case "constant":
            return _ONE, None
        case "parameter":
            return _DRAWN, _ONE
        case "scale":
            return args[0]
        case "add":
            return args[0][0].plus(args[1][0]), _sum(args[0][1], args[1][1])
        case "mul":
            return _product(*args)
        case "matmul":
            return _summed(_product(*args), shapes[0][-1])
        case "sum":
            return _summed(args[0], shapes[0][node.data[0]])
        case "power":
            value, exponent = args[0][0], node.data[0]
            return value.power(exponent), _chain(value.power(exponent - 1), args[0][1])
        case "reciprocal":
            inverse = args[0][0].inverse
            return inverse, _chain(inverse.power(2), args[0][1])
        case "root":
            return _DRAWN, _chain(_DRAWN.inverse, args[0][1])
        case "inverse":  # Cramer's rule; −A⁻¹ A′ A⁻¹
            size = shapes[0][-1]
            terms = size * size * (args[0][0].above + args[0][0].below)
            inverse = Degree(terms, terms)
            turned = _chain(inverse.power(2), args[0][1])
            return inverse, turned and turned.summed(size * size)
        case "function":
            formal, bend = _FORMAL[node.data[0]]
            z = args[0][0]
            return formal or z.plus(_DRAWN), _chain(bend or z.inverse, args[0][1])
        case op if op in _SHAPES:
            return _widest([v for v, _ in args]) or _ONE, _widest([slope for _, slope in args])
    return _DRAWN, None  # inputs and choices


def _sum(a: Degree | None, b: Degree | None) -> Degree | None:
    return a.plus(b) if a and b else a or b


def _chain(outer: Degree, slope: Degree | None) -> Degree | None:
    return slope and outer.times(slope)


def _product(a: Extent, b: Extent) -> Extent:
    return a[0].times(b[0]), _sum(_chain(b[0], a[1]), _chain(a[0], b[1]))


def _summed(a: Extent, count: int) -> Extent:
    return a[0].summed(count), a[1] and a[1].summed(count)


def _widest(degrees: Sequence[Degree | None]) -> Degree | None:
    known = [degree for degree in degrees if degree]
    if not known:
        return None
    return Degree(max(d.above for d in known), max(d.below for d in known))
