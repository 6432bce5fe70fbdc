"""What a closure will cost, counted before it runs."""

from __future__ import annotations

from dataclasses import dataclass

from conserved.errors import InputError, LimitError
from conserved.fields import Route, choose_route
from conserved.problem import Problem
from conserved.symmetry import require_enumerable

MEMORY_LIMIT = 8 * 10**9  # bytes; a laptop's worth
_SPARE_ROWS = 12  # rows beyond D that show the rank standing still, and a probe of brackets
_MATRICES = 3  # D × D matrices alive at once in the elimination
_BYTES_PER_SECOND = 2e9  # of field values produced, measured on two cores
_FLOPS_PER_SECOND = 2e10  # of the elimination, likewise


@dataclass(frozen=True)
class Estimate:
    """Cost of a closure with brackets of length 2, or of length 8 under a symmetry.

    Attributes:
        parameters: D, the width of the rank.
        evaluations: fields to evaluate, each a forward and a backward pass over one orbit.
        bytes: peak memory.
        seconds: on two cores of a current machine.
    """

    parameters: int
    evaluations: int
    bytes: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"about {_duration(self.seconds)} and {_size(self.bytes)} "
            f"({self.evaluations:,} field evaluations, rank of {self.parameters:,} columns)"
        )


def estimate(problem: Problem, route: Route = "auto") -> Estimate:
    """Count the cost of ``lie_closure`` on this problem.

    Raises:
        LimitError: when it needs more memory than ``MEMORY_LIMIT``, with both numbers, or when
            the group is too large to list.

    Example:
        >>> from conserved.networks import Linear
        >>> estimate(Problem(network=Linear(30, 30, 30))).parameters
        1800
    """
    if not isinstance(problem, Problem):
        raise InputError("problem", repr(problem), "give a conserved.Problem")
    size = problem.network.size
    elimination = _MATRICES * 8 * size**2
    if elimination > MEMORY_LIMIT:
        most = int((MEMORY_LIMIT / (8 * _MATRICES)) ** 0.5)
        raise LimitError(
            f"network '{problem.network.spec}': {size:,} parameters need about "
            f"{_size(elimination)} for the exact rank; the limit is {_size(MEMORY_LIMIT)}, "
            f"about {most:,} parameters"
        )
    points = _points(problem, route)
    sample = 8 * (5 * size + 3 * points * problem.network.activations())
    if 8 * sample > MEMORY_LIMIT:
        raise LimitError(
            f"network '{problem.network.spec}', symmetry '{problem.group.name}': one field over "
            f"{points:,} points needs about {_size(8 * sample)}; "
            f"the limit is {_size(MEMORY_LIMIT)}"
        )
    rows = size + _SPARE_ROWS
    # D plain fields, then D/2 brackets of two fields on jets (3 products); averaged data have few
    # fields, so that longer brackets are needed, each level 8 times the cost of the one before
    deepest = 3 if problem.symmetric else 1
    units = rows + sum(6 * 8 ** (level - 1) for level in range(1, deepest + 1)) * (rows // 2)
    evaluations = 2 * rows * 2 ** (deepest - 1)
    seconds = units * sample / _BYTES_PER_SECOND + 4 / 3 * size**3 / _FLOPS_PER_SECOND
    return Estimate(size, evaluations, elimination + min(units * sample, 2**30), seconds)


def _points(problem: Problem, route: Route) -> int:
    """At how many inputs one field evaluates the network."""
    if choose_route(problem, route) == "moments":
        lift = problem.network.lift()
        assert lift is not None
        return lift.dimension
    require_enumerable(problem.group)
    return int(problem.group.order)


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if value < 1000 or unit == "PB":
            return f"{value:,.0f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")
