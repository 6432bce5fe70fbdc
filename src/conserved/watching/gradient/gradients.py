"""One backward pass against the laws: ⟨∇h, ∇L⟩ = 0, an assertion for a test suite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.blocks import BlockLaw, BlockLaws
from conserved.dynamics.outcomes import ROUNDINGS, not_orthogonal
from conserved.errors import InputError
from conserved.law import Law
from conserved.watching.exactly.exact import given, pairings, why
from conserved.watching.gradient.altered import Forward, altered
from conserved.watching.gradient.causes import cause, suspects, telling
from conserved.watching.gradient.precision import products_of, rounding_of, underflows
from conserved.watching.gradient.tested import Tested, Tester
from conserved.watching.look.looking import gradients, look, mean_squares
from conserved.watching.look.probes import Probes
from conserved.watching.look.products import Floats
from conserved.watching.look.sums import Sums
from conserved.watching.saved import laws_for
from conserved.watching.tensors import parameters

if TYPE_CHECKING:
    from torch import Tensor, nn

_SHOWN = 90


class GradientError(AssertionError):
    """Gradients that are none of this model's loss."""


@dataclass(frozen=True)
class Violation:
    """A law that a gradient is not orthogonal to.

    Attributes:
        family: which, by its place among the families.
        text: the law.
        tensors: the parameters that occur in it.
        relative: |⟨∇h, g⟩| over the sizes of what is paired.
        roundings: the same in units of the gradient's precision.
        cause: what most likely went wrong.
    """

    family: int
    text: str
    tensors: tuple[str, ...]
    relative: float
    roundings: float
    cause: str

    def __str__(self) -> str:
        shown = self.text if len(self.text) < _SHOWN else f"{self.text[: _SHOWN - 1]}…"
        names = ", ".join(self.tensors[:4]) + (", …" if len(self.tensors) > 4 else "")
        off = not_orthogonal(self.relative, self.roundings)
        return f"{shown}: {off}; {self.cause} (parameters: {names})"


@dataclass(frozen=True)
class GradientReport:
    """What one backward pass says of the laws.

    Attributes:
        checked: how many families.
        violations: those that do not hold, the worst first.
        worst: the largest number of roundings among those that hold.
    """

    checked: int
    violations: tuple[Violation, ...]
    worst: float

    @property
    def holds(self) -> bool:
        return not self.violations

    def beside(self, other: GradientReport) -> GradientReport:
        """Both as one."""
        violations = sorted(self.violations + other.violations, key=lambda v: -v.roundings)
        worst = max(self.worst, other.worst)
        return GradientReport(self.checked + other.checked, tuple(violations), worst)

    def __str__(self) -> str:
        if self.holds:
            return f"{self.checked} families of laws hold, to {self.worst:.1f} roundings"
        lines = [f"{len(self.violations)} of {self.checked} families of laws are violated:"]
        return "\n".join([*lines, *(f"  {violation}" for violation in self.violations)])


def check_gradients(
    model: nn.Module,
    loss: Callable[[], Tensor] | Tensor | None = None,
    *,
    laws: Any = None,
    example: Tensor | Sequence[Tensor] | None = None,
    kind: str = "mse",
    batch: int | None = None,
    output: str | int | None = None,
    roundings: float = ROUNDINGS,
    seed: int = 0,
) -> GradientReport:
    """Test the gradient of a loss against all laws of a model, at the price of one backward pass.

    Args:
        model: with parameters on one device.
        loss: a scalar tensor, or what makes one; without it the gradients that are there already.
        laws: of ``block_laws``; an ``Analysis`` of the model, or laws of one, such as those that
            data symmetry adds, which hold on batches of whole orbits; or a list of all these. By
            default laws of blocks are found from ``example``, ``kind`` of loss, ``batch`` and
            ``output``, as for ``watch``, or taken from the cache.
        roundings: of the gradient's precision that a law may be off by.
        seed: draws the probes of laws that are matrices.

    Returns:
        How well the laws hold.

    Raises:
        GradientError: they do not; the message names law, tensors, how far, and the likely cause.
        InputError: no gradients, or neither laws nor an example.
    """
    told = given(laws)
    blocks = told.blocks
    if blocks is not None or example is not None or not told.exact:
        blocks = laws_for(model, blocks, example, kind, batch=batch, output=output)
    if loss is not None:
        model.zero_grad(set_to_none=True)
        made = loss() if callable(loss) else loss
        made.backward()  # type: ignore[no-untyped-call]
    named = parameters(model)
    slopes = gradients(named)
    if not slopes:
        raise InputError(
            "loss", "None", "no parameter has a gradient: call backward, or give a loss"
        )
    found = _exact(told.exact, named, slopes, roundings)
    if blocks is not None:
        found = found.beside(_of_blocks(blocks, named, slopes, roundings, seed))
    if not found.holds:
        raise GradientError(str(found))
    return found


def _of_blocks(
    laws: BlockLaws,
    named: Mapping[str, Any],
    slopes: Mapping[str, Any],
    roundings: float,
    seed: int,
) -> GradientReport:
    sums = sums_of(laws.laws, named, Probes(1.0, seed))
    tester = Tester(sums, roundings, precisions(named))
    found = look(sums, ("xx", "xg", "gg", "g"), x=named, g=slopes)
    frozen = functions_of(sums, [n for n, p in named.items() if not p.requires_grad])
    norms = mean_squares(sums.names, slopes)
    products, small = products_of(named.values()), underflows(named.values())
    tested = tester.test(found, norms, frozen, rounding_of(products), underflow=small)
    return report_on(sums, tested, found, frozen, named, texts(laws.laws))


def _exact(
    laws: Sequence[Law], named: Mapping[str, Any], slopes: Mapping[str, Any], limit: float
) -> GradientReport:
    """The same for laws of an exact analysis."""
    violations, worst = [], 0.0
    precision = max(*precisions(named).values(), rounding_of(products_of(named.values())))
    for k, (law, (value, size)) in enumerate(zip(laws, pairings(laws, named, slopes), strict=True)):
        share = np.divide(np.abs(value), size, out=np.zeros_like(size), where=size > 0)
        relative = float(np.where(np.isfinite(share), share, np.inf).max(initial=0.0))
        units = relative / precision
        if units <= limit:
            worst = max(worst, units)
            continue
        names = tuple(name for name, _ in law.layout.tensors)
        violations.append(Violation(k, law.text, names, relative, units, why(law)))
    violations.sort(key=lambda v: -v.roundings)
    return GradientReport(len(laws), tuple(violations), worst)


def sums_of(laws: Sequence[BlockLaw], named: Mapping[str, Any], probes: Probes) -> Sums:
    """The sums that laws need of a model's parameters."""
    return Sums(laws, {name: tuple(p.shape) or (1,) for name, p in named.items()}, probes)


def precisions(named: Mapping[str, Any]) -> dict[str, float]:
    """Relative rounding of each parameter."""
    return {name: precision_of(p.dtype) for name, p in named.items()}


def precision_of(kind: Any) -> float:
    """Relative rounding of a type of torch."""
    import torch

    return float(torch.finfo(kind).eps)


def coarser(kinds: Iterable[Any], precision: float) -> float:
    """The largest relative rounding of these types, where it is larger than another; else 0."""
    worst = max(map(precision_of, kinds), default=0.0)
    return worst if worst > precision else 0.0


def functions_of(sums: Sums, names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(F,) which functions have to do with any of these parameters."""
    chosen = set(names)
    if not chosen:
        return np.zeros(sums.functions, dtype=bool)
    families = [bool(law.family.tensors & chosen) for law in sums.laws]
    out: np.ndarray[Any, np.dtype[np.bool_]] = np.array(families, dtype=bool)[sums.family]
    return out


def report_on(
    sums: Sums,
    tested: Tested,
    found: Mapping[str, Floats],
    skipped: np.ndarray[Any, np.dtype[np.bool_]],
    named: Mapping[str, Any],
    told: Sequence[str],
    half: str = "",
    forward: Forward | None = None,
) -> GradientReport:
    """The violations among a gradient's tests, with their causes."""
    count = len(sums.laws)
    out = np.isin(np.arange(count), sums.family[skipped])
    bad = np.isin(np.arange(count), sums.family[tested.violated])
    worst = per_family(sums, tested.roundings)
    relative = per_family(sums, np.where(tested.violated, tested.relative, 0))
    strict = np.array([not law.without_eps for law in sums.laws], dtype=bool)
    violations: list[Violation] = []
    if bad.any():
        without = [n for n, p in named.items() if p.requires_grad and p.grad is None]
        intact = np.flatnonzero(~bad & ~out).tolist()
        told_of = telling(sums, tested, found)
        blamed = suspects(sums, np.flatnonzero(bad).tolist(), intact, told_of)
        slopes = [p.grad for p in named.values() if p.grad is not None]
        moved, kept = ([], []) if forward is None else (forward.moved(named), forward.kept(named))
        common = altered(sums, tested, found, slopes, moved, kept)
        for k in np.flatnonzero(bad).tolist():
            missing = sums.laws[k].family.tensors & set(without)
            why = "" if missing else common
            why = why or cause(sums, k, tested, found, blamed, without, half=half)
            names = tuple(dict.fromkeys(c.tensor for _, c in sums.laws[k].family.terms))
            violations.append(
                Violation(k, told[k], names, float(relative[k]), float(worst[k]), why)
            )
    violations.sort(key=lambda v: -v.roundings)
    kept = worst[~bad & ~out & strict]
    return GradientReport(int((~out).sum()), tuple(violations), float(kept.max(initial=0.0)))


def per_family(sums: Sums, values: Floats) -> Floats:
    """The largest of each family's functions."""
    found: Floats = np.fmax.reduceat(values, sums.begins) if len(values) else np.zeros(0)
    return np.fmax(found, 0.0)


def texts(laws: Sequence[BlockLaw]) -> list[str]:
    """A line for each family."""
    from conserved.blocks import plain
    from conserved.law.lines import lines

    out = []
    for law in laws:
        told = lines(list(law.laws))
        out.append("; ".join(line.text for line in told) if told else plain(law.family))
    return out


__all__ = ["GradientError", "GradientReport", "Violation", "check_gradients"]
