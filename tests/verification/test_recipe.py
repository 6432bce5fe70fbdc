"""Ranks from recipes against those of the closure, which finds them another way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import conserved as cq
from conserved.kernel.brackets import Nested, mixed
from conserved.closure import lie_closure
from conserved.errors import InputError
from conserved.fields import choose_route, make_fields
from conserved.kernel.deadline import OutOfTimeError, time_limit
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES, prime_with_roots
from conserved.kernel.reader import Reader
from conserved.recipe import COUNT_LIMIT, SEED_LIMIT, Recipe, recipe_for, replay
from conserved.verification import scalars_for
from tests.cases import CASES, Case

DISTINCT = list({case.id: case for case in CASES}.values())
COSTLY = ("linear:30-30-30", "linear:7-3-7", "linear:6-2-6", "linear:5-2-5")  # a second each


def marked(cases: list[Case]) -> list[object]:
    return [
        pytest.param(
            case, id=case.id, marks=[pytest.mark.slow] if case.id.startswith(COSTLY) else []
        )
        for case in cases
    ]


def simple(**changes: object) -> Recipe:
    recipe = Recipe(int(BLAS_PRIMES[0]), 0, "orbits", (9, 4))
    return replace(recipe, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", marked(DISTINCT))
def test_recipes_reach_what_is_known(case: Case) -> None:
    """The published number of laws, from a recipe of little more than its rank."""
    problem = case.problem()
    closure = lie_closure(problem, seed=3)
    route = choose_route(problem)
    recipe, found = recipe_for(problem, closure.ranks, prime=closure.prime, seed=11, route=route)
    assert problem.network.size - found.ranks[-1] == case.laws
    assert found.ranks == closure.ranks
    assert replay(problem, recipe).ranks == found.ranks
    assert sum(recipe.counts) <= closure.rank + 4 * len(closure.ranks)


@pytest.mark.parametrize(
    "spec", ["linear:3-2-2", "relu:2-3-2,bias", "attention:dim=2,tokens=2,head=1"]
)
def test_no_recipe_exceeds_the_rank(spec: str) -> None:
    """However much is drawn, over whichever prime: the bound is one-sided."""
    problem = cq.Problem.from_text(spec)
    rank = lie_closure(problem).rank
    for prime in (BLAS_PRIMES[3], INT64_PRIMES[1]):
        for seed in range(3):
            drawn = replay(problem, Recipe(int(prime), seed, "orbits", (60, 40, 3)))
            assert drawn.ranks[-1] <= rank
            few = replay(problem, Recipe(int(prime), seed, "orbits", (2,)))
            assert few.ranks == (2,)


def test_levels_span_brackets_of_their_length() -> None:
    """Random fields of level 1 against brackets of two fields, computed apart."""
    problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    recipe = Recipe(int(BLAS_PRIMES[1]), 5, "orbits", (6, 8))
    scalars = scalars_for(BLAS_PRIMES[1])
    fields = make_fields(problem, scalars, np.random.default_rng(8), "orbits")
    theta = fields.point()
    leaves, values = fields.draw(8, theta)
    pairs = np.array([(i, j) for i in range(8) for j in range(i)])
    nested = Nested(0, leaves)
    brackets = mixed(
        fields,
        nested.take(pairs[:, 0]),
        values[pairs[:, 0]],
        nested.take(pairs[:, 1]),
        values[pairs[:, 1]],
        theta,
    )
    from conserved.kernel.rowspace import RowSpace

    space = RowSpace(scalars, fields.dimension)
    space.add(values)
    first = space.rank
    space.add(brackets)
    assert replay(problem, recipe).ranks == (first, space.rank)


def test_both_routes_reach_the_same_rank() -> None:
    problem = cq.Problem.from_text("linear:5-2-1", symmetry="permutation")
    ranks = [
        replay(problem, simple(route=r, counts=(6, 6, 6))).ranks[-1] for r in ("orbits", "moments")
    ]
    assert ranks == [5, 5]


def test_short_recipes_are_made_longer() -> None:
    """Under sampled patterns most fields raise nothing: counts double until the rank is met."""
    problem = cq.Problem.from_text("relu:1-4-1,bias", symmetry="negation")
    closure = lie_closure(problem)
    recipe, found = recipe_for(problem, closure.ranks, prime=closure.prime, seed=0, route="orbits")
    assert found.ranks == closure.ranks
    assert recipe.counts[0] > closure.ranks[0] + 2


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_means_the_cell_of_the_closure(seed: int) -> None:
    """Other cells of this network have other ranks."""
    problem = cq.Problem.from_text("relu:2-3-3-1,bias", symmetry="negation")
    closure = lie_closure(problem, seed=seed)
    _, found = recipe_for(problem, closure.ranks, prime=closure.prime, seed=seed, route="orbits")
    assert found.ranks[-1] == closure.rank


def test_an_unreachable_rank_gives_the_best_there_is() -> None:
    problem = cq.Problem.from_text("linear:2-2-2")
    _, found = recipe_for(problem, (4, 7), prime=int(BLAS_PRIMES[0]), seed=0, route="orbits")
    assert found.ranks == (4, 5)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"prime": 8388595}, "prime '8388595': a prime between"),
        ({"prime": 101}, "prime '101': a prime between"),
        ({"prime": 2**61 - 1}, "a recipe needs a prime below 2^31"),
        ({"route": "moments"}, "needs squared error and a tensorizable network"),
    ],
)
def test_unusable_recipes_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words.replace("^", r"\^")):
        replay(cq.Problem.from_text("mlp:2-2-1,act=tanh"), simple(**changes))


def test_roots_of_unity_are_required() -> None:
    problem = cq.Problem.from_text("linear:2-1-1", symmetry="rotation:5")
    with pytest.raises(InputError, match="rotation:5 needs a prime ≡ 1 mod 20"):
        replay(problem, simple())
    assert replay(problem, simple(prime=int(prime_with_roots(5)))).ranks == (1, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": -1},
        {"seed": SEED_LIMIT + 1},
        {"counts": ()},
        {"counts": (1,) * 9},
        {"counts": (0,)},
        {"counts": (COUNT_LIMIT + 1,)},
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError):
        simple(**changes)
    data = {**simple().to_json(), **changes}
    data["counts"] = list(data["counts"])
    with pytest.raises(InputError, match="recipe"):
        Recipe.read(Reader(data, "recipe"))


def test_json_round_trip() -> None:
    recipe = simple()
    assert Recipe.read(Reader(recipe.to_json(), "recipe")) == recipe


def test_a_time_limit_is_kept() -> None:
    with time_limit(0), pytest.raises(OutOfTimeError):
        replay(cq.Problem.from_text("linear:3-2-2"), simple())
