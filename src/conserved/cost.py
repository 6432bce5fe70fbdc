"""What a closure will cost, counted before it runs."""

from __future__ import annotations

from dataclasses import dataclass

from conserved.errors import LimitError
from conserved.problem import Problem
from conserved.symmetry import require_enumerable

MEMORY_LIMIT = 8 * 10**9  # bytes; a laptop's worth
_MATRICES = 3  # D × D matrices alive at once in the elimination
_BYTES_PER_SECOND = 2e9  # of field values produced, measured on two cores
_FLOPS_PER_SECOND = 2e10  # of the elimination, likewise


@dataclass(frozen=True)
class Estimate:
    """Cost of a closure that needs brackets of length 2; deeper ones cost a multiple.

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


def estimate(problem: Problem) -> Estimate:
    """Count the cost of ``lie_closure`` on this problem.

    Raises:
        LimitError: when it needs more memory than ``MEMORY_LIMIT``, with both numbers, or when
            the group is too large to list.

    Example:
        >>> from conserved.networks import Linear
        >>> estimate(Problem(network=Linear(30, 30, 30))).parameters
        1800
    """
    size = problem.network.size
    elimination = _MATRICES * 8 * size**2
    if elimination > MEMORY_LIMIT:
        most = int((MEMORY_LIMIT / (8 * _MATRICES)) ** 0.5)
        raise LimitError(
            f"network '{problem.network.spec}': {size:,} parameters need about "
            f"{_size(elimination)} for the exact rank; the limit is {_size(MEMORY_LIMIT)}, "
            f"about {most:,} parameters"
        )
    require_enumerable(problem.group)
    sample = sample_bytes(problem)
    if 8 * sample > MEMORY_LIMIT:
        raise LimitError(
            f"network '{problem.network.spec}', symmetry '{problem.group.name}': one field over "
            f"its orbit (order {problem.group.order:,}) needs about {_size(8 * sample)}; "
            f"the limit is {_size(MEMORY_LIMIT)}"
        )
    evaluations = 2 * size
    units = size + 3 * size  # D plain fields, then D/2 brackets of two fields on jets (3 products)
    seconds = units * sample / _BYTES_PER_SECOND + 4 / 3 * size**3 / _FLOPS_PER_SECOND
    return Estimate(size, evaluations, elimination + min(units * sample, 2**30), seconds)


def sample_bytes(problem: Problem) -> int:
    """Memory of one field evaluation: gradients, and activations at each point of the orbit."""
    network = problem.network
    return 8 * (5 * network.size + 3 * problem.group.order * network.activations())


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
