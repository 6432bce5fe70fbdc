"""The results of a sweep beside each other: one cell compares a problem with all data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

from conserved._version import __version__
from conserved.atlas.case import Case
from conserved.atlas.results import Result
from conserved.atlas.store import Store

SCHEMA = "conserved.atlas/1"


@dataclass(frozen=True)
class Cell:
    """One problem beside the same on all data.

    Attributes:
        result: with the symmetry.
        architecture: on all data; None while it is not computed.
    """

    result: Result
    architecture: Result | None

    @property
    def case(self) -> Case:
        return self.result.case

    @property
    def added_upper(self) -> int | None:
        """Upper bound with the symmetry minus upper bound for all data.

        The symmetry adds at most so many laws, the bound for all data being sharp; as a closed
        one is with all but negligible probability over the random point. None when either has no
        bound.
        """
        if self.architecture is None or self.result.upper is None:
            return None
        if self.architecture.upper is None:
            return None
        return self.result.upper - self.architecture.upper

    @property
    def failed(self) -> bool:
        return self.result.failed or (self.architecture is not None and self.architecture.failed)

    @property
    def sure(self) -> bool:
        """Whether both bounds are closed and proved."""
        return self.result.sure and self.architecture is not None and self.architecture.sure

    @property
    def weakness(self) -> str:
        """What is wrong with the cell, on one line; "" when nothing is."""
        if self.result.weakness or self.architecture is None:
            return self.result.weakness
        weakness = self.architecture.weakness
        return f"for all data: {weakness}" if weakness else ""

    def to_json(self) -> dict[str, Any]:
        """One element of ``cells`` in the JSON contract."""
        return {
            "problem": self.case.to_json(),
            "seed": self.result.seed,
            "parameters": self.result.parameters,
            "upper": self.result.upper,
            "architecture_upper": self.architecture.upper if self.architecture else None,
            "added_upper": self.added_upper,
            "closed": self.result.closed and bool(self.architecture and self.architecture.closed),
            "rigorous": self.result.rigorous
            and bool(self.architecture and self.architecture.rigorous),
            "failed": self.failed,
            "reason": self.weakness,
            "seconds": round(self.result.seconds, 6),
        }


@dataclass(frozen=True)
class Atlas:
    """The results of a sweep, or of a whole results file.

    Example:
        >>> Atlas((Result(Case("linear:2-1-1"), seed=0, upper=1),)).cells
        ()
    """

    results: tuple[Result, ...]

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Atlas:
        """Everything in a results file, which is only read, even while a sweep writes to it.

        Raises:
            InputError: no such file, or not an atlas.
        """
        with Store(path, create=False) as store:
            return cls(store.results())

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every result with a symmetry, beside its architecture."""
        known = {(result.case, result.seed): result for result in self.results}
        return tuple(
            Cell(result, known.get((result.case.architecture(), result.seed)))
            for result in self.results
            if result.case.symmetry != "none"
        )

    def to_json(self) -> dict[str, Any]:
        """The object of the JSON contract."""
        cells = self.cells
        return {
            "schema": SCHEMA,
            "version": __version__,
            "problems": len(cells),
            "failed": sum(cell.failed for cell in cells),
            "cells": [cell.to_json() for cell in cells],
        }
