"""What a closure will cost, counted before it runs."""

from __future__ import annotations

from dataclasses import dataclass

from conserved.closure.span import HELD_BYTES
from conserved.errors import InputError, LimitError, RankLimitError
from conserved.fields import Route, choose_route
from conserved.kernel.fields import CHUNK_BYTES
from conserved.problem import Problem
from conserved.symmetry import require_enumerable

MEMORY_LIMIT = 8 * 10**9  # bytes; a laptop's worth
_SPARE_ROWS = 12  # rows beyond D that show the rank standing still, and a probe of brackets
_BASIS = 2  # bytes for each entry of D × D: a quarter of them in float64
_BYTES_PER_SECOND = 1.5e9  # of field values produced, measured on two cores
_FLOPS_PER_SECOND = 2e10  # of the elimination, likewise
_PER_ENTRY = 7e-7  # seconds for one entry of one generator in an average
_OVERHEAD = 5e-6  # seconds for a field, however small
_JET = 2.5  # how much dearer a field becomes when its jets double
_SMALL_GROUP = 24  # elements: leaves so many fields that the rank fills the space
_FEW = 48  # rank of the space that few fields make


@dataclass(frozen=True)
class Estimate:
    """Cost of a closure, right to within a factor of about five where it takes a second or more.

    Attributes:
        parameters: D of the state, the width of the rank.
        evaluations: fields to evaluate, each a forward and a backward pass over its points.
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
    size = problem.state.size
    elimination = _BASIS * size**2
    if elimination > MEMORY_LIMIT:
        most = int((MEMORY_LIMIT / _BASIS) ** 0.5)
        raise RankLimitError(
            f"network '{problem.network.spec}': {size:,} parameters need about "
            f"{_size(elimination)} for the exact rank; the limit is {_size(MEMORY_LIMIT)}, "
            f"about {most:,} parameters"
        )
    values, points = _values(problem, route)
    sample = 8 * (5 * size + 3 * values)
    if 8 * sample > MEMORY_LIMIT:
        raise LimitError(
            f"network '{problem.network.spec}', data '{problem.class_name}': one field over "
            f"{points:,} points needs about {_size(8 * sample)}; "
            f"the limit is {_size(MEMORY_LIMIT)}"
        )
    rows = _rows(problem)
    # fields of level L run on jets of 2^L entries, three products for each doubling of two
    units = sum(count * _JET**level for level, count in enumerate(rows))
    evaluations = sum(rows)
    largest = max(count * 2**level for level, count in enumerate(rows))
    seconds = (
        units * sample / _BYTES_PER_SECOND
        + evaluations * _OVERHEAD
        + 2 / 3 * size**3 / _FLOPS_PER_SECOND
        + _averaging(problem, route)
    )
    held = min(largest * sample, CHUNK_BYTES) + min(largest * 8 * size, HELD_BYTES)
    return Estimate(size, evaluations, elimination + held, seconds)


def _rows(problem: Problem) -> list[int]:
    """Fields to evaluate at each level of brackets (length 2^level), from what closures take.

    A large group leaves few moments, so few fields, that many brackets make a small space of; how
    many there are is known only after averaging, so a guess stands in for it.
    """
    size = problem.state.size
    if not problem.symmetric:
        return [size + _SPARE_ROWS, size + _SPARE_ROWS]
    outputs = problem.network.output_shape[-1]
    filled = problem.group.order <= max(_SMALL_GROUP, problem.network.lift_dimension)
    labelled = problem.labels.name == "invariant"
    if filled or (labelled and 2 * (outputs + 2) ** 2 > size):
        return [size + _SPARE_ROWS, *(int(size * share) for share in (4, 2, 0.1))]
    if labelled:
        rank = 2 * (outputs + 2) ** 2  # brackets of outputs + 2 fields, and theirs
        return [outputs + _SPARE_ROWS, *(int(rank * share) for share in (4, 4, 2, 0.5))]
    rank = min(size, _FEW)
    return [_SPARE_ROWS, *(int(rank * share) for share in (8, 20, 20, 16, 6))]


def _values(problem: Problem, route: Route) -> tuple[int, int]:
    """How many values one field keeps, and at how many inputs it evaluates the network."""
    if choose_route(problem, route) == "moments":
        lift = problem.network.lift()
        assert lift is not None
        return lift.volume, lift.dimension
    order = require_enumerable(problem.group) if problem.symmetric else 1
    if problem.stated is not None:
        order *= len(problem.stated.points or (0,))
    return problem.network.activations(order), order


def _averaging(problem: Problem, route: Route) -> float:
    """Seconds for the averages of moments."""
    if choose_route(problem, route) != "moments":
        return 0.0
    generators = len(problem.group.signs) + 2 * problem.group.infinitesimal_count + 1
    return generators * problem.network.lift_dimension**2 * _PER_ENTRY


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
