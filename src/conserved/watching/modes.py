"""Whether a model runs as it did when its laws were found: in training or in evaluation."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from conserved.watching.tensors import inner

if TYPE_CHECKING:
    from torch import nn


class Modes:
    """The modes of the parts of a model whose forward asks for theirs, such as dropout.

    Attributes:
        changed: whether they were others at the first forward of the run.
    """

    def __init__(self, model: nn.Module) -> None:
        asking = [part for part in inner(model).modules() if _asks(part)]
        self._before = [(part, part.training) for part in asking]
        self.changed = False

    @property
    def words(self) -> str:
        """What happened."""
        return (
            "The laws are those of the model as it was when the watch began, and it was in another "
            "mode then: model.train() before conserved.watch."
        )

    def check(self) -> None:
        """The run has its first forward: warns where it is in another mode."""
        if any(part.training != mode for part, mode in self._before):
            self.changed = True
            warnings.warn(self.words, stacklevel=6)
        self._before = []


def _asks(part: Any) -> bool:
    code = getattr(type(part).forward, "__code__", None)
    return code is not None and "training" in code.co_names
