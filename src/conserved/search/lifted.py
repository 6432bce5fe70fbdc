"""The lifted group: the symmetry that the loss sees, often larger than that of the data.

Ĝ = {(U, V) ∈ O(T) × O(Y): U S Uᵀ = S and V C Uᵀ = C for all averaged moments} (theory §5). It is
read off the isotypic blocks of T ⊕ Y under the moments. The part of it that comes from orthogonal
maps of input and output features acts on the parameters, and is what range laws come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from math import lcm
from time import perf_counter
from typing import TypeVar

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.errors import DegenerateSampleError, InputError, LimitError
from conserved.fields import MomentFields, MomentSpace
from conserved.kernel.deadline import OutOfTimeError, late, limited, time_limit
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.residues import Residues, residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import Layout, SpanPart
from conserved.problem import Problem
from conserved.search.null import samples, solutions
from conserved.symmetry.invariants import Action, invariant_forms
from conserved.symmetry.isotypic import Block, isotypic_blocks

T = TypeVar("T")
SECONDS = 20.0  # for what is told of a problem, where no budget is given
_SPELLED = 4  # algebras written out one by one
_MANY = 32  # moments beyond which random ones stand for all


@dataclass(frozen=True, eq=False)
class LiftReport:
    """What the loss sees of a symmetric class of data.

    Attributes:
        name: Φ in words.
        dimension: τ, the length of Φ(x).
        quadratic, mixed: numbers of independent averaged moments ΦΦᵀ and yΦᵀ.
        features: isotypic blocks of input ⊕ output features under everything that commutes with
            the isometries of features that the loss cannot see; None when not computed.
        unseen: dimension of the Lie algebra of those isometries; None when not computed.
        blocks: isotypic blocks of T ⊕ Y under the moments; empty when not computed.
    """

    name: str
    dimension: int
    quadratic: int
    mixed: int
    features: tuple[Block, ...] | None = None
    unseen: int | None = None
    blocks: tuple[Block, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"Φ = {self.name}, τ = {self.dimension}",
            f"averaged moments: {self.quadratic} of ΦΦᵀ, {self.mixed} of yΦᵀ",
        ]
        for block in self.blocks:
            acts = f"{block.symmetry[0]} acts" if block.symmetry[1] else "nothing continuous acts"
            kind = block.kind or "undecided"
            lines.append(f"block {block.dimension} × {block.multiplicity}, {kind}: {acts}")
        name, dimension = self.algebra
        lines.append(f"Lie algebra of the lifted group: {name}, dimension {dimension}")
        return "\n".join(lines)

    @property
    def algebra(self) -> tuple[str, int]:
        """Lie algebra of the lifted group: its type and dimension."""
        return algebra_name(self.blocks), sum(block.symmetry[1] for block in self.blocks)

    @property
    def feature_algebra(self) -> tuple[str, int] | None:
        """The part of it that acts on input and output features: inside what, and its dimension.

        Inputs and outputs may have to turn together, so the dimension can be less than that of the
        algebra named.
        """
        if self.features is None or self.unseen is None:
            return None
        return algebra_name(self.features) if self.unseen else "0", self.unseen


def algebra_name(blocks: Sequence[Block]) -> str:
    """The sum of the Lie algebras that act on blocks, equal ones counted.

    Example:
        >>> none = np.zeros((0, 2, 2))
        >>> algebra_name([Block(3, 1, "real", none, none), *[Block(2, 1, "real", none, none)] * 29])
        'so(3) ⊕ 29·so(2)'
    """
    counts = Counter(block.symmetry[0] for block in blocks if block.symmetry[1])
    few = [name if count == 1 else f"{count}·{name}" for name, count in counts.items()]
    short = [" ⊕ ".join([name] * count) for name, count in counts.items()]
    return " ⊕ ".join(short if counts.total() <= _SPELLED else few) or "0"


def has_lift(problem: Problem) -> bool:
    """Whether squared error sees the data through moments of a lift that is not too large."""
    return problem.loss.spec in ("mse", "poly:2") and problem.network.lift() is not None


def splitting_scalars(problem: Problem, *more: int) -> Residues:
    """GF(p) with the roots of unity that split the features into irreducible blocks, and more."""
    roots = lcm(problem.group.roots, problem.group.splitting, *more)
    return residues(BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots))


def lift_report(problem: Problem, seed: int = 0) -> LiftReport:
    """Moments, isotypic blocks and the lifted group of a problem under squared error.

    Raises:
        InputError: a network without a lift, or another loss.

    Example:
        >>> from conserved.networks import Linear
        >>> from conserved.symmetry import Permutation
        >>> lift_report(Problem(network=Linear(4, 2, 1), symmetry=Permutation(4))).algebra
        ('so(3)', 3)
    """
    if not isinstance(problem, Problem):
        raise InputError("problem", repr(problem), "give a conserved.Problem")
    if not has_lift(problem):
        advice = "a lift needs squared error and a network that is a polynomial in its inputs"
        raise InputError("network", problem.network.spec, advice)
    with threads_for(problem.network.size):
        lifted = Lifted(problem, splitting_scalars(problem), seed)
        assert lifted.blocks
        assert lifted.report is not None
        return lifted.report


class Lifted:
    """What the loss sees of a problem, found as far as it is asked for and as there is time:
    where no limit is set, ``SECONDS`` for all steps together.

    Args:
        problem: squared error, and a network with a lift.
        scalars: with the roots of unity that split its features.
        seed: draws elements of the moments.

    Attributes:
        stopped: why nothing further was found, in words, or "".
    """

    def __init__(self, problem: Problem, scalars: Residues, seed: int = 0) -> None:
        self.problem = problem
        self.scalars = scalars
        self.rng = np.random.default_rng([seed, 1])
        self.stopped = ""
        self._left = SECONDS

    def step(self, stage: str, find: Callable[[], T]) -> T | None:
        """What a step finds; where it fails, None, and no later step is begun."""
        if self.stopped:
            return None
        start = perf_counter()
        try:
            own = nullcontext() if limited() else time_limit(self._left)
            with own, threads_for(self.problem.network.size):
                return find()
        except OutOfTimeError:
            time = "no time was left" if late() else f"{SECONDS:g} s were not enough"
            self.stopped = f"{time} for {stage}"
        except MemoryError:
            self.stopped = f"not enough memory for {stage}"
        except (LimitError, DegenerateSampleError) as error:
            self.stopped = f"{stage} failed: {error}"
        finally:
            self._left -= perf_counter() - start
        return None

    @cached_property
    def fields(self) -> MomentFields:
        """The fields that averaged moments make."""
        return MomentFields(self.problem, self.scalars, self.rng)

    @property
    def space(self) -> MomentSpace:
        """The averaged moments."""
        return self.fields.space

    @cached_property
    def features(self) -> tuple[tuple[Block, ...], int]:
        """Blocks of the features, and how many isometries the loss cannot see."""
        return feature_blocks(self.fields, self.rng)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of T ⊕ Y, those of the features where Φ(x) = x."""
        features, lift = self.features[0], self.space.lift
        if lift.dimension == lift.input_shape[-1]:
            return features
        family, metric = moment_operators(self.scalars, self.space, self.rng)
        return tuple(isotypic_blocks(self.scalars, family, metric, self.rng))

    def features_known(self) -> bool:
        """Whether there was time for the averages and the blocks of the features."""
        found = self.step("averaging the moments", lambda: self.fields)
        return bool(found and self.step("the isometries of the features", lambda: self.features))

    @property
    def report(self) -> LiftReport | None:
        """What is known so far; None where not even the averages are."""
        known = vars(self)
        if "fields" not in known:
            return None
        lift = self.space.lift
        features, unseen = known.get("features", (None, None))
        counts = len(self.space.quadratic), len(self.space.mixed)
        blocks = known.get("blocks", ())
        return LiftReport(lift.name, lift.dimension, *counts, features, unseen, blocks)


def moment_operators(
    scalars: Residues, space: MomentSpace, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The moments as self-adjoint operators (f, τ+m, τ+m) on T ⊕ Y, and the metric (τ+m,).

    The projection on Y is among them: an isometry of inputs and outputs mixes the two nowhere.
    """
    tau, m = space.lift.dimension, space.lift.outputs
    quadratic, mixed = (_sampled(scalars, f, rng) for f in (space.quadratic, space.mixed))
    count = len(quadratic) + len(mixed) + 1
    forms = np.zeros((count, tau + m, tau + m), scalars.dtype)
    forms[: len(quadratic), :tau, :tau] = quadratic
    forms[len(quadratic) : -1, tau:, :tau] = mixed
    forms[len(quadratic) : -1, :tau, tau:] = mixed.swapaxes(-1, -2)
    forms[-1, np.arange(tau, tau + m), np.arange(tau, tau + m)] = 1
    weights = scalars.from_integers(space.lift.metric.astype(object))
    metric = np.concatenate([weights, np.ones(m, dtype=scalars.dtype)])
    return scalars.mul(forms, metric), metric


def feature_blocks(fields: MomentFields, rng: np.random.Generator) -> tuple[tuple[Block, ...], int]:
    """Blocks of R^n ⊕ R^m (input and output features) on which unseen isometries act.

    Returns:
        The blocks and the dimension of the algebra of isometries.
    """
    scalars, lift = fields.scalars, fields.space.lift
    n, m = lift.input_shape[-1], lift.outputs
    ones = np.ones(n + m, dtype=scalars.dtype)
    if lift.dimension == n:  # Φ(x) = x: the moments themselves live on the features
        family, _ = moment_operators(scalars, fields.space, rng)
        blocks = [_sided(scalars, b, n) for b in isotypic_blocks(scalars, family, ones, rng)]
        return tuple(blocks), sum(block.symmetry[1] for block in blocks)
    unseen = feature_isometries(fields)
    action = Action(unseen[:0], unseen)
    family = invariant_forms(scalars, action, action, symmetric=True)
    found = isotypic_blocks(scalars, family, ones, rng)
    return tuple(_sided(scalars, block, n) for block in found), len(unseen)


def _sided(scalars: Residues, block: Block, n: int) -> Block:
    """The block with each copy on the inputs alone (the first n coordinates) or the outputs alone.

    No isometry mixes the two, so that each copy is the sum of its halves, and μ independent halves
    span all copies.
    """
    halves = []
    for side in (slice(0, n), slice(n, None)):
        for copy in block.copies:
            half = np.zeros_like(copy)
            half[:, side] = copy[:, side]
            halves.append(half)
    space, chosen = RowSpace(scalars, block.dimension * block.copies.shape[-1]), []
    for half in halves:
        rows = scalars.matmul(block.units, half).reshape(len(block.units), -1)
        if space.add(rows).any():
            chosen.append(half)
    return replace(block, copies=np.stack(chosen)) if chosen else block


def feature_isometries(fields: MomentFields) -> Array:
    """Antisymmetric X on features (s, n+m, n+m) with ∇L(θ)·Xθ = 0 for all data of the class.

    X acts on the fibres of the parameters along axes of features; inputs and outputs do not mix.
    """
    network, scalars = fields.problem.network, fields.scalars
    n, m = network.input_shape[-1], network.output_shape[-1]
    sides = {"input": (0, n), "output": (n, n + m)}
    axes = network.feature_axes()
    declared = dict.fromkeys(sides[side] for _, _, side in axes)
    pairs = [pair for side in declared for pair in combinations(range(*side), 2)]
    i, j = np.array(pairs, dtype=np.intp).reshape(-1, 2).T

    def conditions(count: int) -> Array:
        theta, along = samples(fields, count)
        turned = np.zeros((len(theta), n + m, n + m), dtype=scalars.dtype)
        for name, axis, side in axes:
            fibres = SpanPart(name, axis, ()).fibres(Layout.of(network.parameters))
            part = slice(*sides[side])
            products = scalars.matmul(along[:, fibres].swapaxes(-1, -2), theta[:, fibres])
            turned[:, part, part] = scalars.reduce(turned[:, part, part] + products)
        return scalars.reduce(turned[:, i, j] - turned[:, j, i])

    weights = solutions(scalars, len(pairs), conditions)
    basis = np.zeros((len(weights), n + m, n + m), dtype=scalars.dtype)
    basis[:, i, j], basis[:, j, i] = weights, scalars.reduce(-weights)
    return basis


def _sampled(scalars: Residues, forms: Array, rng: np.random.Generator) -> Array:
    """Random combinations of the forms, where there are many: they generate the same algebra."""
    if len(forms) <= _MANY:
        return forms
    mixed = scalars.matmul(scalars.random(rng, (_MANY, len(forms))), forms.reshape(len(forms), -1))
    return mixed.reshape(_MANY, *forms.shape[1:])
