"""Moving along a symmetry orbit: the same function, its laws at wanted values.

The law h = Σ c ⟨R, X Xᵀ⟩ belongs to the symmetry X ↦ e^{cR} X of all its terms at once, for every
symmetric R of its pattern: ∇h = 2(c R X) is the direction of the orbit, and ⟨∇h, ∇L⟩ = 0 for all
data says that the function stays. Along it h grows, and balanced, h = 0, is where the parameters
are smallest: Σ‖X‖² is convex along the orbit, so that families which share tensors are balanced by
turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conserved.blocks import BlockLaw, BlockLaws
from conserved.errors import InputError
from conserved.networks.torch.network import examples
from conserved.watching.saved import laws_for
from conserved.watching.sides import Sides
from conserved.watching.tensors import inner, parameters, parted, whole

if TYPE_CHECKING:
    from torch import Tensor, nn

Floats = NDArray[np.float64]
_SWEEPS = 500
_TIGHT = 1e-10  # relative change of a round that is the last
_SHOWN = 80


@dataclass(frozen=True)
class Standing:
    """How far one family is from balance, before and after.

    Attributes:
        text: the law.
        functions: how many balances it has.
        before, after: the largest |h − wanted| of them, as a share of their terms.
        note: why it was left alone, or "".
    """

    text: str
    functions: int
    before: float
    after: float
    note: str = ""


@dataclass(frozen=True)
class Balance:
    """Where a model stands, or how it was moved.

    Attributes:
        families: each family with two sides.
        size: Σ‖X‖² of all parameters before and after.
        change: the largest change of an output, as a share of the largest output; None where
            nothing was moved or no example was given.
        others: families without two sides to balance: their laws, and why.
    """

    families: tuple[Standing, ...]
    size: tuple[float, float]
    change: float | None = None
    moved: bool = False
    others: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        texts = [*(one.text for one in self.families), *(text for text, _ in self.others)]
        width = min(_SHOWN, max(map(len, texts), default=0))
        lines = []
        for one in self.families:
            text = one.text if len(one.text) <= width else f"{one.text[: width - 1]}…"
            told = f"{one.before:.1e} of its terms"
            if self.moved:
                told = f"{one.before:.1e} → {one.after:.1e} of its terms"
            lines.append(f"{text:<{width}}  {told}{f'  ({one.note})' if one.note else ''}")
        for law, why in self.others:
            text = law if len(law) <= width else f"{law[: width - 1]}…"
            lines.append(f"{text:<{width}}  {why}")
        before, after = self.size
        if self.moved:
            lines.append(f"Σ‖parameter‖²: {before:.6g} → {after:.6g}")
        if self.change is not None:
            lines.append(f"outputs changed by {self.change:.1e} of the largest")
        return "\n".join(lines)


def imbalance(
    model: nn.Module,
    example: Tensor | Sequence[Tensor] | None = None,
    *,
    laws: BlockLaws | None = None,
    loss: str = "mse",
    batch: int | None = None,
    output: str | int | None = None,
) -> Balance:
    """How far a model is from balance, family by family: |h| as a share of the terms of h.

    Args:
        model: in whatever precision.
        example, laws, loss, batch, output: as for ``watch``.

    Raises:
        InputError: neither laws nor an example.
    """
    laws = laws_for(model, laws, example, loss, batch=batch, output=output)
    held = _held(model)
    sides = [Sides(law) for law in _movable(laws)]
    found = tuple(
        Standing(one.law.text, one.blocks, off := one.off(held), off, one.reason(held))
        for one in sides
    )
    size = _size(held)
    return Balance(found, (size, size), others=_others(laws))


def rebalance(
    model: nn.Module,
    example: Tensor | Sequence[Tensor] | None = None,
    *,
    to: Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
    laws: BlockLaws | None = None,
    loss: str = "mse",
    batch: int | None = None,
    output: str | int | None = None,
) -> Balance:
    """Move a model along its symmetry orbit to balance, its function unchanged.

    Queries against keys and values against outputs head by head, adapters of low rank, the units
    of an MLP, the gains of norms against what reads them: of each family Σ c X Xᵀ becomes 0, or
    what is wanted. Parameters are changed in place; the state of an optimizer is not, so call it
    before one is made. Laws that hold for eps → 0 alone, and linear ones, are left alone: the
    printed balance lists them, and why.

    Args:
        model: in whatever precision; it is computed in float64.
        example: an input; on it the outputs before and after are compared.
        to: for the texts of some families the value of each of their functions, or one for all;
            0 for the others. Families that are matrices go to 0.
        only: texts of the families to balance; by default all.
        laws, loss, batch, output: as for ``watch``. It is that output which stays; others may not.

    Returns:
        What was moved, printable.

    Raises:
        InputError: no such family; neither laws nor an example; a value for a matrix.

    Example:
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> moved = rebalance(net.double(), torch.ones(1, 3, dtype=torch.float64))
        >>> moved.families[0].after < 1e-9, moved.change < 1e-12
        (True, True)
    """
    laws = laws_for(model, laws, example, loss, batch=batch, output=output)
    wanted = _wanted(to)
    sides = [Sides(law) for law in _movable(laws)]
    known = {one.law.text for one in sides}
    if isinstance(only, str):
        raise InputError("only", only, "give a list of texts")
    for what, texts in (("to", wanted), ("only", only or ())):
        for text in texts:
            if text not in known:
                advice = f"no family that can be moved; there are: {_all(known)}"
                raise InputError(what, text, advice)
    sides = [one for one in sides if only is None or one.law.text in only]
    for one in sides:
        one.aim(wanted.get(one.law.text, 0.0))
    held = _held(model)
    outputs = _outputs(model, example)
    size, before = _size(held), [one.off(held) for one in sides]
    notes = [one.reason(held) for one in sides]
    for _ in range(_SWEEPS):
        moved = [one.move(held) for one, note in zip(sides, notes, strict=True) if not note]
        if max(moved, default=0.0) < _TIGHT:  # what is out of reach moves no more either
            break
    notes = [note or one.missed(held) for one, note in zip(sides, notes, strict=True)]
    _put(model, held)
    held = _held(model)  # as rounded
    found = tuple(
        Standing(one.law.text, one.blocks, off, one.off(held), note)
        for one, off, note in zip(sides, before, notes, strict=True)
    )
    change = _change(outputs, _outputs(model, example))
    others = _others(laws) if only is None else ()
    return Balance(found, (size, _size(held)), change, True, others)


def _wanted(to: Any) -> dict[str, Any]:
    if not isinstance(to or {}, Mapping):
        raise InputError("to", type(to).__name__, "give values by the texts of families: {text: h}")
    return dict(to or {})


def _movable(laws: BlockLaws) -> list[BlockLaw]:
    """Families that can be moved to 0 while the function stays."""
    return [law for law in laws.laws if not _immovable(law)]


def _others(laws: BlockLaws) -> tuple[tuple[str, str], ...]:
    return tuple((law.text, why) for law in laws.laws if (why := _immovable(law)))


def _immovable(law: BlockLaw) -> str:
    """Why a family has no balance, or ""."""
    if law.family.key[0] != "quadratic":
        return "left alone: it is linear, its symmetry a shift and no scale"
    if law.without_eps:
        return "left alone: true for eps → 0 only, so that the function would change"
    if len({c > 0 for c, _ in law.family.terms}) == 1:
        return "left alone: its terms have one sign, so that h = 0 asks for zeros"
    return ""


def _held(model: nn.Module) -> dict[str, Floats]:
    named = parameters(model)
    held = {n: whole(p).double().cpu().numpy().copy() for n, p in named.items()}
    for name, values in held.items():
        if not np.isfinite(values).all():
            raise InputError("model", name, "has values that are not finite")
    return held


def _put(model: nn.Module, held: Mapping[str, Floats]) -> None:
    import torch

    with torch.no_grad():
        for name, parameter in parameters(model).items():
            made = torch.as_tensor(held[name]).reshape(parameter.shape).to(parameter.dtype)
            parameter.copy_(parted(made, parameter))


def _size(held: Mapping[str, Floats]) -> float:
    return float(sum((tensor**2).sum() for tensor in held.values()))


def _outputs(model: nn.Module, example: Any) -> list[Tensor]:
    """What the model makes of the example; buffers, as of batch norm, are put back."""
    import torch

    if example is None:
        return []
    own = inner(model)
    inputs = examples(example, 0)
    kept = {name: buffer.clone() for name, buffer in own.named_buffers()}
    with torch.no_grad():
        made = own(*inputs)
        for name, buffer in own.named_buffers():
            buffer.copy_(kept[name])
    return list(_tensors(made))


def _tensors(made: Any) -> Iterator[Tensor]:
    import torch
    from torch.utils._pytree import tree_leaves

    yield from (leaf for leaf in tree_leaves(made) if isinstance(leaf, torch.Tensor))


def _change(before: Sequence[Tensor], after: Sequence[Tensor]) -> float | None:
    if not before:
        return None
    gaps = [float((a - b).abs().max()) for a, b in zip(after, before, strict=True)]
    return max(gaps) / max(max(float(b.abs().max()) for b in before), 1e-300)


def _all(known: set[str]) -> str:
    return "; ".join(sorted(known)) or "none"
