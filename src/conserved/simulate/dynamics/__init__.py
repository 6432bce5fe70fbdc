"""The ways to train: along a flow, and by steps. One protocol, a leaf for each."""

from __future__ import annotations

from typing import Any

from conserved.errors import InputError, nearest
from conserved.simulate.dynamics.base import Course, Dynamics, require_number
from conserved.simulate.dynamics.descent import (
    Descent,
    GradientDescent,
    Momentum,
    StochasticDescent,
)
from conserved.simulate.dynamics.flow import GradientFlow
from conserved.simulate.dynamics.others import Adam, AdamW, Muon, SharpnessAware, SignDescent

__all__ = [
    "DYNAMICS",
    "Adam",
    "AdamW",
    "Course",
    "Descent",
    "Dynamics",
    "GradientDescent",
    "GradientFlow",
    "Momentum",
    "Muon",
    "SharpnessAware",
    "SignDescent",
    "StochasticDescent",
    "as_dynamics",
    "make_dynamics",
    "require_number",
]

_LEAVES: tuple[type[Dynamics], ...] = (
    GradientFlow,
    GradientDescent,
    StochasticDescent,
    Momentum,
    Adam,
    AdamW,
    SignDescent,
    Muon,
    SharpnessAware,
)
DYNAMICS: dict[str, type[Dynamics]] = {kind.name: kind for kind in _LEAVES}


def as_dynamics(given: Dynamics | str) -> Dynamics:
    """Dynamics as they are, or by their name.

    Raises:
        InputError: anything else.
    """
    if isinstance(given, str):
        return make_dynamics(given)
    if not isinstance(given, Dynamics):
        raise InputError("dynamics", repr(given), "give dynamics such as GradientFlow()")
    return given


def make_dynamics(name: str, **settings: Any) -> Dynamics:
    """The dynamics of that name; settings that are None are left at their defaults.

    Raises:
        InputError: no such dynamics, or a setting that it does not have.

    Example:
        >>> make_dynamics("momentum", rate=0.1, momentum=None).text
        'momentum, rate 0.1, steps 1000, momentum 0.9'
    """
    kind = DYNAMICS.get(name.strip())
    if kind is None:
        raise InputError("dynamics", name, f"unknown; {nearest(name, DYNAMICS)}")
    given = {key: value for key, value in settings.items() if value is not None}
    known = kind.__dataclass_fields__
    for key, value in given.items():
        if key not in known:
            advice = f"'{kind.name}' does not take it; it takes {', '.join(known)}"
            raise InputError(key, value, advice)
    return kind(**given)
