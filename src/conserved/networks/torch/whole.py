"""A whole model as programs: at the example's own size, and at a smaller one to search on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from conserved.errors import InputError
from conserved.kernel.program import SIZE_LIMIT, Program
from conserved.networks.torch.export import require_module
from conserved.networks.torch.gradients import untouched
from conserved.networks.torch.network import Reading, examples

if TYPE_CHECKING:
    from torch import Tensor, nn

_LARGE = 2_000_000  # entries made of an input from which a shorter one is worth an export
_MOST = 400_000_000  # entries of all values of a batch, some 4 GB: fewer examples are a datum
_LIMIT = 1_000_000_000  # entries of all values at all
_TOKENS, _LONG = 4, 8  # tokens of a shorter input, where there are more than so many
_PIXELS = 96  # along an axis from which images are cut to a quarter
_ROWS = 4  # examples among which one is looked at
_BATCH = 3  # examples of a smaller batch


@dataclass(frozen=True)
class Whole:
    """A module of any size, read.

    Attributes:
        program: of the module.
        without_eps: the same with the eps of its norms → 0, where that differs.
        short: that again for a smaller input, where this is much cheaper; nothing is proved on it.
        inputs: shapes of the inputs of one example.
        batch: examples that are one datum, where they act on one another or are asked to be.
        notes: how it was read, in words.
    """

    program: Program
    without_eps: Program | None
    short: Program | None
    inputs: tuple[tuple[int, ...], ...]
    batch: int | None
    notes: tuple[str, ...]


def read_whole(
    module: nn.Module,
    example: Tensor | Sequence[Tensor],
    *,
    batch: int | None = None,
    tokens: int | None = None,
    output: str | int | None = None,
) -> Whole:
    """A module of any size at the size of an example.

    Args:
        module, tokens, output: as for ``read_module``.
        example: a batch as in training; its values do not matter.
        batch: a datum is a batch of so many examples; by default one example where examples do not
            act on one another, else all that are given.

    Raises:
        InputError: as ``read_module``.
    """
    require_module(module)
    given = examples(example, 0)
    notes: list[str] = []
    small: Program | None = None
    coupled = batch is None and _coupled(module, given)
    if coupled:
        batch, small = _batch(module, given, tokens, output, notes)
    datum = examples(given, batch)
    reading = Reading(module, datum, batch, tokens, output, random=True)
    own = reading.run(eps=True)
    if coupled and batch is None:
        advice = (
            "its examples act on one another: give several, as in training; or batch=B (--batch B)"
        )
        raise InputError("example", _shapes(given), advice)
    _fits(own.program, given)
    reading.require_gradient(own.program)
    free = reading.run(eps=False).program if own.constants.eps else own.program
    if sum(_made(free)) <= _LARGE:
        small = None
    elif small is None or sum(_made(small)) > _LARGE:
        cheaper = _short(module, given, free, batch, reading.tokens, output)
        small = small if cheaper is None else cheaper
    if reading.draws:
        notes.append("random numbers, as of dropout, count as data")
    tied = [f"{name} is {first}" for name, first in reading.found.tied.items()]
    return Whole(
        own.program,
        None if free == own.program else free,
        small if small is None or small.parameters == free.parameters else None,
        tuple(tuple(x.shape[0 if batch == 0 else 1 :]) for x in datum),
        batch or None,
        (*own.constants.lines(), *tied, *notes),
    )


def _fits(program: Program, given: Sequence[Tensor]) -> None:
    if program.volume() > _LIMIT:
        advice = (
            f"makes {program.volume():,} numbers on the way, the limit is {_LIMIT:,}: give fewer "
            "tokens, pixels or examples"
        )
        raise InputError("example", _shapes(given), advice)


def _shapes(given: Sequence[Tensor]) -> str:
    return ", ".join("×".join(map(str, x.shape)) for x in given)


def _coupled(module: nn.Module, given: Sequence[Tensor]) -> bool:
    """Whether the output for one example changes with the others of its batch, as in batch norm."""
    import torch

    if any(not x.ndim for x in given):
        return False
    with untouched(module), torch.no_grad():
        try:
            batches = [[_among_others(x, k) for x in given] for k in range(2)]
            outs = []
            for batch in batches:
                torch.manual_seed(0)
                outs.append(module(*batch))
        except Exception:  # a batch of a few does not suit it
            return False
    firsts = [[leaf for leaf in _tensors(out) if leaf.shape[:1] == (_ROWS,)] for out in outs]
    return any(
        not torch.allclose(a[0], b[0], rtol=1e-3, atol=1e-6, equal_nan=True)
        for a, b in zip(*firsts, strict=True)
    )


def _among_others(x: Tensor, k: int) -> Tensor:
    """The first example with others: noise, or tokens k. Batch norm makes ±1 of two, so more."""
    import torch

    wide = x[:1].expand(_ROWS - 1, *x.shape[1:])
    others = torch.randn_like(wide) if x.is_floating_point() else torch.full_like(wide, k)
    return torch.cat([x[:1], others])


def _tensors(outputs: Any) -> list[Any]:
    from conserved.networks.torch.export import named_outputs

    return [leaf for _, leaf in named_outputs(outputs) if hasattr(leaf, "is_floating_point")]


def _batch(
    module: nn.Module,
    given: Sequence[Tensor],
    tokens: int | None,
    output: str | int | None,
    notes: list[str],
) -> tuple[int | None, Program | None]:
    """How many examples are a datum, all if they fit; and the program of a few."""
    count = len(given[0])
    if count == 1:
        return None, None
    few = min(count, _BATCH)
    reading = Reading(module, examples(given, few), few, tokens, output, random=True)
    small = reading.run(eps=False).program
    made = _made(small)
    most = max(2, few * min(_MOST // sum(made), SIZE_LIMIT // max(made)))
    if most < count:
        notes.append(f"a datum is {most:,} of the {count:,} examples: all take too much memory")
        count = most
    return count, small


def _short(
    module: nn.Module,
    given: Sequence[Tensor],
    program: Program,
    batch: int | None,
    tokens: int,
    output: str | int | None,
) -> Program | None:
    """The program for eps → 0 of a smaller input with the same parameters, if it has one."""
    lead = 0 if batch == 0 else 1
    cuts = [_cut(x, lead) for x in given]
    few = min(batch, _BATCH) if batch else batch
    if few == batch and not any(cut != x.shape for cut, x in zip(cuts, given, strict=True)):
        return None
    pieces = [x[tuple(slice(n) for n in cut)] for x, cut in zip(given, cuts, strict=True)]
    try:
        datum = examples(pieces, few)
        reading = Reading(module, datum, few, tokens or None, output, random=True)
        found = reading.run(eps=False).program
    except InputError:  # the size is part of the model
        return None
    fits = found.parameters == program.parameters and 2 * sum(_made(found)) < sum(_made(program))
    return found if fits else None


def _made(program: Program) -> list[int]:
    """Entries of each value that is made of the input."""
    pairs = zip(program.nodes, program.on_inputs, strict=True)
    return [prod(node.shape) for node, active in pairs if active]


def _cut(x: Tensor, lead: int) -> tuple[int, ...]:
    """The shape of a smaller input: a few tokens, or an image of a quarter of the size."""
    shape = list(x.shape)
    images = x.is_floating_point() and x.ndim - lead > 2
    if images:
        axes = range(lead + 1, x.ndim)
    else:  # tokens, or rows of features
        axes = range(lead, x.ndim - (1 if x.is_floating_point() else 0))
    for axis in axes:
        if images and shape[axis] >= _PIXELS:
            shape[axis] //= 4
        elif not images and shape[axis] > _LONG:
            shape[axis] = _TOKENS
    return tuple(shape)
