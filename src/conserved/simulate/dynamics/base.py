"""What every way to train offers: how it moves θ, and what its run can tell of a law."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.outcomes import optimizer_in_words, rates_in_words
from conserved.dynamics.steps import Steps
from conserved.errors import InputError, is_whole
from conserved.kernel.scalars import Array
from conserved.simulate.objective import Objective
from conserved.simulate.recorder import Main, Recorder

STEP_LIMIT = 10_000_000
GROWTH = 1e6  # of |θ|, beyond which a run counts as blown up

Watch = Callable[[float], None]
# θ, direction, θ⁺, what momentum carries on, and over which data (None for all)
Audit = Callable[[Array, Array, Array, Array, "NDArray[np.intp] | None"], None]


@dataclass(frozen=True, kw_only=True)
class Course:
    """What one run draws from and is told to, and when it ends.

    Attributes:
        rng: shuffles the data into minibatches.
        audit: told of every step.
        length: stop when the path of θ is as long.
        watch: called with the share of the run that is done.
        main: the run of which this is one at another accuracy.
    """

    rng: np.random.Generator
    audit: Audit | None = None
    length: float | None = None
    watch: Watch | None = None
    main: Main | None = None


@dataclass(frozen=True, kw_only=True)
class Dynamics(ABC):
    """How θ moves, given ∇L.

    Law every leaf obeys: ``run`` leaves a valid record whatever happens, and of a true law it says
    by ``ledger``, ``ladder`` or ``why_not`` how the run tells it from a false one.

    Not to be confused with ``conserved.dynamics.Dynamics``, a flow whose constants are counted: the
    flow of a problem is followed by ``GradientFlow``, and steps are watched beside it.

    Attributes:
        stepwise: whether it moves by steps, which are tested one by one; or else along a flow, by a
            solver that promises a tolerance.
        looks_twice: whether a step needs the gradient of one batch at two points.
        optimizer: the name of whatever makes such steps; "" along a flow.
        why_not: what to say of a true law that moves under such steps, where no rule says how far.
        decay: λ ≥ 0, the weight decay, λθ added to the gradient (to the step where that says so).
    """

    name: ClassVar[str]
    formula: ClassVar[str]
    stepwise: ClassVar[bool] = False
    looks_twice: ClassVar[bool] = False
    optimizer: ClassVar[str] = ""
    why_not: ClassVar[str] = ""

    decay: float = 0.0

    def __post_init__(self) -> None:
        require_number("decay", self.decay, least=0.0)

    @property
    @abstractmethod
    def setting(self) -> tuple[str, float]:
        """What tells its accuracies apart, and its value: ("rtol", 1e-13)."""

    @property
    def tolerance(self) -> float:
        """What a solver lets through in each step, relative to θ; 0 where nothing is solved."""
        return 0.0

    @property
    def carried(self) -> float:
        """How many gradients, older ones included, one step adds up to at most."""
        return 1.0

    @property
    def planned(self) -> int:
        """How many steps; 0 where a solver chooses them."""
        return 0

    @property
    def batch(self) -> int | None:
        """How many data make up one gradient; None for all."""
        return None

    @property
    def ledger(self) -> Steps | None:
        """Its steps as those whose effect on a law is known exactly; None for any others."""
        return None

    @property
    def steps_in_words(self) -> str:
        """Its steps as those of real training are told: "SGD, momentum 0.9, rate 0.1"."""
        rate, held = self.setting[1], asdict(self)
        names = ("momentum", "dampening", "decay")
        settings = {name: {held[name]} for name in names if name in held}
        words = optimizer_in_words(self.optimizer, settings, nesterov=bool(held.get("nesterov")))
        return f"{words}, {rates_in_words(rate, rate)}"

    def ladder(self) -> tuple[Dynamics, ...]:
        """The same dynamics at other accuracies, which tell true laws from false; may be empty."""
        return ()

    @abstractmethod
    def finer(self, factor: int) -> Dynamics:
        """The same over the same horizon with a step (or tolerance) smaller by a factor."""

    @abstractmethod
    def run(self, objective: Objective, theta: Array, recorder: Recorder, course: Course) -> None:
        """Train from a state into a recorder, which keeps what is met."""

    @property
    def text(self) -> str:
        """Its name and settings on one line."""
        rest = {key: value for key, value in asdict(self).items() if value not in (None, 0.0)}
        return ", ".join([self.name, *(f"{key} {_shown(value)}" for key, value in rest.items())])

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "formula": self.formula, **asdict(self)}


def require_number(
    name: str, value: float, *, above: float | None = None, least: float | None = None
) -> None:
    """Refuse what is not a finite number of the wanted size."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if number and (above is None or value > above) and (least is None or value >= least):
        return
    wanted = f"above {above:g}" if above is not None else f"at least {least:g}"
    raise InputError(name, value, f"give a number {wanted}")


def require_fraction(name: str, value: float) -> None:
    """Refuse what is not a number from 0 to below 1."""
    require_number(name, value, least=0.0)
    if value >= 1:
        raise InputError(name, value, "give a number below 1")


def require_count(name: str, value: int, most: int) -> None:
    """Refuse what is not a whole number from 1 to ``most``."""
    if not is_whole(value) or not 1 <= value <= most:
        raise InputError(name, value, f"give a whole number from 1 to {most:,}")


def _shown(value: object) -> str:
    return f"{value:g}" if type(value) is float else str(value)
