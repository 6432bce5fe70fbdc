"""Data to train on: inputs and labels that fit a network and its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conserved.arithmetic.scalars import Array


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and labels, before any augmentation.

    Attributes:
        name: the text that makes it ("teacher", "digits", "points.csv").
        summary: what it is, in words.
        inputs: (N, *input).
        labels: (N, *output).
    """

    name: str
    summary: str
    inputs: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.inputs)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "summary": self.summary, "samples": len(self)}
