"""The upper bound: how many laws there are at most, by the dimension of a Lie closure.

``bound`` is the bound with its record, ``span`` the span of fields and brackets at one point,
``cost`` what it will take, counted before it runs, ``start`` the rank at a given θ.
"""

from conserved.closure.bound import Closure, check_arguments, lie_closure, no_closure
from conserved.closure.span import Progress
from conserved.closure.start import AtStart, rank_at

__all__ = [
    "AtStart",
    "Closure",
    "Progress",
    "check_arguments",
    "lie_closure",
    "no_closure",
    "rank_at",
]
