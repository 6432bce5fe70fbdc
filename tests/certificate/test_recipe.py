"""Ranks from recipes against those of the closure, which finds them another way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import conserved as cq
from conserved.certificate.recipe import recipe_for
from conserved.certificate.statement import LISTED, statement_of
from conserved.closure import lie_closure
from conserved.errors import DegenerateSampleError, InputError
from conserved.kernel.brackets import Nested, mixed
from conserved.kernel.deadline import OutOfTimeError, time_limit
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES, prime_with_roots
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.span import Recipe, replay
from conserved.kernel.statement import Statement
from conserved.kernel.wide import scalars_for
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


def stated(network: str, **texts: str) -> Statement:
    return statement_of(cq.Problem.from_text(network, **texts))


def ranks(statement: Statement, recipe: Recipe) -> tuple[int, ...]:
    return replay(statement, recipe)[1]


def simple(**changes: object) -> Recipe:
    recipe = Recipe(int(BLAS_PRIMES[0]), 0, (9, 4))
    return replace(recipe, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", marked(DISTINCT))
def test_recipes_reach_what_is_known(case: Case) -> None:
    """The published number of laws, by the kernel's own fields, from little more than its rank."""
    problem = case.problem()
    closure = lie_closure(problem, seed=3)
    statement = statement_of(problem)
    recipe, fields, found = recipe_for(statement, closure, seed=11)
    assert fields.dimension - found[-1] == case.laws
    assert found == closure.ranks
    assert ranks(statement, recipe) == found
    assert sum(recipe.counts) <= closure.rank + 4 * len(closure.ranks)


@pytest.mark.parametrize(
    "spec", ["linear:3-2-2", "relu:2-3-2,bias", "attention:dim=2,tokens=2,head=1"]
)
def test_no_recipe_exceeds_the_rank(spec: str) -> None:
    """However much is drawn, over whichever prime: the bound is one-sided."""
    rank = lie_closure(cq.Problem.from_text(spec)).rank
    for prime in (BLAS_PRIMES[3], INT64_PRIMES[1]):
        for seed in range(3):
            assert ranks(stated(spec), Recipe(int(prime), seed, (60, 40, 3)))[-1] <= rank
            assert ranks(stated(spec), Recipe(int(prime), seed, (2,))) == (2,)


def test_levels_span_brackets_of_their_length() -> None:
    """Random fields of level 1 against brackets of two fields, computed apart."""
    statement = stated("linear:4-2-1", symmetry="permutation")
    scalars = scalars_for(BLAS_PRIMES[1])
    fields = statement.fields(scalars, np.random.default_rng(8))
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
    space = RowSpace(scalars, fields.dimension)
    space.add(values)
    first = space.rank
    space.add(brackets)
    assert ranks(statement, Recipe(int(BLAS_PRIMES[1]), 5, (6, 8))) == (first, space.rank)


@pytest.mark.parametrize(
    "network, texts",
    [
        ("linear:5-2-1", {"symmetry": "permutation"}),
        ("linear:4-2-4", {"symmetry": "signflip", "labels": "equivariant"}),
        ("poly:3-2-1,power=2", {"symmetry": "octahedral"}),
        ("poly:2-1-1,power=3", {"symmetry": "rotation:5"}),
        ("lightning:dim=3,tokens=2", {"symmetry": "octahedral"}),
        ("lightning:dim=3,tokens=1", {"symmetry": "permutation"}),
        ("linear:3-2-1", {"symmetry": "negation", "labels": "sign"}),
    ],
)
def test_elements_and_averages_reach_the_same_rank(
    network: str, texts: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two roads to one data class: the orbit summed, and the invariants of the generators."""
    problem = cq.Problem.from_text(network, **texts)
    listed = statement_of(problem)
    monkeypatch.setattr("conserved.certificate.statement.LISTED", 1)
    averaged = statement_of(problem)
    assert averaged.averaged
    assert not listed.averaged
    assert problem.group.order < LISTED
    prime = int(prime_with_roots(listed.roots))
    recipe = Recipe(prime, 0, (12, 12, 12))
    closure = lie_closure(problem)
    assert ranks(listed, recipe)[-1] == ranks(averaged, recipe)[-1] == closure.rank


def test_short_recipes_are_made_longer() -> None:
    """Under sampled patterns most fields raise nothing: counts double until the rank is met."""
    problem = cq.Problem.from_text("relu:1-4-1,bias", symmetry="negation")
    closure = lie_closure(problem)
    recipe, _, found = recipe_for(statement_of(problem), closure, seed=0)
    assert found == closure.ranks
    assert recipe.counts[0] > closure.ranks[0] + 2


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_means_the_cell_of_the_closure(seed: int) -> None:
    """Other cells of this network have other ranks."""
    problem = cq.Problem.from_text("relu:2-3-3-1,bias", symmetry="negation")
    closure = lie_closure(problem, seed=seed)
    assert recipe_for(statement_of(problem), closure, seed=seed)[2][-1] == closure.rank


def test_an_unreachable_rank_gives_the_best_there_is() -> None:
    problem = cq.Problem.from_text("linear:2-2-2")
    closure = replace(lie_closure(problem), ranks=(4, 7))
    assert recipe_for(statement_of(problem), closure, seed=0)[2] == (4, 5)


@pytest.mark.parametrize("prime", [8388595, 101])
def test_unusable_primes_are_refused(prime: int) -> None:
    with pytest.raises(InputError, match=f"prime '{prime}': a prime between"):
        replay(stated("mlp:2-2-1,act=tanh"), simple(prime=prime))


def test_roots_of_unity_are_required() -> None:
    statement = stated("linear:2-1-1", symmetry="rotation:5")
    with pytest.raises(DegenerateSampleError, match="a prime that is 1 mod 20"):
        replay(statement, simple())
    assert ranks(statement, simple(prime=int(prime_with_roots(5)))) == (1, 1)


def test_a_time_limit_is_kept() -> None:
    with time_limit(0), pytest.raises(OutOfTimeError):
        replay(stated("linear:3-2-2"), simple())
