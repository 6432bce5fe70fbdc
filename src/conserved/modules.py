"""PyTorch modules as problems: ``from_torch`` and ``coverage``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conserved.losses import Loss
from conserved.networks.torch import Coverage, TorchNetwork, coverage, read_module
from conserved.problem import Problem

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Coverage", "TorchNetwork", "coverage", "from_torch"]


def from_torch(
    module: nn.Module,
    example: Tensor | Sequence[Tensor],
    *,
    loss: str | Loss = "mse",
    symmetry: str = "none",
    labels: str = "invariant",
    batch: int | None = None,
    tokens: int | None = None,
    output: str | int | None = None,
    eps: bool = True,
    spec: str | None = None,
) -> Problem:
    """The question for a PyTorch module: what stays constant while it trains?

    The module is exported (``torch.export``) and read as a program of ring operations. Its
    trainable parameters keep their names; tied ones are one; frozen ones and buffers are constants.

    Args:
        module: as it trains. In train mode batch norm takes statistics of batches (``batch``), and
            dropout is refused.
        example: what its ``forward`` takes, one tensor or several, with a batch axis in front.
            Shapes and types count, values do not; integers are token indices.
        loss: a loss, or its text.
        symmetry, labels: of the data, as texts.
        batch: a datum is a batch of so many examples; by default one example. 0: inputs have no
            batch axis.
        tokens: indices are below this; by default the size of the first table looked up.
        output: which of several outputs, by name or position.
        eps: whether the small numbers in norms count as they are; False: eps → 0.
        spec: what to call the network; by default the class of the module.

    Raises:
        InputError: what cannot be read, in one line: an operation that is not covered, with its
            module and shape; control flow on data, complex or half-precision numbers, randomness.

    Example:
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> problem = from_torch(net, torch.zeros(1, 3))
        >>> problem.network.size, [p.name for p in problem.network.parameters]
        (26, ['0.weight', '0.bias', '2.weight', '2.bias'])
    """
    network = read_module(module, example, batch=batch, tokens=tokens, output=output, spec=spec)
    if not eps and network.without_eps is not None:
        network = network.without_eps
    text = loss if isinstance(loss, str) else "mse"
    problem = Problem.around(network, loss=text, symmetry=symmetry, labels=labels)
    if isinstance(loss, str):
        return problem
    return Problem(network=network, loss=loss, symmetry=problem.symmetry, labels=problem.labels)
