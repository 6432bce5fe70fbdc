"""What a simulation leaves behind: plain frozen records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conserved._version import __version__
from conserved.deprecation import RenamedWord
from conserved.dynamics.outcomes import SOUND, Finding, Outcome, outcome_in_words
from conserved.errors import InputError
from conserved.law import Law
from conserved.law.lines import Line, lines
from conserved.notation import mathml
from conserved.notebook import card, frame
from conserved.problem import Problem
from conserved.simulate.data import Augment, Dataset
from conserved.simulate.diffusion import Diffusion
from conserved.simulate.dynamics import Dynamics

if TYPE_CHECKING:
    from pandas import DataFrame

SCHEMA = "conserved.simulation/1"

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One run, at the moments kept (the first and the last are always kept).

    Attributes:
        dynamics: how θ moved.
        times: (S,) time of gradient flow; for descent η times the step, η/(1−μ) with momentum.
        steps: (S,) steps taken so far (accepted ones of the solver).
        lengths: (S,) length of the path of θ so far, summed over every step.
        losses: (S,) L(θ) over all data.
        thetas: (S, D).
        values: for each law its functions, (S, c).
        stopped: why it ended, in words.
        complete: whether it reached its end.
        evaluations: of the gradient.
        predicted: for each law (S, c), how far what breaks the symmetry of the data has moved it by
            then, along a flow; None where that is not summed up.
    """

    dynamics: Dynamics
    times: Floats
    steps: NDArray[np.int64]
    lengths: Floats
    losses: Floats
    thetas: Floats
    values: tuple[Floats, ...]
    stopped: str
    complete: bool
    evaluations: int
    predicted: tuple[Floats | None, ...] = ()

    def drift(self, law: int) -> Floats:
        """h(θ(t)) − h(θ(0)) for the law of that number, (S, c)."""
        values = self.values[law]
        moved: Floats = values - values[0]
        return moved

    def drift_at_length(self, law: int, length: float) -> Floats:
        """The drift when the path had this length, (c,), linear in between.

        Raises:
            InputError: the path is shorter.
        """
        if not 0 <= length <= self.lengths[-1]:
            raise InputError("length", length, f"the path has length {self.lengths[-1]:g}")
        columns = self.drift(law).T
        return np.array([np.interp(length, self.lengths, column) for column in columns])

    def to_json(self) -> dict[str, Any]:
        return {
            "dynamics": self.dynamics.to_json(),
            "times": self.times.tolist(),
            "steps": self.steps.tolist(),
            "lengths": self.lengths.tolist(),
            "losses": _numbers(self.losses),
            "values": [[_numbers(row) for row in values] for values in self.values],
            "stopped": self.stopped,
            "complete": self.complete,
            "evaluations": self.evaluations,
        }


@dataclass(frozen=True)
class Rung:
    """One accuracy at which a law was watched.

    Attributes:
        setting: "rtol" or "rate".
        value: of that setting.
        drift: the largest |h(θ(t)) − h(θ(0))|, of the component that decides.
        allowance: how much of that numerical error explains: for the solver its tolerance and
            rounding, for descent rounding alone.
    """

    setting: str
    value: float
    drift: float
    allowance: float


@dataclass(frozen=True, eq=False)
class Ledger:
    """What a true law has to do at each step, beside what it did (theory §10).

    Attributes:
        rule: the prediction, as a formula.
        steps: (K,) the steps at which the two are compared.
        predicted: (K, c) change of h since the start that the rule predicts, step by step.
        observed: (K, c) change that was met.
        residual: the largest difference that one step added, of the component that decides.
        units: the same in units of what rounding explains; near 1 or less for a true law.
        audited: how many single steps were checked.
    """

    rule: str
    steps: NDArray[np.int64]
    predicted: Floats
    observed: Floats
    residual: float
    units: float
    audited: int

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "steps": self.steps.tolist(),
            "predicted": [_numbers(row) for row in self.predicted],
            "observed": [_numbers(row) for row in self.observed],
            "residual": _number(self.residual),
            "units": _number(self.units),
            "audited": self.audited,
        }


@dataclass(frozen=True)
class Tangency:
    """⟨∇h, ∇L⟩ at generic points away from the trajectory, on the same data; 0 for a true law.

    Attributes:
        points: how many.
        cosine: the largest |⟨∇h, ∇L⟩| / Σ_i |∂_i h| |∂_i L|.
        units: the largest |⟨∇h, ∇L⟩| in units of what rounding explains.
    """

    points: int
    cosine: float
    units: float


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the run says about one law.

    Attributes:
        law: the law.
        outcome: conserved (it stays, up to numerical error), drifting as predicted (it moves, by
            exactly what the steps must do to a true law), drifting (it moves under steps that are
            not along the gradient: no rule says how far, and that is no error), violated (it is no
            law of this run), or not tested.
        reason: one sentence with the numbers.
        since: the first step examined that no true law makes; None where there is none. With a
            ledger every step is examined, else some of them.
        common: the part of the reason that all laws of this outcome share, or "".
        component: the function of the law that decides, from 0.
        start: the largest |h_c(θ(0))|.
        drift: the largest |h_c(θ(t)) − h_c(θ(0))|, of the component that decides.
        reach: ∫ Σ_i |∂_i h| |dθ_i| of that component: how far it would have gone had nothing
            cancelled.
        rungs: the same at several accuracies, coarsest first; empty where there are none.
        ledger: step by step, for descent.
        tangency: away from the trajectory.
    """

    law: Law
    outcome: Outcome
    reason: str
    since: int | None = None
    common: str = ""
    component: int = 0
    start: float = 0.0
    drift: float = 0.0
    reach: float = 0.0
    rungs: tuple[Rung, ...] = ()
    ledger: Ledger | None = None
    tangency: Tangency | None = None

    @property
    def relative(self) -> float:
        """Drift as a share of the reach: next to 0 for a true law under the flow."""
        return self.drift / self.reach if self.reach > 0 else 0.0

    def __post_init__(self) -> None:
        if self.outcome == "violated":
            object.__setattr__(self, "outcome", RenamedWord("violated", "broken"))

    @property
    def words(self) -> str:
        """The outcome, and since which step."""
        return outcome_in_words(self.outcome, self.since)

    @property
    def finding(self) -> Finding:
        """Its outcome, with the reason in two parts."""
        return Finding.of(self.outcome, self.reason, self.common, self.since)

    @property
    def holds(self) -> bool:
        """Tested, and not violated."""
        return self.outcome in SOUND

    def to_json(self) -> dict[str, Any]:
        return {
            **self.law.to_json(),
            "outcome": str(self.outcome),
            "since": self.since,
            "reason": self.reason,
            "component": self.component,
            "start": _number(self.start),
            "drift": _number(self.drift),
            "reach": _number(self.reach),
            "relative": _number(self.relative),
            "rungs": [
                {
                    "setting": rung.setting,
                    "value": rung.value,
                    "drift": _number(rung.drift),
                    "allowance": _number(rung.allowance),
                }
                for rung in self.rungs
            ],
            "ledger": None if self.ledger is None else self.ledger.to_json(),
            "tangency": None
            if self.tangency is None
            else {
                "points": self.tangency.points,
                "cosine": _number(self.tangency.cosine),
                "units": _number(self.tangency.units),
            },
        }


@dataclass(frozen=True, eq=False)
class Simulation:
    """A run with its verdicts.

    Attributes:
        problem: what is trained, and the class of data.
        dynamics: as asked for.
        data: the data before augmentation.
        augment: "full" (averaged over the group exactly), "random" (one random group element for
            each datum of each step) or "none".
        route: how the loss was computed, in words.
        seed: with the rest, replays everything.
        trajectory: the run asked for.
        ladder: the same run at other accuracies (looser tolerances, smaller steps).
        verdicts: one for each law, in the order given.
        seconds: wall time.
        complete: whether it was not interrupted.
        diffusion: over seeds of the augmentation, where these were asked for.
    """

    problem: Problem
    dynamics: Dynamics
    data: Dataset
    augment: Augment
    route: str
    seed: int
    trajectory: Trajectory
    ladder: tuple[Trajectory, ...]
    verdicts: tuple[Verdict, ...]
    seconds: float
    complete: bool = field(default=True)
    diffusion: tuple[Diffusion, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every law was tested, and none is violated."""
        spread = all(found.holds for found in self.diffusion)
        return self.complete and spread and all(verdict.holds for verdict in self.verdicts)

    def to_frame(self) -> DataFrame:
        """The verdicts as a table of pandas, a law a row: ``law``, ``outcome``, ``start``,
        ``drift``, ``reach``, ``relative``, ``reason``.

        Raises:
            ConservedError: pandas is not installed.
        """
        columns = ("law", "outcome", "start", "drift", "reach", "relative", "reason")
        rows = (
            {"law": v.law.text} | {name: getattr(v, name) for name in columns[1:]}
            for v in self.verdicts
        )
        return frame(rows, columns)

    def _repr_html_(self) -> str:
        rows = [
            (f"+{line.independent}", mathml(line.formula), self.verdicts[number].outcome)
            for line, number, _ in told_together(self.verdicts)
        ]
        facts = {
            "network": self.problem.network.spec,
            "loss": self.problem.loss.spec,
            "data": self.problem.class_words,
            "dynamics": self.dynamics.name,
        }
        held = sum(verdict.holds for verdict in self.verdicts)
        answer = f"{held} of {len(self.verdicts)} laws hold in this run"
        return card(answer, sure=self.holds, facts=facts, rows=rows)

    def to_json(self) -> dict[str, Any]:
        """One object; ``laws`` has the entries of the analysis with the verdict added to each."""
        return {
            "schema": SCHEMA,
            "version": __version__,
            "complete": self.complete,
            "problem": self.problem.to_json(),
            "parameters": self.problem.network.size,
            "dynamics": self.dynamics.to_json(),
            "data": {**self.data.to_json(), "augment": self.augment, "route": self.route},
            "seed": self.seed,
            "laws": [verdict.to_json() for verdict in self.verdicts],
            "trajectory": self.trajectory.to_json(),
            "ladder": [trajectory.to_json() for trajectory in self.ladder],
            "diffusion": [spread.to_json() for spread in self.diffusion],
            "seconds": round(self.seconds, 6),
        }


def _number(value: float) -> float | None:
    """JSON has no infinities; what overflowed is null."""
    return float(value) if np.isfinite(value) else None


def _numbers(values: Floats) -> list[float | None]:
    return [_number(value) for value in values]


def told_together(verdicts: Sequence[Verdict]) -> list[tuple[Line, int, Finding]]:
    """Laws of one pattern and one outcome on one line, told by the one that went furthest.

    Args:
        verdicts: of one simulation.

    Returns:
        For each line which verdict tells it, and what that says.
    """
    out = []
    for line in lines([v.law for v in verdicts], [v.outcome for v in verdicts]):
        number = max(line.members, key=lambda k: _far(verdicts[k]))
        verdict = verdicts[number]
        which = f"{verdict.law.text}, the furthest: " if len(line.laws) > 1 else ""
        found = verdict.finding
        out.append((line, number, replace(found, own=which + found.own)))
    return out


def _far(verdict: Verdict) -> float:
    """How far a law went, as a share of what it could; nothing where that is not known."""
    return -1.0 if np.isnan(verdict.relative) else verdict.relative
