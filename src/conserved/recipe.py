"""A rank anyone can find again: how many brackets of each length to draw, and from what seed.

The closure decides as it goes how much to draw. A recipe is the short record of it: ``counts[j]``
random brackets of length 2^j at one random point, all drawn anew. Whatever is drawn, the rank
is at most dim Lie(W), so a recipe that reaches rank r proves that at most D − r laws exist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conserved.arithmetic.primes import modulus
from conserved.arithmetic.rowspace import RowSpace
from conserved.arithmetic.scalars import Array
from conserved.arithmetic.threads import threads_for
from conserved.brackets import Nested, evaluate
from conserved.fields import Fields, Route, make_fields
from conserved.problem import Problem
from conserved.verification import scalars_for

_STREAM = 777  # apart from the stream of the closure
_ROWS = 512  # evaluated at once


@dataclass(frozen=True)
class Recipe:
    """What to draw.

    Attributes:
        prime: the modulus, from 2^20 to 2^31.
        seed: fixes the point, the data and all formal values.
        route: "orbits" or "moments".
        counts: brackets of length 1, 2, 4, … to draw.
    """

    prime: int
    seed: int
    route: Route
    counts: tuple[int, ...]


def replay(problem: Problem, recipe: Recipe) -> int:
    """The rank that a recipe reaches.

    Raises:
        InputError: an unusable prime or route.
        Redraw: the point of this seed has no value.

    Example:
        >>> from conserved.networks import Linear
        >>> replay(Problem(network=Linear(3, 2, 2)), Recipe(8388593, 0, "orbits", (9, 3)))
        7
    """
    return span_of(problem, recipe)[1].rank


def span_of(problem: Problem, recipe: Recipe) -> tuple[Fields, RowSpace]:
    """The fields of a recipe, and the span of what it draws."""
    scalars = scalars_for(modulus(recipe.prime))
    rng = np.random.default_rng([recipe.seed, _STREAM])
    with threads_for(problem.network.size):
        fields = make_fields(problem, scalars, rng, recipe.route)
        theta = fields.point()
        space = RowSpace(scalars, fields.dimension)
        for level, count in enumerate(recipe.counts):
            for start in range(0, count, _ROWS):
                space.add(_brackets(fields, level, min(_ROWS, count - start), theta))
    return fields, space


def _brackets(fields: Fields, level: int, count: int, theta: Array) -> Array:
    """Values (count, D) at θ of random brackets of length 2^level."""
    leaves, values = fields.draw(count << level, theta)
    if level == 0:
        return values
    weights = tuple(
        fields.scalars.random(fields.rng, (count << (level - i),)) for i in range(1, level + 1)
    )
    at_point: Array = evaluate(fields, Nested(level, leaves, weights), theta)[0]
    return at_point
