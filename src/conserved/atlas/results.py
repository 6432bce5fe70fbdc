"""What a sweep found: one result a problem, one cell a comparison with all data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

from conserved._version import __version__
from conserved.atlas.case import Case
from conserved.closure import Closure

SCHEMA = "conserved.atlas/1"


@dataclass(frozen=True)
class Result:
    """The upper bound for one problem, or why there is none.

    Attributes:
        case: the problem.
        seed: with the case, replays the run.
        upper: at most so many independent laws; None when it failed.
        parameters: D.
        ranks: rank of the fields, then after each doubling of bracket length.
        closed: brackets raised the rank no further.
        rigorous: every formal value used is known to be generic.
        stopped, note: why the search ended, and what weakens the bound, in words.
        reason: why it failed, on one line; "" when it did not.
        prime: modulus of the ranks.
        budget: seconds it was given, None for no limit.
        seconds: wall time of the closure.
        version: of the program that found it.
        computations: how often this result has been computed and reported; 1 unless asked for.
    """

    case: Case
    seed: int
    upper: int | None = None
    parameters: int | None = None
    ranks: tuple[int, ...] = ()
    closed: bool = False
    rigorous: bool = False
    stopped: str = ""
    note: str = ""
    reason: str = ""
    prime: int | None = None
    budget: float | None = None
    seconds: float = 0.0
    version: str = __version__
    computations: int = 1

    @classmethod
    def of(cls, case: Case, closure: Closure, budget: float | None) -> Result:
        """The result that a closure is."""
        return cls(
            case=case,
            seed=closure.seed,
            upper=closure.upper,
            parameters=closure.parameters,
            ranks=closure.ranks,
            closed=closure.closed,
            rigorous=closure.rigorous,
            stopped=closure.stopped,
            note=closure.note,
            prime=closure.prime,
            budget=budget,
            seconds=closure.seconds,
        )

    @property
    def failed(self) -> bool:
        return self.upper is None

    @property
    def sure(self) -> bool:
        """Whether the bound is closed and proved."""
        return self.closed and self.rigorous

    @property
    def weakness(self) -> str:
        """Why there is no bound, or what is wrong with it; "" when nothing is."""
        if self.failed:
            return self.reason
        return "; ".join([self.stopped] * (not self.closed) + [self.note] * (not self.rigorous))

    def settles(self, budget: float | None, retry: bool = False) -> bool:
        """Whether computing again, with this budget, would tell nothing new."""
        if self.failed:
            return not retry
        if self.closed or self.budget is None:
            return True
        return budget is not None and budget <= self.budget


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
        one is, but for bad luck with a random point. None when either has no bound.
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
        from conserved.atlas.store import Store

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
