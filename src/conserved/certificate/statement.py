"""What a certificate speaks of, from a problem: names become a program and matrices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from conserved.errors import InputError
from conserved.kernel.group import Lift, Matrix, Move, Symmetry
from conserved.kernel.moments import count_averages
from conserved.kernel.residues import residues
from conserved.kernel.scalars import Array
from conserved.kernel.statement import Statement
from conserved.networks.lift import LIFT_LIMIT
from conserved.problem import Problem
from conserved.symmetry import Invariant
from conserved.symmetry.written import Written, exact

LISTED = 256  # elements up to which a group is listed rather than averaged over


def statement_of(problem: Problem) -> Statement:
    """The statement of a problem, its averages counted.

    Raises:
        InputError: a group too large to list, and a network without a lift of its own.
    """
    symmetry = symmetry_of(problem)
    stated = Statement(
        problem.network.program, problem.loss, symmetry, problem.moves, problem.stated
    )
    if symmetry is None or symmetry.lift is None:
        return stated
    rng = np.random.default_rng(0)
    counts = count_averages(stated.program, symmetry, residues(stated.prime(rng)), rng)
    lift = replace(symmetry.lift, averages=counts)
    return replace(stated, symmetry=replace(symmetry, lift=lift))


def symmetry_of(problem: Problem) -> Symmetry | None:
    """Its group as matrices; where it is averaged over, with the averages not yet counted."""
    if not problem.symmetric:
        return None
    group = problem.group
    moves = _moves(problem, group.generators(Written()), turns=False)
    few = group.order <= LISTED or problem.inputs is not None or _lift(problem) is None
    if group.finite and few:
        return Symmetry(moves, order=int(group.order))
    lift = _lift(problem)
    if lift is None:
        why = "is too large to list, and the network has no lift that its program shows"
        raise InputError("symmetry", group.name, why)
    turns = _moves(problem, group.infinitesimal(Written()), turns=True)
    return Symmetry((*moves, *_quarter_turns(problem)), turns, lift=lift)


def _lift(problem: Problem) -> Lift | None:
    """Φ as a program, where the loss sees moments alone."""
    network = problem.network
    if problem.loss.spec not in ("mse", "poly:2") or not 0 < network.lift_dimension <= LIFT_LIMIT:
        return None
    lift = network.lift()
    if lift is None:
        return None
    features, metric = lift.stated()
    return Lift(features, tuple(int(d) for d in metric), (0, 0))


def _moves(problem: Problem, matrices: Array, *, turns: bool) -> tuple[Move, ...]:
    group, labels, m = problem.group, problem.labels, problem.network.output_shape[-1]
    if isinstance(labels, Invariant):
        return tuple(Move(_sparse(g)) for g in matrices)
    over = labels.infinitesimal if turns else labels.matrices
    on_labels = over(group, Written(), m)
    return tuple(Move(_sparse(g), _sparse(h)) for g, h in zip(matrices, on_labels, strict=True))


def _quarter_turns(problem: Problem) -> tuple[Move, ...]:
    """exp(π/2 X) = 1 + X + X² for each whole X with X³ = −X on inputs and labels.

    They are in the group anyway; as signed permutations they bring candidates for averages down.
    """
    group, labels, m = problem.group, problem.labels, problem.network.output_shape[-1]
    inputs = group.infinitesimal(Written())
    on_labels = labels.infinitesimal(group, Written(), m)
    found = []
    for x, y in zip(inputs, on_labels, strict=True):
        turned = [_quarter_turn(z) for z in (x, y)]
        if all(t is not None for t in turned):
            moved = None if isinstance(labels, Invariant) else _sparse(turned[1])
            found.append(Move(_sparse(turned[0]), moved))
    return tuple(found)


def _quarter_turn(x: Array) -> Any:
    if not all(isinstance(value, int) for value in x.ravel()):
        return None
    whole = x.astype(np.int64)
    square = whole @ whole
    if (square @ whole + whole).any():
        return None
    return (np.eye(len(x), dtype=np.int64) + whole + square).astype(object)


def _sparse(matrix: Array) -> Matrix:
    return tuple(
        tuple((j, exact(value)) for j, value in enumerate(row.tolist()) if value != 0)
        for row in matrix
    )
