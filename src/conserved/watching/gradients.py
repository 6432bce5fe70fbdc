"""One backward pass against the laws: ⟨∇h, ∇L⟩ = 0, an assertion for a test suite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.blocks import BlockLaws, block_laws
from conserved.errors import InputError
from conserved.watching.probes import Probe, named_texts

if TYPE_CHECKING:
    from torch import Tensor, nn

ROUNDINGS = 50  # of a gradient's own precision that a law may be off by
_EPS_SHARE = 1e-2  # of its terms that a law may be off by where the eps of a norm breaks it
_SHOWN = 90


class GradientError(AssertionError):
    """Gradients that are none of this model's loss."""


@dataclass(frozen=True)
class Violation:
    """A law that a gradient is not orthogonal to.

    Attributes:
        text: the law.
        tensors: the parameters that occur in it.
        relative: |⟨∇h, g⟩| over the sizes of what is paired.
        roundings: the same in units of the gradient's precision.
    """

    text: str
    tensors: tuple[str, ...]
    relative: float
    roundings: float

    def __str__(self) -> str:
        shown = self.text if len(self.text) < _SHOWN else f"{self.text[: _SHOWN - 1]}…"
        names = ", ".join(self.tensors[:4]) + (", …" if len(self.tensors) > 4 else "")
        return (
            f"{shown}: off by {self.relative:.1e} of its terms, {self.roundings:,.0f} roundings; "
            f"a gradient of {names} is wrong"
        )


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

    def __str__(self) -> str:
        if self.holds:
            return f"{self.checked} families of laws hold, to {self.worst:.1f} roundings"
        lines = [f"{len(self.violations)} of {self.checked} families of laws are violated:"]
        return "\n".join([*lines, *(f"  {violation}" for violation in self.violations)])


def check_gradients(
    model: nn.Module,
    loss: Callable[[], Tensor] | Tensor | None = None,
    *,
    laws: BlockLaws | None = None,
    example: Tensor | Sequence[Tensor] | None = None,
    kind: str = "mse",
    seed: int = 0,
) -> GradientReport:
    """Test the gradient of a loss against all laws of a model, at the price of one backward pass.

    Args:
        model: with parameters on one device.
        loss: a scalar tensor, or what makes one; without it the gradients that are there already.
        laws: of ``block_laws``; else they are found from ``example`` and ``kind`` of loss.
        seed: draws the probes.

    Returns:
        How well the laws hold.

    Raises:
        GradientError: they do not; the message names laws and tensors.
        InputError: no gradients, or neither laws nor an example.
    """
    if laws is None:
        if example is None:
            raise InputError("example", "None", "give an input of the model, or laws=block_laws(…)")
        laws = block_laws(model, example, loss=kind)
    if loss is not None:
        model.zero_grad(set_to_none=True)
        made = loss() if callable(loss) else loss
        made.backward()  # type: ignore[no-untyped-call]
    tensors = {name: p.detach() for name, p in model.named_parameters()}
    slopes = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    if not slopes:
        raise InputError(
            "loss", "None", "no parameter has a gradient: call backward, or give a loss"
        )
    found = report_on(probes(laws, tensors, seed), tensors, slopes)
    if not found.holds:
        raise GradientError(str(found))
    return found


def probes(laws: BlockLaws, tensors: dict[str, Any], seed: int = 0) -> list[Probe]:
    """One probe for each family whose parameters are all there."""
    rng = np.random.default_rng(seed)
    shaped = {n: t if t.ndim else t.reshape(1) for n, t in tensors.items()}
    texts = named_texts(laws.laws)
    return [
        Probe(law, text, shaped, rng)
        for law, text in zip(laws.laws, texts, strict=True)
        if law.family.tensors <= shaped.keys()
    ]


def report_on(found: Sequence[Probe], tensors: Any, slopes: Any) -> GradientReport:
    """Each family against one gradient; families of parameters without one are left out."""
    import torch

    violations, worst, checked = [], 0.0, 0
    for probe in found:
        if any(name not in slopes for name in probe.tensors):
            continue
        checked += 1
        value, size = probe.pairing(tensors, slopes)
        precision = max(torch.finfo(slopes[name].dtype).eps for name in probe.tensors)
        relative = abs(value) / size if size else 0.0
        if not np.isfinite(relative):
            relative = float("inf")
        roundings = relative / precision
        wrong = relative > _EPS_SHARE if probe.law.without_eps else roundings > ROUNDINGS
        if wrong:
            violations.append(Violation(probe.text, probe.tensors, relative, roundings))
        elif not probe.law.without_eps:
            worst = max(worst, roundings)
    violations.sort(key=lambda v: -v.roundings)
    return GradientReport(checked, tuple(violations), worst)
