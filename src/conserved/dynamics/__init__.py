"""Ways of training: what each makes of the gradients that data give (theory §14)."""

from conserved.dynamics.base import ALL, Dynamics
from conserved.dynamics.combined import Combined
from conserved.dynamics.first_order import (
    Decay,
    FreeRates,
    Gradient,
    Metric,
    Mirror,
    Natural,
    Outputs,
    Rates,
    Sign,
)
from conserved.dynamics.grammar import FLOWS, FlowFamily, parse_flow
from conserved.dynamics.second_order import MirrorMomentum, Momentum, Nesterov
from conserved.dynamics.steps import Forecast, Steps

__all__ = [
    "ALL",
    "FLOWS",
    "Combined",
    "Decay",
    "Dynamics",
    "FlowFamily",
    "Forecast",
    "FreeRates",
    "Gradient",
    "Metric",
    "Mirror",
    "MirrorMomentum",
    "Momentum",
    "Natural",
    "Nesterov",
    "Outputs",
    "Rates",
    "Sign",
    "Steps",
    "parse_flow",
]
