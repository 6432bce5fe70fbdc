"""Finding a short recipe for a rank that the closure found: how much of each length to draw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from conserved.arithmetic.device import residues_on
from conserved.certificate.statement import statement_of
from conserved.errors import DegenerateSampleError, InputError
from conserved.kernel.fields import Fields
from conserved.kernel.primes import modulus, prime_with_roots
from conserved.kernel.reading import SEED_LIMIT
from conserved.kernel.span import COUNT_LIMIT, Existence, Recipe, existence, replay
from conserved.kernel.statement import Statement
from conserved.problem import Problem

if TYPE_CHECKING:
    from conserved.closure import Closure

_SPARE = 2  # brackets more than the rank they are to raise
_ROUNDS = 8  # doublings of a count, and points to try


def recipe_for(
    statement: Statement, closure: Closure, *, seed: int
) -> tuple[Recipe, Fields, tuple[int, ...]]:
    """A short recipe that reaches the ranks of a closure, its fields, and what it spans.

    Args:
        statement: the fields.
        closure: its ranks are wanted, mod its prime where that has the roots needed.
        seed: of the recipe, or the first of those tried; the cell of activation patterns is its.

    Raises:
        DegenerateSampleError: no point with values was found.
    """
    prime = closure.prime
    if (prime - 1) % (4 * statement.roots) and statement.roots > 1:
        prime = int(prime_with_roots(statement.roots))
    rises = np.diff(closure.ranks, prepend=0).tolist()
    recipe = Recipe(prime, seed, tuple(rise + _SPARE for rise in rises), closure.points)
    scalars = residues_on(modulus(prime), closure.device)
    best: tuple[Recipe, Fields, tuple[int, ...]] | None = None
    for _ in range(_ROUNDS):
        try:
            fields, ranks = replay(statement, recipe, scalars)
        except DegenerateSampleError:
            recipe = replace(recipe, seed=(recipe.seed + 1) % SEED_LIMIT)
            continue
        if best is None or ranks[-1] > best[2][-1]:
            best = recipe, fields, ranks
        short = [have < wanted for have, wanted in zip(ranks, closure.ranks, strict=True)]
        if not short[-1]:
            break
        # what a level lacks, later ones may fill: raise the first that is short and its successors
        counts = [
            min(2 * count, COUNT_LIMIT) if any(short[: level + 1]) else count
            for level, count in enumerate(recipe.counts)
        ]
        recipe = replace(recipe, counts=tuple(counts))
    if best is None:
        raise DegenerateSampleError(f"no point with values was found in {_ROUNDS} draws")
    return best


def existence_of(problem: Problem, closure: Closure, *, seed: int) -> Existence | None:
    """A proof that as many laws exist as a closed closure leaves room for, or None.

    Raises:
        DegenerateSampleError: no point with values was found.
    """
    able = closure.closed and closure.rigorous and not closure.one_cell and closure.ranks
    if not able:
        return None
    try:
        statement = statement_of(problem)
    except InputError:  # its averages are known to the network's own code alone
        return None
    recipe, fields, ranks = recipe_for(statement, closure, seed=closure.seed % SEED_LIMIT)
    if fields.sampled_patterns or ranks[-1] != closure.rank:
        return None
    found = existence(statement, recipe.counts, closure.rank, seed=seed)
    return found if found.holds else None
