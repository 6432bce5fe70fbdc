"""What runs in a worker: one problem, whatever happens."""

from __future__ import annotations

from conserved._version import __version__
from conserved.atlas.case import Case
from conserved.atlas.results import Result
from conserved.closure import lie_closure
from conserved.errors import ConservedError

_REASON_LIMIT = 200  # characters


def compute(case: Case, seed: int, budget: float | None) -> Result:
    """Bound the laws of one problem; a failure is a result with its reason, never an exception.

    Example:
        >>> compute(Case("linear:2-1-1", symmetry="rotation:3"), seed=0, budget=None).upper
        2
        >>> compute(Case("linear:3-1-1", symmetry="rotation:3"), seed=0, budget=None).upper is None
        True
    """
    try:
        return Result.of(case, lie_closure(case.problem(), seed=seed, budget=budget), budget)
    except Exception as error:  # one bad case never takes the rest down
        return failure(case, seed, budget, in_words(error))


def failure(case: Case, seed: int, budget: float | None, reason: str) -> Result:
    """The result of a problem that has none."""
    return Result(case=case, seed=seed, reason=reason, budget=budget)


def in_words(error: BaseException) -> str:
    """An exception on one line."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    text = str(error) if isinstance(error, ConservedError) else f"{type(error).__name__}: {error}"
    text = " ".join(text.split())
    return text if len(text) <= _REASON_LIMIT else text[: _REASON_LIMIT - 1] + "…"


def version() -> str:
    """The version a worker runs."""
    return __version__
