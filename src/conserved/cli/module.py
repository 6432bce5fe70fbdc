"""What a PyTorch module is given as input: ``--input-shape``, ``--batch``, ``--tokens``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from conserved.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from conserved.blocks import BlockLaws
    from conserved.networks.torch import Coverage, TorchNetwork

_SIZE_LIMIT = 10_000_000
_SHAPE = "sizes with commas in between, such as 3,4; without a batch axis"


@dataclass(frozen=True)
class Given:
    """One input of a module, as the options say.

    Attributes:
        shape: without a batch axis, as typed; None where it was not given.
        batch: how many examples a datum has.
        tokens: V, for inputs that are integers below V.
        output: which of several outputs.
    """

    shape: str | None = None
    batch: int | None = None
    tokens: int | None = None
    output: str | None = None

    @property
    def nothing(self) -> bool:
        """Whether no option was given."""
        return self == Given()

    def refused_by(self, network: str) -> InputError:
        """For networks that know their inputs."""
        named = {"--input-shape": self.shape, "--batch": self.batch, "--tokens": self.tokens}
        named["--output"] = self.output
        option, value = next((k, v) for k, v in named.items() if v is not None)
        return InputError(option, value, f"is for PyTorch modules; {network} knows its inputs")

    def example(self, module: nn.Module) -> Tensor:
        """An input of that shape, with a batch axis.

        Raises:
            InputError: no shape, or one that is none.
        """
        import torch

        sizes = self._sizes()
        if self.tokens is not None:
            if self.tokens < 1:
                raise InputError("--tokens", self.tokens, "there is at least one token")
            return torch.zeros((1, *sizes), dtype=torch.int64)
        if not sizes:
            raise InputError("--input-shape", self.shape, f"give {_SHAPE}; or --tokens V")
        first = next(module.parameters(), None)
        kind = torch.float32 if first is None else first.dtype
        lead = () if self.batch == 0 else (1,)
        return torch.ones((*lead, *sizes), dtype=kind)

    def _sizes(self) -> tuple[int, ...]:
        if self.shape is None:
            if self.tokens is not None:
                return ()
            raise InputError("--input-shape", "", f"a PyTorch module needs it: {_SHAPE}")
        words = [word.strip() for word in self.shape.split(",")] if self.shape.strip() else []
        if not all(word.isascii() and word.isdigit() and len(word) < 9 for word in words):
            raise InputError("--input-shape", self.shape, f"give {_SHAPE}")
        sizes = tuple(map(int, words))
        total = 1
        for size in sizes:
            total *= size
        if not 0 < total <= _SIZE_LIMIT:
            advice = f"an input has 1 to {_SIZE_LIMIT:,} entries"
            raise InputError("--input-shape", self.shape, advice)
        return sizes

    def read(self, module: nn.Module, spec: str) -> TorchNetwork:
        """The module as a network."""
        from conserved.networks.torch import read_module

        return read_module(
            module,
            self.example(module),
            batch=self.batch,
            tokens=self.tokens,
            output=self.output,
            spec=spec,
        )

    def coverage(self, module: nn.Module) -> Coverage:
        """What of the module can be read."""
        from conserved.networks.torch import coverage

        example = self.example(module)
        return coverage(module, example, batch=self.batch, tokens=self.tokens, output=self.output)

    def blocks(self, module: nn.Module, loss: str, seed: int, budget: float | None) -> BlockLaws:
        """The laws of the whole module."""
        from conserved.blocks import block_laws

        return block_laws(
            module,
            self.example(module),
            loss=loss,
            batch=self.batch,
            tokens=self.tokens,
            output=self.output,
            seed=seed,
            budget=budget,
        )


def module_options(*, batch: bool = True, output: bool = True) -> Callable[[Any], Any]:
    """The options that say what a module is given."""
    options = [
        click.option(
            "--input-shape",
            metavar="N,N,…",
            help="Shape of one input of a PyTorch module, without a batch axis.",
        ),
        click.option(
            "--tokens", type=int, metavar="V", help="Inputs of the module are integers below V."
        ),
    ]
    if output:
        options.append(
            click.option(
                "--output", metavar="NAME", help="Which output of the module, where it has several."
            )
        )
    if batch:
        options.append(
            click.option(
                "--batch",
                type=click.IntRange(min=0),
                metavar="B",
                help="A datum is a batch of B examples; 0: inputs have no batch axis.",
            )
        )

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
