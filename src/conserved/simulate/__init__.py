"""Watch laws hold, break and drift along real training runs.

``simulate(problem, laws, dynamics=..., data=..., augment=..., seed=...)`` trains in float64 and
returns a ``Simulation``:

- ``trajectory: Trajectory`` with ``times, steps, lengths, losses (S,)``, ``thetas (S, D)``,
  ``values`` (a tuple: for each law its functions, (S, c)), ``drift(law)`` and
  ``drift_at_length(law, length)``; ``ladder`` has the same run at other accuracies;
- ``verdicts: tuple[Verdict, ...]`` with ``law, outcome, reason, start, drift, reach, relative``,
  ``rungs`` (drift at each accuracy), ``ledger`` (predicted and observed, step by step) and
  ``tangency``;
- ``to_json()``.

Dynamics: ``GradientFlow(time=, rtol=, decay=)``, ``GradientDescent(rate=, steps=, decay=)``,
``StochasticDescent(…, size=)``, ``Momentum(…, momentum=, dampening=, nesterov=, size=)``,
``Adam(…)``, ``AdamW(…)``, ``SignDescent(…)``, ``Muon(…)``, ``SharpnessAware(…)``.
"""

from __future__ import annotations

import sys
from types import ModuleType

from conserved.simulate.data import Dataset, initial, make_dataset
from conserved.simulate.dynamics import (
    DYNAMICS,
    Adam,
    AdamW,
    Descent,
    Dynamics,
    GradientDescent,
    GradientFlow,
    Momentum,
    Muon,
    SharpnessAware,
    SignDescent,
    StochasticDescent,
    make_dynamics,
)
from conserved.simulate.record import Ledger, Rung, Simulation, Tangency, Trajectory, Verdict
from conserved.simulate.run import simulate

__all__ = [
    "DYNAMICS",
    "Adam",
    "AdamW",
    "Dataset",
    "Descent",
    "Dynamics",
    "GradientDescent",
    "GradientFlow",
    "Ledger",
    "Momentum",
    "Muon",
    "Rung",
    "SharpnessAware",
    "SignDescent",
    "Simulation",
    "StochasticDescent",
    "Tangency",
    "Trajectory",
    "Verdict",
    "initial",
    "make_dataset",
    "make_dynamics",
    "simulate",
]


class _Callable(ModuleType):
    """This package is also the function: ``cq.simulate(…)`` works whichever was loaded first."""

    __call__ = staticmethod(simulate)


sys.modules[__name__].__class__ = _Callable
