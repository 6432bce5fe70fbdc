"""What verdicts say, in simulations and in real training alike."""

from __future__ import annotations


def shown(value: float) -> str:
    """Two digits.

    Example:
        >>> shown(0.12345), shown(1e-9)
        ('0.12', '1.0e-09')
    """
    if value == 0:
        return "0"
    return f"{float(value):.2g}" if 1e-3 <= abs(value) < 1e4 else f"{float(value):.1e}"


def by_ledger(units: int) -> str:
    """Every step did what it must do to a true law."""
    return f"each step moves it by what the ledger predicts, {_leaks(units)}"


def by_gradients(units: int) -> str:
    """No rule says what a step does to h, but every gradient was that of a true law."""
    return f"⟨∇h, g⟩ = 0 at every step examined, {_leaks(units)}"


def _leaks(units: int) -> str:
    return "up to rounding" if units <= 1 else f"up to {units} units of rounding"


def beyond_ledger(residual: float, units: float) -> str:
    """A step did something else."""
    return (
        f"a single step moves it by {shown(residual)} beyond what the ledger allows, "
        f"{shown(units)} units of rounding"
    )


def is_rounding(moved: float) -> str:
    """The whole drift is."""
    return f"moves by {shown(moved)}, which is rounding"


def without_rule(moved: float, why: str) -> str:
    """It drifts, and there is nothing to compare with."""
    return f"moves by {shown(moved)}: {why}"
