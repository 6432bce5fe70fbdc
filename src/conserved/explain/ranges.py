"""Range and direction laws: what the isometries that the loss cannot see keep constant (theory §6).

Let P be the parameters' components in one isotypic block of the features, as vectors of R^k. If
every field moves them inside their own span, P′ = P·N, the span of P is conserved: κ(k − κ)
numbers. If every field is a multiple of P itself, its direction is. Both are tested as exact
identities at random points mod p, and counted by the rank of their gradients next to those of the
architecture laws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from conserved.arithmetic.residues import Residues
from conserved.arithmetic.rowspace import RowSpace, inverse_matrix
from conserved.arithmetic.scalars import Array
from conserved.closure import LieSpan
from conserved.explain.phases import phase_gradient
from conserved.fields import MomentFields, OrbitFields
from conserved.networks.base import Network
from conserved.problem import Problem
from conserved.symmetry.isotypic import Block, Kind

LawKind = Literal["range", "direction", "phase"]
POINTS = 6  # random points at which an identity must hold; a false one passes with p^−6 or so


@dataclass(frozen=True)
class RangeLaw:
    """A family of laws owed to the symmetry of the data.

    Attributes:
        kind: "range" (the span of P is conserved), "direction" (P up to scale is) or "phase" (the
            phase of the complex volume of P is).
        field: "real", "complex" or "quaternionic": over what the span is taken.
        tensors: the parameters that P is made of.
        dimension: k, of the block.
        vectors: κ, how many vectors of R^k P has.
        whole: whether the block is all of the input, or all of the output.
        zero_sum: whether it is the zero-sum part of the input.
        independent: how many laws it adds to the architecture laws.
    """

    kind: LawKind
    field: Kind
    tensors: tuple[str, ...]
    dimension: int
    vectors: int
    whole: bool
    zero_sum: bool
    independent: int

    @property
    def place(self) -> str:
        """The block in words."""
        if self.whole:
            return ""
        if self.zero_sum:
            return " on the zero-sum part of the features"
        return f" on a block of {self.dimension} feature dimensions"

    @property
    def text(self) -> str:
        """The law in words ("range of [Q K V]")."""
        name = self.tensors[0] if len(self.tensors) == 1 else f"[{' '.join(self.tensors)}]"
        what: str = self.kind if self.field == "real" else f"{self.field} {self.kind}"
        if self.kind == "phase":
            what = "phase of the complex volume"
        return f"{what} of {name}{self.place}"

    @property
    def formula(self) -> str:
        """How many numbers fix it."""
        k, kappa = self.dimension, self.vectors
        if self.kind == "phase":
            return "one number"
        if self.field == "complex" and self.kind == "range":
            n, kappa = self.dimension // 2, self.vectors // 2
            return f"2κ(n − κ) = 2·{kappa}·({n} − {kappa}) = {2 * kappa * (n - kappa)} over C"
        if self.kind == "direction":
            return f"k·κ − 1 = {k}·{kappa} − 1 = {k * kappa - 1}"
        return f"κ(k − κ) = {kappa}·({k} − {kappa}) = {kappa * (k - kappa)}"

    @property
    def latex(self) -> str:
        """The law in LaTeX."""
        inside = r"\;".join(self.tensors)
        if self.kind == "phase":
            return rf"\arg\det\left[{inside}\right]"
        if self.kind == "direction":
            return rf"\left[{inside}\right] / \left\|{inside}\right\|"
        return rf"\operatorname{{range}}\left[{inside}\right]"


class Fibres:
    """The linear map from θ to the vectors P (k, κ) of one block, and its transpose.

    Args:
        scalars: residues.
        network: says which axes of which parameters carry features.
        block: one isotypic block of input ⊕ output features.
        multiples: over C and H, whether P holds the multiples of its vectors by units as well.
    """

    def __init__(
        self, scalars: Residues, network: Network, block: Block, *, multiples: bool = True
    ) -> None:
        n, m = network.input_shape[-1], network.output_shape[-1]
        self.block = block
        self.parts: list[tuple[str, Array, Array]] = []  # name, θ indices (F, a), map (k, a)
        offsets, start = {}, 0
        for parameter in network.parameters:
            indices = np.arange(start, start + parameter.size).reshape(parameter.shape)
            offsets[parameter.name] = indices
            start += parameter.size
        self.size = start
        for name, axis, side in network.feature_axes():
            columns = slice(0, n) if side == "input" else slice(n, n + m)
            indices = np.moveaxis(offsets[name], axis, -1).reshape(-1, offsets[name].shape[axis])
            for copy in block.copies:
                if not copy[:, columns].any():
                    continue
                units = block.units if multiples else np.eye(len(copy), dtype=copy.dtype)[None]
                for unit in units:
                    image = scalars.matmul(unit, copy[:, columns])
                    self.parts.append((name, indices, image))

    def vectors(self, scalars: Residues, theta: Array) -> Array:
        """P at θ (batch, D): (batch, κ, k), one vector a row."""
        parts = [scalars.matmul(theta[:, index], image.T) for _, index, image in self.parts]
        return np.concatenate(parts, axis=1)

    def pullback(self, scalars: Residues, rows: Array) -> Array:
        """Gradients with respect to P (count, κ, k) as gradients with respect to θ (count, D)."""
        out = np.zeros((len(rows), self.size), dtype=rows.dtype)
        start = 0
        for _, index, image in self.parts:
            part = rows[:, start : start + len(index)]
            out[:, index.ravel()] += scalars.matmul(part, image).reshape(len(rows), -1)
            start += len(index)
        return scalars.reduce(out)

    @property
    def count(self) -> int:
        """κ, before any dependence."""
        return sum(len(index) for _, index, _ in self.parts)

    @property
    def tensors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name, _, _ in self.parts))


def range_laws(
    problem: Problem, fields: MomentFields, blocks: tuple[Block, ...]
) -> tuple[RangeLaw, ...]:
    """Find, verify and count the range and direction laws of a problem.

    Args:
        problem: squared error, a tensorizable network, a symmetric class of data.
        fields: its fields along the lifted route.
        blocks: isotypic blocks of its features.
    """
    scalars = fields.scalars
    theta = fields.point()
    architecture = LieSpan(OrbitFields(problem.architecture(), scalars, fields.rng), theta=theta)
    architecture.close()
    known = RowSpace(scalars, fields.dimension)
    known.add(architecture.space.annihilator().T)
    _, values = fields.draw(_enough(fields), theta)
    laws = []
    for block in blocks:
        for kind, fibres, gradients, vectors in _candidates(problem, fields, block, theta[0]):
            if scalars.matmul(gradients, values.T).any():
                continue  # a coincidence of the points tested before: not a law
            raised = int(known.add(gradients).sum())
            if raised:
                n = problem.network.input_shape[-1]
                laws.append(_named(scalars, block, fibres, kind, vectors, raised, n))
    return tuple(laws)


def _candidates(
    problem: Problem, fields: MomentFields, block: Block, theta: Array
) -> Iterator[tuple[LawKind, Fibres, Array, int]]:
    """(kind, fibres, gradients at θ, κ) of the laws that a block may have."""
    scalars = fields.scalars
    fibres = Fibres(scalars, problem.network, block)
    if not fibres.parts:
        return
    kind = _kind(scalars, fields, fibres)
    if kind is not None:
        yield kind, fibres, *_gradients(scalars, fibres, theta, kind)
    if block.kind == "complex":
        plain = Fibres(scalars, problem.network, block, multiples=False)
        (vectors,) = plain.vectors(scalars, theta)
        gradient = phase_gradient(scalars, block, vectors)
        if gradient is not None:
            yield "phase", plain, plain.pullback(scalars, gradient[None]), len(vectors)


def _enough(fields: MomentFields) -> int:
    assert fields.generators is not None
    return fields.generators + 2


def _kind(
    scalars: Residues, fields: MomentFields, fibres: Fibres
) -> Literal["range", "direction"] | None:
    """Which of the two identities holds at every one of ``POINTS`` random points."""
    span = line = True
    for _ in range(POINTS):
        theta = fields.point()
        _, values = fields.draw(_enough(fields), theta)
        (here,) = fibres.vectors(scalars, theta[0])
        moved = fibres.vectors(scalars, values)
        inside = RowSpace(scalars, fibres.block.dimension)
        inside.add(here)
        span = span and inside.rank < fibres.block.dimension
        span = span and not inside.remainder(moved.reshape(-1, fibres.block.dimension)).any()
        along = RowSpace(scalars, here.size)
        along.add(here.reshape(1, -1))
        line = line and not along.remainder(moved.reshape(len(moved), -1)).any()
    if line:
        return "direction"
    return "range" if span else None


def _gradients(
    scalars: Residues, fibres: Fibres, theta: Array, kind: Literal["range", "direction"]
) -> tuple[Array, int]:
    """Gradients at θ of numbers that fix the range or direction, and κ.

    Range: M = P2 P1⁻¹ for an invertible κ × κ part P1 of P, dM = (dP2 − M dP1) P1⁻¹.
    Direction: the ratios of entries of P to one of them.
    """
    (here,) = fibres.vectors(scalars, theta)
    chosen = RowSpace(scalars, here.shape[1])
    columns = np.flatnonzero(chosen.add(here))  # independent vectors
    if kind == "direction":
        flat = here.reshape(-1)
        lead = int((flat != 0).argmax())
        rows = np.zeros((here.size, here.size), dtype=here.dtype)
        rows[np.arange(here.size), np.arange(here.size)] = flat[lead]
        rows[:, lead] = scalars.reduce(rows[:, lead] - flat)
        return fibres.pullback(scalars, rows.reshape(-1, *here.shape)), len(here)
    matrix = here[columns].T  # (k, κ)
    pivots = chosen.pivots
    others = np.setdiff1d(np.arange(len(matrix)), pivots)
    back = inverse_matrix(scalars, matrix[pivots])
    ratio = scalars.matmul(matrix[others], back)  # M
    kappa = len(columns)
    rows = np.zeros((len(others), kappa, *here.shape), dtype=here.dtype)
    for a, other in enumerate(others):
        rows[a][:, columns, other] = back.T
        outer = scalars.mul(back.T[:, :, None], ratio[a])  # (b, c, d)
        rows[a][:, columns[:, None], pivots] = scalars.reduce(-outer)
    return fibres.pullback(scalars, rows.reshape(-1, *here.shape)), kappa


def _named(
    scalars: Residues,
    block: Block,
    fibres: Fibres,
    kind: LawKind,
    vectors: int,
    raised: int,
    n: int,
) -> RangeLaw:
    inputs = block.copies[:, :, :n]
    sums = scalars.reduce(inputs.sum(axis=-1))
    return RangeLaw(
        kind=kind,
        field=block.kind or "real",
        tensors=fibres.tensors,
        dimension=block.dimension,
        vectors=vectors,
        whole=block.dimension == (n if inputs.any() else block.copies.shape[-1] - n),
        zero_sum=block.dimension == n - 1 and bool(inputs.any()) and not sums.any(),
        independent=raised,
    )
