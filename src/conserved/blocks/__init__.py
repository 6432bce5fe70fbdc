"""Laws of whole models, too large for an exact rank: found in float64, proved at random points.

The search has one unknown for each tensor and axis (``patterns``); what it finds is tested as an
identity on the whole program mod random primes, with no D × D matrix (``probe``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.blocks.identities import Proofs
from conserved.blocks.laws import functions, laws_of, least
from conserved.blocks.probe import RealSamples
from conserved.blocks.reading import Read, reading
from conserved.blocks.sketch import Family, candidates
from conserved.kernel.deadline import OutOfTimeError, ended_by, late, time_share, within
from conserved.kernel.loss import Loss
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.residues import residues
from conserved.law import Law, Layout
from conserved.law.lines import Line, lines, where
from conserved.losses import parse_loss
from conserved.networks import Network
from conserved.notebook import card, frame
from conserved.search.independence import WHOLE, tangents

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor, nn

SCHEMA = "conserved.blocks/1"
_GRADIENTS = 10**7  # entries of all gradients of a model whose laws are counted by rank
_CUT = "fewer points tell for these laws, and what is marked eps → 0 may hold with eps too"


@dataclass(frozen=True)
class BlockLaw:
    """One family of laws of a whole model, its identity verified.

    Attributes:
        family: its terms.
        layout: of the model's parameters.
        without_eps: whether it holds only where the eps of the model's norms is 0.
        text: a line that says it.
    """

    family: Family
    layout: Layout = field(repr=False)
    without_eps: bool = False
    text: str = field(default="", compare=False)

    @cached_property
    def laws(self) -> tuple[Law, ...]:
        """The same, as laws of blocks; empty where these would be too many to write."""
        return tuple(laws_of(self.family, self.layout))

    @property
    def functions(self) -> int:
        """How many functions it has."""
        return functions(self.family)


@dataclass(frozen=True)
class BlockLaws:
    """What is conserved while a whole model trains on all data.

    Attributes:
        network: its name.
        loss: the loss.
        parameters: D.
        laws: families of laws, verified.
        lower: at least so many independent functions, those that hold with eps alone.
        lower_without_eps: the same for eps → 0.
        primes: mod which the identities were tested.
        inputs: shapes of the inputs of one example, at which they were tested.
        batch: how many examples are one datum, where examples act on one another.
        notes: how the model was read.
        seconds: wall time.
    """

    network: str
    loss: str
    parameters: int
    laws: tuple[BlockLaw, ...]
    lower: int
    lower_without_eps: int
    primes: tuple[int, ...]
    inputs: tuple[tuple[int, ...], ...]
    batch: int | None = None
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @cached_property
    def lines(self) -> tuple[tuple[str, int, bool], ...]:
        """(formula, functions, whether it needs eps = 0), laws of one pattern on one line."""
        out = []
        for without, told in zip((False, True), self._told, strict=True):
            out += [(line.text, line.size, without) for line in told]
            for one in self.laws:
                if one.without_eps == without and not one.laws:
                    out.append((plain(one.family), one.functions, without))
        return tuple(out)

    @cached_property
    def _told(self) -> tuple[list[Line], list[Line]]:
        """Laws of one pattern on one line: those that hold with eps too, and the others."""
        held, at_zero = (
            lines([law for one in self.laws if one.without_eps == without for law in one.laws])
            for without in (False, True)
        )
        return held, at_zero

    @property
    def size(self) -> str:
        """Of the data at which the laws were tested, in words."""
        many = f"batches of {self.batch} " if self.batch else ""
        return f"for {many}inputs of shape {in_words(self.inputs)}"

    def text(self) -> str:
        """The laws, one pattern a line, and what they rest on."""
        shown = self.lines
        width = max((len(f"{count:,}") for _, count, _ in shown), default=1)
        rows = [
            f"  {count:>{width},}  {text}" + ("   (eps → 0)" if without else "")
            for text, count, without in shown
        ]
        symbols = where([line for told in self._told for line in told])
        rows += [f"  {symbols}"] if symbols else []
        head = f"{self.network}: {self.parameters:,} parameters, loss {self.loss}"
        at_zero = self.lower_without_eps
        more = f", {at_zero:,} for eps → 0" if at_zero != self.lower else ""
        told = [
            f"At least {self.lower:,} independent laws{more}.",
            f"Each an identity on the whole model {self.size}, at {len(self.primes)} random points "
            f"mod random primes; {self.seconds:.3g} s.",
        ]
        notes = [f"note: {note}" for note in self.notes]
        return "\n".join([head, "", *rows, *([""] if rows else []), *told, *notes])

    def to_frame(self) -> DataFrame:
        """The families as a table of pandas: ``law``, ``functions``, ``without_eps``.

        Raises:
            ConservedError: pandas is not installed.
        """
        columns = ("law", "functions", "without_eps")
        return frame((dict(zip(columns, line, strict=True)) for line in self.lines), columns)

    def _repr_html_(self) -> str:
        rows = [
            (f"{count:,}", escape(text), "eps → 0" if without else "")
            for text, count, without in self.lines
        ]
        return card(
            f"at least {self.lower:,} independent laws",
            sure=True,
            facts={"model": f"{self.network}, {self.parameters:,} parameters", "loss": self.loss},
            rows=rows,
            words=self.notes,
        )

    def to_json(self) -> dict[str, Any]:
        """The object of ``conserved analyze --blocks --json``."""
        return {
            "schema": SCHEMA,
            "network": self.network,
            "loss": self.loss,
            "parameters": self.parameters,
            "lower": self.lower,
            "lower_without_eps": self.lower_without_eps,
            "laws": [
                {"text": text, "functions": count, "without_eps": without}
                for text, count, without in self.lines
            ],
            "primes": list(self.primes),
            "inputs": [list(shape) for shape in self.inputs],
            "batch": self.batch,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }

    def __str__(self) -> str:
        return self.text()


def block_laws(
    model: nn.Module | Network,
    example: Tensor | Sequence[Tensor] | None = None,
    *,
    loss: str | Loss = "mse",
    batch: int | None = None,
    tokens: int | None = None,
    output: str | int | None = None,
    seed: int = 0,
    budget: float | None = None,
) -> BlockLaws:
    """Laws of a model of any size, within its blocks and across them.

    Args:
        model: a PyTorch module, or a network.
        example: a batch as in training, at whose size the laws are proved.
        batch: a datum is a batch of so many examples; by default one example where examples do not
            act on one another, else all that are given.
        tokens, output: how the module is read, as for ``from_torch``.
        loss: its text form, or a loss.
        seed: draws points and primes.
        budget: seconds; what there was no time for is noted.

    Returns:
        Quadratic and linear laws along the axes of tensors, identities for inputs of this size.
        There may be others.

    Raises:
        InputError: the module cannot be read.

    Example:
        >>> from conserved.networks import Linear
        >>> block_laws(Linear(3, 2, 2)).lines
        (('W1 W1ᵀ − W2ᵀ W2', 3, False),)
    """
    started = perf_counter()
    with within(budget):
        found = _found(model, example, loss, batch, tokens, output, seed)
    return replace(found, seconds=perf_counter() - started)


def _found(
    model: Any, example: Any, loss: str | Loss, batch: Any, tokens: Any, output: Any, seed: int
) -> BlockLaws:
    loss = loss if isinstance(loss, Loss) else parse_loss(loss)
    read = reading(model, example, batch, tokens, output)
    loss.check(read.program.shape)
    rng = np.random.default_rng(seed)
    notes = read.notes
    proofs = Proofs(read.program, read.free, loss, rng)
    with threads_for(0):
        try:
            with time_share(1 / 2):
                found = _searched(read, loss, rng, seed)
        except OutOfTimeError:
            found, notes = [], (*notes, f"{ended_by()} before any law was found")
        with time_share(1 / 2 if read.without_eps else 1):
            held = proofs.held(found)
            if read.short is not None and len(held) < len(found):  # some are of short inputs alone
                held = _again(read, loss, rng, seed, proofs, held)
        with_eps = proofs.with_eps(held)
    if found and late():
        notes = (*notes, f"{ended_by()}: {_CUT}")
    free = read.free
    layout, shapes = Layout(free.parameters), dict(free.parameters)
    laws = tuple(_told(BlockLaw(f, layout, f not in with_eps)) for f in held)
    kept = [one for one in laws if not one.without_eps]
    lower = max(least(with_eps, shapes), _rank(kept, layout))
    return BlockLaws(
        read.name,
        loss.spec,
        free.size,
        laws,
        lower,
        max(lower, least(held, shapes), _rank(laws, layout)),
        tuple(proofs.primes),
        read.inputs,
        read.batch,
        notes,
    )


def _searched(read: Read, loss: Loss, rng: np.random.Generator, seed: int) -> list[Family]:
    """Candidates, not proved."""
    columns, shapes = read.columns(), dict(read.free.parameters)
    sample = RealSamples(read.free, loss, read.start, rng)
    short = None if read.short is None else RealSamples(read.short, loss, read.start, rng)
    return candidates(columns, shapes, sample, seed, cheap=short)


def _again(
    read: Read,
    loss: Loss,
    rng: np.random.Generator,
    seed: int,
    proofs: Proofs,
    held: list[Family],
) -> list[Family]:
    """The same without a shorter input; those known already where the time ends."""
    try:
        again = proofs.held(_searched(replace(read, short=None), loss, rng, seed))
    except OutOfTimeError:
        return held
    return held if late() else again


def _rank(laws: Sequence[BlockLaw], layout: Layout) -> int:
    """How many are independent, by their gradients at a random point of a model that is small."""
    written = [law for one in laws for law in one.laws]
    if layout.size > WHOLE or layout.size * sum(law.size for law in written) > _GRADIENTS:
        return 0
    scalars = residues(BLAS_PRIMES[0])
    theta = scalars.random(np.random.default_rng(0), (layout.size,))
    try:
        return tangents(scalars, theta, written)[0].rank
    except OutOfTimeError:
        return 0


def restricted(laws: BlockLaws, trained: Collection[str]) -> BlockLaws:
    """Those of trained parameters alone, whatever the values of the others, which are frozen.

    Args:
        laws: found with all parameters trained.
        trained: names of those that are.
    """
    kept = tuple(law for law in laws.laws if law.family.tensors <= set(trained))
    shapes = dict(laws.laws[0].layout.tensors) if laws.laws else {}
    families = [law.family for law in kept]
    with_eps = [law.family for law in kept if not law.without_eps]
    others = laws.notes
    if shapes.keys() - set(trained):
        others = (*others, "frozen parameters may have any values")
    return replace(
        laws,
        laws=kept,
        lower=least(with_eps, shapes),
        lower_without_eps=least(families, shapes),
        notes=others,
    )


def _told(law: BlockLaw) -> BlockLaw:
    """The law with its text."""
    shown = lines(list(law.laws))
    text = "; ".join(line.text for line in shown) if shown else plain(law.family)
    return replace(law, text=text)


def in_words(shapes: Sequence[Sequence[int]]) -> str:
    """Shapes of inputs.

    Example:
        >>> in_words([(3, 32, 32), ()])
        '3×32×32 and 1'
    """
    return " and ".join("×".join(map(str, shape)) or "1" for shape in shapes)


def plain(family: Family) -> str:
    """A family that is not written out.

    Example:
        >>> from fractions import Fraction
        >>> from conserved.blocks.patterns import Column, Pattern
        >>> column = Column("W", 1, Pattern((500,), ("each",)), degree=1)
        >>> plain(Family(((Fraction(1), column),)))
        'Σ W[:,j], j = 1 … 500'
    """
    words = []
    for c, column in family.terms:
        factor = "" if c == 1 else f"{c}·"
        axes = "".join(":," for _ in range(column.axis))
        part = "" if column.whole else f" from {column.start + 1} on"
        index = "j" if column.vector or axes else "j,:"
        place = f"{column.tensor}[{axes}{index}]{part}"
        if column.degree == 1:
            words.append(f"{factor}{place}" if column.vector else f"{factor}Σ {place}")
        elif column.pattern.size == 1:
            words.append(f"{factor}‖{place}‖²")
        else:
            words.append(f"{factor}{place} {place}ᵀ")
    return f"{' + '.join(words).replace('+ -', '− ')}, j = 1 … {family.key[1]}"
