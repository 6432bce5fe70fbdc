"""Candidates of a whole model tested as identities, at random points mod random primes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from conserved.blocks.patterns import Terms, weights_of
from conserved.blocks.probe import Probe, probe
from conserved.blocks.sketch import Family
from conserved.errors import DegenerateSampleError, InputError
from conserved.kernel.deadline import OutOfTimeError
from conserved.kernel.loss import Loss
from conserved.kernel.program import Program
from conserved.kernel.residues import residues
from conserved.kernel.scalars import Array
from conserved.kernel.statement import Statement

PROBES = 2  # primes, a random point mod each
_TOP = 2**23  # a bound for them: those of BLAS
_TRIES = 6


def verified(
    program: Program,
    loss: Loss,
    families: Sequence[Family],
    rng: np.random.Generator,
    primes: list[int],
) -> list[Family]:
    """The families whose identity holds at fresh points with fresh R, mod fresh primes.

    Where the time ends, those of the points that there was time for; none without a point.

    Args:
        program, loss: of the model.
        families: candidates.
        rng: draws primes, points and R.
        primes: those used are added.
    """
    held, tests = list(families), 0
    try:
        while held and tests < PROBES:
            at = _probe(program, loss, rng)
            held = [family for family in held if _holds(family, at, rng)]
            primes.append(int(at.scalars.prime))
            tests += 1
    except OutOfTimeError:
        return held if tests else []
    return held


def _probe(program: Program, loss: Loss, rng: np.random.Generator) -> Probe:
    for _ in range(_TRIES):
        prime = Statement(program, loss).prime(rng, _TOP)
        try:
            return probe(program, loss, residues(prime), rng)
        except DegenerateSampleError as error:
            last = error
    ((_, shape),) = program.inputs
    advice = f"{last}: an input of fewer tokens or pixels has fewer square roots in its norms"
    raise InputError("example", "×".join(map(str, shape)), advice) from last


def _holds(family: Family, at: Probe, rng: np.random.Generator) -> bool:
    scalars = at.scalars
    weights = {family.key: weights_of(family.key, lambda shape: scalars.random(rng, shape))}
    terms = Terms([c for _, c in family.terms], weights)
    factors = [scalars.fraction(c.numerator, c.denominator) for c, _ in family.terms]

    def slope(along: Mapping[str, Array]) -> Array:
        row = terms.row(scalars, at.parameters, along)
        total = scalars.mul(row, np.array(factors, dtype=scalars.dtype)).sum()
        return scalars.reduce(np.asarray(total))

    anywhere = {n: scalars.random(rng, at.gradient[n].shape) for n in family.tensors}
    # a function that is the same along every direction is no law but 0
    return not slope(at.gradient).any() and bool(slope(anywhere).any())
