"""A model and an example as programs, and the terms that laws of it are looked for in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.blocks.patterns import Column, columns_of
from conserved.blocks.splits import cuts_of, splits_of, unused_entries
from conserved.kernel.program import Program
from conserved.networks import Network


@dataclass(frozen=True)
class Read:
    """A model at the size of an example.

    Attributes:
        name: of the model.
        program: of the model.
        without_eps: the same for eps → 0, where that differs.
        short: that for a smaller input, where this is much cheaper; nothing is proved on it.
        start: its own parameters by name, where known.
        inputs: shapes of the inputs of one example.
        batch: examples that are one datum, where it is a batch.
        notes: how it was read, in words.
    """

    name: str
    program: Program
    without_eps: Program | None
    short: Program | None
    start: Mapping[str, NDArray[np.float64]]
    inputs: tuple[tuple[int, ...], ...]
    batch: int | None
    notes: tuple[str, ...]

    @property
    def free(self) -> Program:
        """For eps → 0: whatever holds with eps holds there too."""
        return self.program if self.without_eps is None else self.without_eps

    def columns(self) -> list[Column]:
        """The terms that laws are made of.

        Entries that an input of this size does not reach, such as positions of later tokens, would
        be constant, and in a longer input are not: parts of their tensors have no columns.
        """
        splits, cuts = splits_of(self.program), cuts_of(self.program)
        unused = unused_entries(self.program)
        found = columns_of(self.program.parameters, splits, cuts)
        return [column for column in found if column.whole or column.tensor not in unused]


def reading(
    model: Any, example: Any, batch: int | None, tokens: int | None, output: str | int | None
) -> Read:
    """A PyTorch module, or a network, as ``block_laws`` is given them.

    Raises:
        InputError: the module cannot be read, or there is no example.
    """
    if isinstance(model, Network):
        program = model.program
        shapes = tuple(shape for _, shape in program.inputs)
        return Read(model.spec, program, None, None, {}, shapes, None, ())
    from conserved.networks.torch import read_whole

    whole = read_whole(model, example, batch=batch, tokens=tokens, output=output)
    start = {n: p.detach().double().cpu().numpy() for n, p in model.named_parameters()}
    shapes_of = dict(whole.program.parameters)
    notes = [
        f"{count:,} of the {prod(shapes_of[name]):,} numbers of {name} have no part in an input of "
        "this size"
        for name, count in unused_entries(whole.program).items()
    ]
    return Read(
        type(model).__name__,
        whole.program,
        whole.without_eps,
        whole.short,
        {n: value.reshape(value.shape or (1,)) for n, value in start.items()},
        whole.inputs,
        whole.batch,
        (*whole.notes, *notes),
    )
