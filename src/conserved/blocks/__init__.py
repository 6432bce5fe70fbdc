"""Laws of whole models, too large for an exact rank: found in float64, proved at random points.

The search has one unknown for each tensor and axis (``patterns``); what it finds is tested as an
identity on the whole program mod random primes, with no D × D matrix (``probe``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.blocks.laws import functions, laws_of, least
from conserved.blocks.patterns import Terms, columns_of, weights_of
from conserved.blocks.probe import Probe, RealSamples, probe
from conserved.blocks.sketch import Family, candidates
from conserved.blocks.splits import cuts_of, splits_of
from conserved.errors import DegenerateSampleError, InputError
from conserved.kernel.loss import Loss
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.program import Program
from conserved.kernel.residues import residues
from conserved.kernel.scalars import Array
from conserved.kernel.statement import Statement
from conserved.law import Law, Layout
from conserved.law.lines import lines
from conserved.losses import parse_loss
from conserved.networks import Network
from conserved.notebook import card, frame
from conserved.search.independence import WHOLE, tangents

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor, nn

SCHEMA = "conserved.blocks/1"
_PROBES = 2  # primes, a random point mod each
_TOP = 2**23  # a bound for them: those of BLAS
_TRIES = 6
_GRADIENTS = 10**7  # entries of all gradients of a model whose laws are counted by rank


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
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @cached_property
    def lines(self) -> tuple[tuple[str, int, bool], ...]:
        """(formula, functions, whether it needs eps = 0), laws of one pattern on one line."""
        out = []
        for without in (False, True):
            mine = [law for one in self.laws if one.without_eps == without for law in one.laws]
            out += [(line.text, line.size, without) for line in lines(mine)]
            for one in self.laws:
                if one.without_eps == without and not one.laws:
                    out.append((plain(one.family), one.functions, without))
        return tuple(out)

    def text(self) -> str:
        """The laws, one pattern a line, and what they rest on."""
        shown = self.lines
        width = max((len(f"{count:,}") for _, count, _ in shown), default=1)
        rows = [
            f"  {count:>{width},}  {text}" + ("   (eps → 0)" if without else "")
            for text, count, without in shown
        ]
        head = f"{self.network}: {self.parameters:,} parameters, loss {self.loss}"
        at_zero = self.lower_without_eps
        more = f", {at_zero:,} for eps → 0" if at_zero != self.lower else ""
        told = [
            f"At least {self.lower:,} independent laws{more}.",
            f"Each an identity on the whole model at {len(self.primes)} random points mod random "
            f"primes; {self.seconds:.3g} s.",
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
) -> BlockLaws:
    """Laws of a model of any size, within its blocks and across them.

    Args:
        model: a PyTorch module, or a network.
        example, batch, tokens, output: how the module is read, as for ``from_torch``.
        loss: its text form, or a loss.
        seed: draws points and primes.

    Returns:
        Quadratic and linear laws along the axes of tensors. There may be others.

    Raises:
        InputError: the module cannot be read.

    Example:
        >>> from conserved.networks import Linear
        >>> block_laws(Linear(3, 2, 2)).lines
        (('W1 W1ᵀ − W2ᵀ W2', 3, False),)
    """
    started = perf_counter()
    loss = parse_loss(loss) if isinstance(loss, str) else loss
    name, programs, start, notes = _programs(model, example, batch, tokens, output)
    loss.check(programs[-1].shape)
    rng = np.random.default_rng(seed)
    free = programs[-1]  # with eps → 0: whatever holds with eps holds there too
    with threads_for(0):
        columns = columns_of(free.parameters, splits_of(free), cuts_of(free))
        found = candidates(columns, RealSamples(free, loss, start, rng), seed)
        primes: list[int] = []
        held = _verified(free, loss, found, rng, primes)
        with_eps = held
        if len(programs) > 1:
            with_eps = _verified(programs[0], loss, held, rng, primes)
    layout, shapes = Layout(free.parameters), dict(free.parameters)
    laws = tuple(_told(BlockLaw(f, layout, f not in with_eps)) for f in held)
    kept = [one for one in laws if not one.without_eps]
    lower = max(least(with_eps, shapes), _rank(kept, layout))
    return BlockLaws(
        name,
        loss.spec,
        free.size,
        laws,
        lower,
        max(lower, least(held, shapes), _rank(laws, layout)),
        tuple(primes),
        notes,
        perf_counter() - started,
    )


def _rank(laws: Sequence[BlockLaw], layout: Layout) -> int:
    """How many are independent, by their gradients at a random point of a model that is small."""
    written = [law for one in laws for law in one.laws]
    if layout.size > WHOLE or layout.size * sum(law.size for law in written) > _GRADIENTS:
        return 0
    scalars = residues(BLAS_PRIMES[0])
    theta = scalars.random(np.random.default_rng(0), (layout.size,))
    return tangents(scalars, theta, written)[0].rank


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


Start = dict[str, Any]


def _programs(
    model: Any, example: Any, batch: int | None, tokens: int | None, output: str | int | None
) -> tuple[str, list[Program], Start, tuple[str, ...]]:
    """The program, then, where that differs, the same for eps → 0; and the model's own θ."""
    if isinstance(model, Network):
        return model.spec, [model.program], {}, ()
    if example is None:
        raise InputError("example", "None", "give an input of the module, with a batch axis")
    from conserved.networks.torch import programs_of

    programs, notes = programs_of(model, example, batch=batch, tokens=tokens, output=output)
    start = {n: p.detach().double().cpu().numpy() for n, p in model.named_parameters()}
    start = {n: value.reshape(value.shape or (1,)) for n, value in start.items()}
    return type(model).__name__, programs, start, notes


def _verified(
    program: Program,
    loss: Loss,
    families: Sequence[Family],
    rng: np.random.Generator,
    primes: list[int],
) -> list[Family]:
    """The families whose identity holds at fresh points with fresh R, mod fresh primes."""
    held = list(families)
    for _ in range(_PROBES):
        if not held:
            break
        at = _probe(program, loss, rng)
        primes.append(int(at.scalars.prime))
        held = [family for family in held if _holds(family, at, rng)]
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


def _told(law: BlockLaw) -> BlockLaw:
    """The law with its text."""
    shown = lines(list(law.laws))
    text = "; ".join(line.text for line in shown) if shown else plain(law.family)
    return replace(law, text=text)


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
