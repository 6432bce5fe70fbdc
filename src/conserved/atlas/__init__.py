"""Atlas: how many laws data symmetry adds, over network × symmetry × loss × labels.

Example:
    >>> from conserved import atlas
    >>> wanted = atlas.cases(["linear:4-2-1"], ["mse", "poly:3"], ["permutation", "shift"])
    >>> len(wanted)
    4

``sweep(wanted, "results.sqlite")`` then computes them, and goes on where it was stopped.
"""

from conserved.atlas.case import Case, cases
from conserved.atlas.cells import Atlas, Cell
from conserved.atlas.figure import draw
from conserved.atlas.heatmap import heat_map
from conserved.atlas.patterns import SWEEP_LIMIT, expand, expand_all
from conserved.atlas.results import Result
from conserved.atlas.sweep import sweep

__all__ = [
    "SWEEP_LIMIT",
    "Atlas",
    "Case",
    "Cell",
    "Result",
    "cases",
    "draw",
    "expand",
    "expand_all",
    "heat_map",
    "sweep",
]
