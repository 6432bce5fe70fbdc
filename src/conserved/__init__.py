"""What stays constant while a network trains, exactly, and what of it the data's symmetry adds.

Example:
    >>> import conserved as cq
    >>> problem = cq.Problem(
    ...     network=cq.networks.Linear(4, 2, 1),
    ...     loss=cq.losses.MeanSquaredError(),
    ...     symmetry=cq.symmetry.Permutation(4),
    ... )
    >>> cq.lie_closure(problem, seed=0).upper
    5
    >>> cq.lie_closure(problem.architecture(), seed=0).upper
    3

Names load on first use, so that ``import conserved`` stays fast; torch is never imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from conserved._version import __version__

if TYPE_CHECKING:
    from conserved import (
        atlas,
        data,
        dynamics,
        errors,
        law,
        losses,
        networks,
        simulate,
        symmetry,
        testing,
    )
    from conserved.analysis import Analysis, Comparison, Count, analyze, compare, laws_of
    from conserved.blocks import BlockLaws, block_laws
    from conserved.certificate import check_file
    from conserved.citation import cite
    from conserved.closure import Closure, lie_closure, rank_at
    from conserved.closure.cost import Estimate, estimate
    from conserved.errors import ConservedError
    from conserved.modules import Coverage, coverage, from_torch
    from conserved.problem import Problem
    from conserved.report import write_report
    from conserved.search import find_laws
    from conserved.search.lifted import lift_report
    from conserved.verification import verify
    from conserved.watching import check_gradients, imbalance, rebalance, watch

_MODULES = (
    "atlas",
    "data",
    "errors",
    "dynamics",
    "law",
    "losses",
    "networks",
    "simulate",
    "symmetry",
    "testing",
)
_HOMES = {
    "Analysis": "analysis",
    "BlockLaws": "blocks",
    "Closure": "closure",
    "Comparison": "analysis",
    "ConservedError": "errors",
    "Count": "analysis",
    "Coverage": "modules",
    "Estimate": "closure.cost",
    "Problem": "problem",
    "analyze": "analysis",
    "check_file": "certificate",
    "block_laws": "blocks",
    "check_gradients": "watching",
    "cite": "citation",
    "compare": "analysis",
    "imbalance": "watching",
    "rebalance": "watching",
    "coverage": "modules",
    "estimate": "closure.cost",
    "find_laws": "search",
    "from_torch": "modules",
    "laws_of": "analysis",
    "lie_closure": "closure",
    "rank_at": "closure",
    "lift_report": "search.lifted",
    "verify": "verification",
    "watch": "watching",
    "write_report": "report",
}

__all__ = [
    "Analysis",
    "BlockLaws",
    "Closure",
    "Comparison",
    "ConservedError",
    "Count",
    "Coverage",
    "Estimate",
    "Problem",
    "__version__",
    "analyze",
    "atlas",
    "block_laws",
    "check_file",
    "check_gradients",
    "cite",
    "compare",
    "coverage",
    "data",
    "dynamics",
    "errors",
    "estimate",
    "find_laws",
    "from_torch",
    "imbalance",
    "law",
    "laws_of",
    "lie_closure",
    "lift_report",
    "losses",
    "networks",
    "rank_at",
    "rebalance",
    "simulate",
    "symmetry",
    "testing",
    "verify",
    "watch",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"conserved.{name}")
    if name in _HOMES:
        value = getattr(import_module(f"conserved.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'conserved' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
