"""Watching real training: which invariants must hold, and did they.

``check_gradients`` asks one backward pass, ``watch`` a whole run; ``rebalance`` moves a model along
the symmetries that laws belong to. All take the laws of the whole
model (``conserved.blocks``) and test that every raw gradient is orthogonal to them, whatever the
optimizer makes of it.
"""

from conserved.watching.balance import Balance, imbalance, rebalance
from conserved.watching.callbacks import lightning_callback, trainer_callback
from conserved.watching.gradient.gradients import GradientError, GradientReport, check_gradients
from conserved.watching.opening import watch
from conserved.watching.sinks import sink
from conserved.watching.training import Watch

__all__ = [
    "Balance",
    "GradientError",
    "GradientReport",
    "Watch",
    "check_gradients",
    "imbalance",
    "lightning_callback",
    "rebalance",
    "sink",
    "trainer_callback",
    "watch",
]
