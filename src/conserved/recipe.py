"""A rank anyone can find again: how many brackets of each length to draw, and from what seed.

The closure decides as it goes how much to draw. A recipe is the short record of it: ``counts[j]``
random brackets of length 2^j at one random point. Whatever is drawn, the rank is at most dim
Lie(W), so a recipe that reaches rank r proves that at most D − r laws exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.brackets import Nested, evaluate
from conserved.errors import InputError, Redraw
from conserved.fields import Fields, Route, make_fields
from conserved.kernel.deadline import check_time
from conserved.kernel.primes import Prime, is_prime, modulus
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law.reading import Reader
from conserved.problem import Problem
from conserved.verification import scalars_for

COUNT_LIMIT = 100_000  # brackets of one length
LEVEL_LIMIT = 8  # lengths up to 128
SEED_LIMIT = 2**53 - 1  # every JSON reader has these
_PRIME_LIMIT = 2**31
_ROWS = 512  # evaluated at once
_BYTES = 2**28
_SPARE = 2  # brackets more than the rank they are to raise
_ROUNDS = 8  # doublings of a count, and points to try


@dataclass(frozen=True)
class Recipe:
    """What to draw.

    Args:
        prime: the modulus, from 2^20 to 2^31.
        seed: fixes the point, the data and all formal values.
        route: "orbits" or "moments".
        counts: brackets of length 1, 2, 4, … to draw.

    Raises:
        InputError: a number out of range.
    """

    prime: int
    seed: int
    route: Route
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= SEED_LIMIT:
            raise InputError("seed", self.seed, f"a whole number from 0 to {SEED_LIMIT} is needed")
        if not 1 <= len(self.counts) <= LEVEL_LIMIT:
            raise InputError("counts", self.counts, f"1 to {LEVEL_LIMIT} counts are needed")
        if not all(1 <= count <= COUNT_LIMIT for count in self.counts):
            raise InputError("counts", self.counts, f"counts run from 1 to {COUNT_LIMIT:,}")

    def to_json(self) -> dict[str, Any]:
        """The ``recipe`` of a certificate."""
        counts = list(self.counts)
        return {"prime": self.prime, "seed": self.seed, "route": self.route, "counts": counts}

    @staticmethod
    def read(reader: Reader) -> Recipe:
        """From ``to_json``.

        Raises:
            InputError: anything else, with the place.
        """
        reader.keys("prime", "seed", "route", "counts")
        counts = reader["counts"].items(most=LEVEL_LIMIT)
        if not counts:
            raise reader["counts"].error("at least one count is needed")
        return Recipe(
            read_prime(reader["prime"], _PRIME_LIMIT),
            reader["seed"].integer(0, SEED_LIMIT),
            cast(Route, reader["route"].choice("orbits", "moments")),
            tuple(count.integer(1, COUNT_LIMIT) for count in counts),
        )


def read_prime(reader: Reader, below: int = 2**61) -> int:
    """A modulus, from 2^20 to a bound.

    Raises:
        InputError: anything else, with the place.
    """
    number = reader.integer(2**20, below)
    if not is_prime(number):
        raise reader.error("a prime is needed")
    return number


@dataclass(frozen=True)
class Replay:
    """What a recipe spans.

    Attributes:
        fields: the fields it drew from.
        ranks: after brackets of length 1, then also 2, 4, ….
    """

    fields: Fields
    ranks: tuple[int, ...]


def replay(problem: Problem, recipe: Recipe) -> Replay:
    """Find the rank of a recipe again.

    Raises:
        InputError: a modulus that is no prime or lacks roots of unity, or a route that the problem
            does not have.
        Redraw: the point of this seed has no value.

    Example:
        >>> from conserved.networks import Linear
        >>> replay(Problem(network=Linear(3, 2, 2)), Recipe(8388593, 0, "orbits", (9, 3))).ranks
        (6, 7)
    """
    scalars = scalars_for(_prime(problem, recipe))
    # the stream of the closure: one seed means one cell of activation patterns in both
    rng = np.random.default_rng([recipe.seed, 0])
    ranks = []
    with threads_for(problem.network.size):
        fields = make_fields(problem, scalars, rng, recipe.route)
        theta = fields.point()
        space = RowSpace(scalars, fields.dimension)
        for level, count in enumerate(recipe.counts):
            for size in _blocks(fields, level, count):
                check_time()
                space.add(_brackets(fields, level, size, theta))
            ranks.append(space.rank)
    return Replay(fields, tuple(ranks))


def recipe_for(
    problem: Problem, ranks: tuple[int, ...], *, prime: int, seed: int, route: Route
) -> tuple[Recipe, Replay]:
    """A short recipe that reaches known ranks, and what it spans: as much as was found.

    Args:
        problem: the fields.
        ranks: what brackets of length 1, then also 2, 4, … are known to span.
        prime, route: of the recipe.
        seed: of the recipe, or the first of those tried.

    Example:
        >>> from conserved.networks import Linear
        >>> problem = Problem(network=Linear(3, 2, 2))
        >>> recipe_for(problem, (6, 7), prime=8388593, seed=0, route="orbits")[0].counts
        (8, 3)
    """
    rises = np.diff(ranks, prepend=0).tolist()
    recipe = Recipe(prime, seed, route, tuple(rise + _SPARE for rise in rises))
    best: tuple[Recipe, Replay] | None = None
    for _ in range(_ROUNDS):
        try:
            found = replay(problem, recipe)
        except Redraw:
            recipe = replace(recipe, seed=(recipe.seed + 1) % SEED_LIMIT)
            continue
        if best is None or found.ranks[-1] > best[1].ranks[-1]:
            best = recipe, found
        short = [have < wanted for have, wanted in zip(found.ranks, ranks, strict=True)]
        if not short[-1]:
            break
        # what a level lacks, later ones may fill: raise the first that is short and its successors
        counts = [
            min(2 * count, COUNT_LIMIT) if any(short[: level + 1]) else count
            for level, count in enumerate(recipe.counts)
        ]
        recipe = replace(recipe, counts=tuple(counts))
    if best is None:
        raise Redraw(f"no point with values was found in {_ROUNDS} draws")
    return best


def _prime(problem: Problem, recipe: Recipe) -> Prime:
    prime, roots = modulus(recipe.prime), problem.group.roots
    if prime >= _PRIME_LIMIT:
        raise InputError("prime", recipe.prime, "a recipe needs a prime below 2^31")
    if roots > 1 and (prime - 1) % (4 * roots):
        advice = f"{problem.group.name} needs a prime ≡ 1 mod {4 * roots}"
        raise InputError("prime", recipe.prime, advice)
    return prime


def _blocks(fields: Fields, level: int, count: int) -> Iterator[int]:
    """Batch sizes that add up to a count and fit in memory; they are part of what a seed means."""
    most = max(1, min(_ROWS, _BYTES // (8 * fields.dimension * 4**level)))
    for start in range(0, count, most):
        yield min(most, count - start)


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
