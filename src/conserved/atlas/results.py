"""What a sweep found: one result a problem."""

from __future__ import annotations

from dataclasses import dataclass

from conserved._version import __version__
from conserved.atlas.case import Case
from conserved.closure import Closure


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
