"""Certificates that claim what an adversary likes: numbers that fit each other, true or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from conserved.errors import ConservedError
from conserved.kernel.certificate import (
    SCHEMA,
    Claim,
    Data,
    LowerBound,
    Minor,
    Origin,
    StatedLaw,
    UpperBound,
)
from conserved.kernel.check import check, patterns_of
from conserved.kernel.group import Symmetry
from conserved.kernel.losses import parse_loss
from conserved.kernel.minor import largest_minor
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.program import Program
from conserved.kernel.reading import read_json
from conserved.kernel.report import Report
from conserved.kernel.span import Recipe, replay
from conserved.kernel.statement import Statement
from conserved.networks.tracing import Var, trace

Shapes = dict[str, tuple[int, ...]]
Formula = Callable[[Any, Any], Var]


def network(shapes: Shapes, inputs: tuple[int, ...], formula: Formula) -> Program:
    """(p, x) ↦ formula as a program."""
    return trace(tuple(shapes.items()), (("x", inputs),), lambda p, x: formula(p, x["x"]))


def function(shapes: Shapes, formula: Callable[[Any], Var]) -> Program:
    """A law, θ ↦ formula."""
    return trace(tuple(shapes.items()), (), lambda p, _: formula(p))


def forged(
    program: Program,
    *,
    loss: str = "mse",
    symmetry: Symmetry | None = None,
    laws: Sequence[tuple[Program, Origin]] = (),
    counts: tuple[int, ...] = (20, 20),
    prime: int | None = None,
    exist: bool = False,
) -> dict[str, Any]:
    """A document whose ranks and minors are what the kernel finds mod one prime, and no more."""
    stated = Statement(program, parse_loss(loss), symmetry)
    prime = prime or int(prime_with_roots(stated.roots, 2**31))
    claims = []
    wanted: tuple[Data, ...] = ("symmetric", "all") if symmetry else ("all",)
    for data in wanted:
        here = stated if data == "symmetric" else stated.architecture()
        fields, ranks = replay(here, Recipe(prime, 0, counts))
        most = program.size - ranks[-1]
        patterns = patterns_of(here, fields)
        upper = UpperBound(most, ranks, True, patterns, Recipe(prime, 0, counts))
        mine = [law for law, origin in laws if data == "symmetric" or origin == "architecture"]
        minor = largest_minor(mine, program.size, most=most, seed=0) if mine else None
        minor = minor or Minor(8388593, 0, (), ())
        due = any(laws[row][1] != "architecture" for row, _ in minor.rows)
        least = most if exist else len(minor.rows)
        lower = LowerBound(
            least, not (due and patterns == "one cell"), minor, least > len(minor.rows)
        )
        claim = Claim(data, upper, lower, "OPEN")
        status = "CERTIFIED" if claim.proved else "OPEN"
        shown = {**claim.to_json(), "status": status}
        shown["next"] = [] if claim.proved else ["look for more laws, the bounds differ (--degree)"]
        claims.append(shown)
    return {
        "schema": SCHEMA,
        "version": "0",
        "words": {},
        "program": program.to_json(),
        "loss": loss,
        "symmetry": symmetry.to_json() if symmetry else None,
        "flow": None,
        "data": None,
        "laws": [StatedLaw(law, origin).to_json() for law, origin in laws],
        "claims": claims,
    }


def checked(document: dict[str, Any], seed: int = 1) -> Report:
    return check(read_json(document), seed=seed, budget=60.0)


def refused(document: Callable[[], dict[str, Any]] | dict[str, Any], seeds: int = 3) -> bool:
    """Whether it is refused, or not even made, whatever the seed; only errors made on purpose."""
    try:
        made = document() if callable(document) else document
        return not any(checked(made, seed).valid for seed in range(seeds))
    except ConservedError:
        return True


def real_rank(program: Program, fields: int = 60) -> int:
    """How many directions single data pull in, in float64: no part of what is checked."""
    from conserved.kernel.evaluate import Run
    from conserved.kernel.functions import FormalRing
    from conserved.kernel.real import Reals

    rng = np.random.default_rng(0)
    ((_, shape),) = program.inputs
    theta = np.broadcast_to(rng.standard_normal(program.size), (1, fields, program.size))
    x = rng.standard_normal((fields, 1, *shape))
    run = Run(program, FormalRing(Reals()), theta, [x])
    rows = run.gradient(rng.standard_normal((1, fields, 1, *program.shape)))[0]
    values = np.linalg.svd(rows, compute_uv=False)
    return int((values > 1e-9 * values.max(initial=1e-300)).sum())
