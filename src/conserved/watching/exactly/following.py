"""Laws of an exact analysis along a run, beside those of blocks.

Laws due to the symmetry of the data hold for batches of whole orbits. Where each step draws group
elements at random instead, no single gradient is that of a law, and none is tested: what is tested
is the mean over the draws, and what is told is how far they let the law diffuse (``draws``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from conserved.errors import InputError
from conserved.law import Law, Layout
from conserved.watching.exactly.draws import FIRST
from conserved.watching.exactly.exact import Given, check_layout, flat
from conserved.watching.exactly.followed import Followed
from conserved.watching.gradient.gradients import precisions
from conserved.watching.ledgers import rules as kinds
from conserved.watching.ledgers.ledger_of_one import Rules, Step
from conserved.watching.look.products import Floats
from conserved.watching.observer import QUIET
from conserved.watching.tracks import Event, Track

if TYPE_CHECKING:
    from torch.optim import Optimizer

Augment = Literal["full", "random"]
MOST = 5 * 10**6  # derivatives of one law, which are taken at every look


class Follower:
    """All exact laws of one model under its optimizers.

    Args:
        laws: that were given.
        named: parameters by name.
        optimizers: of the run.
        charts: coordinates that an earlier part of the run saw them in, or none.
        augment: "full" where batches are unions of whole orbits; "random" where each step draws
            group elements.
        seed: draws the signs of combinations.

    Attributes:
        tracks: one for each law.
        events: of the last look.
        residual, gradient: (laws,) of the last look, in roundings; nan where not known.

    Raises:
        InputError: laws of another model, or too large; no law that random elements could move.
    """

    def __init__(
        self,
        laws: Given,
        named: Mapping[str, Any],
        optimizers: Sequence[Optimizer],
        *,
        charts: Sequence[tuple[int, ...]],
        augment: Augment,
        seed: int,
    ) -> None:
        self._optimizers, self._named = optimizers, named
        own = precisions(named)
        rng = np.random.default_rng(seed)
        points = {law.layout: flat(law.layout, named) for law in _checked(laws.exact, named)}
        self._floor = {layout: np.zeros(layout.size) for layout in points}
        self._followed: list[Followed] = []
        for k, law in enumerate(laws.exact):
            due = f"due to the {law.origin}" if law.origin != "architecture" else ""
            followed = Followed(
                law,
                points[law.layout],
                chart=charts[k] if k < len(charts) else None,
                random=augment == "random" and law.origin == "data symmetry",
                due=f"{due} ({laws.group})" if due and laws.group else due,
                precision=max(own[name] for name, _ in law.layout.tensors),
                rng=rng,
            )
            followed.begin(self._rules(followed))
            self._followed.append(followed)
        self.events: list[Event] = []

    @property
    def tracks(self) -> list[Track]:
        """One for each law."""
        return [one.track for one in self._followed]

    @property
    def residual(self) -> Floats:
        """(laws,) of the last look."""
        return np.array([one.residual for one in self._followed])

    @property
    def gradient(self) -> Floats:
        """(laws,) of the last look."""
        return np.array([one.gradient for one in self._followed])

    def resume(
        self, law: int, start: float, size: float, predicted: float, since: int | None, why: str
    ) -> None:
        """As ``Observer.resume``; a track has what draws had done by then."""
        one = self._followed[law]
        one.track.since, one.track.reason = since, why
        one.resume(start, size, predicted)

    @QUIET
    def before(
        self,
        step: int,
        named: Mapping[str, Any],
        slopes: Mapping[str, Any],
        half: float,
        why_not: str,
        *,
        underflow: bool = False,
    ) -> None:
        """Look at the gradients that step number ``step`` is about to use, or say why not."""
        self._number, self._named, self.events = step, named, []
        velocity = kinds.velocities(self._optimizers, named)
        groups = kinds.groups_of(self._optimizers, named)
        seen = {layout: self._seen(layout, named, slopes, velocity) for layout in self._floor}
        for one in self._followed:
            frozen = [n for n in one.names if not named[n].requires_grad or n not in groups]
            waiting = f"{frozen[0]} is not trained" if frozen else why_not
            one.before(step, seen[one.law.layout], half, waiting, underflow=underflow)
            self._note(one)

    def _seen(
        self,
        layout: Layout,
        named: Mapping[str, Any],
        slopes: Mapping[str, Any],
        velocity: Mapping[str, Any],
    ) -> Step:
        slope, floor = flat(layout, slopes), self._floor[layout]
        for name, _ in layout.tensors:
            mine = layout.indices(name).ravel()
            floor[mine] = np.maximum(floor[mine], np.sqrt(np.mean(slope[mine] ** 2)))
        names = [name for name, _ in layout.tensors]
        return Step(
            flat(layout, named),
            slope,
            floor,
            flat(layout, velocity),
            frozenset(n for n in names if n in velocity),
            frozenset(n for n in names if n not in slopes),
        )

    @QUIET
    def after(self) -> None:
        """Enter the step in every ledger."""
        velocity = kinds.velocities(self._optimizers, self._named)
        ends = {
            layout: (flat(layout, self._named), flat(layout, velocity)) for layout in self._floor
        }
        for one in self._followed:
            one.after(*ends[one.law.layout], self._rules(one))
            self._note(one)
            if one.track.draws is not None and _marked(one.track.draws.looks):
                law = self._followed.index(one)
                self.events.append(Event("diffusing", one.track.draws.words, law))

    def skip(self) -> None:
        """A step was taken that is not looked at."""
        for one in self._followed:
            one.skip()

    def _note(self, one: Followed) -> None:
        if one.broken and one.track.since is None:
            one.track.since, one.track.reason = self._number, one.broken
            self.events.append(Event("violated", one.broken, self._followed.index(one)))

    def _rules(self, one: Followed) -> Rules:
        """How the parameters of one law step, with a common rule where rates are the same."""
        groups = kinds.groups_of(self._optimizers, self._named)
        every = kinds.rules_of(self._optimizers)
        rates = [float(g["lr"]) for o in self._optimizers for g in o.param_groups]
        mine = sorted({groups[name] for name in one.names if name in groups})
        common = kinds.joint([every[k] for k in mine])
        owners = [o for o in self._optimizers for _ in o.param_groups]
        unknown = kinds.why_not([owners[k] for k in mine], [every[k] for k in mine])
        decay, weights = np.zeros(one.law.layout.size), np.ones(one.law.layout.size)
        by_group = dict(zip(mine, common.decays, strict=True)) if common is not None else {}
        counts = dict(zip(mine, common.weights, strict=True)) if common is not None else {}
        for name in one.names:
            places, group = one.law.layout.indices(name).ravel(), groups.get(name, -1)
            decay[places], weights[places] = by_group.get(group, 0.0), counts.get(group, 1.0)
        return Rules(
            common.steps if common is not None and not unknown else None,
            -1.0 if common is not None and common.sign < 0 else 1.0,
            decay,
            weights,
            tuple(dict.fromkeys(by_group.values())),
            max((rates[k] for k in mine), default=0.0),
            unknown,
        )


def _marked(looks: int) -> bool:
    """Whether a run under way tells how far draws have come: at 128, 256, 512, … looks."""
    return looks >= FIRST and not looks & (looks - 1)


def _checked(laws: Sequence[Law], named: Mapping[str, Any]) -> Sequence[Law]:
    for law in laws:
        check_layout(law, named)
        if law.size * law.layout.size > MOST:
            advice = (
                f"{law.size:,} functions of {law.layout.size:,} parameters are more than can be "
                f"followed at every look, up to {MOST:,} derivatives; leave it out"
            )
            raise InputError("laws", law.text, advice)
    return laws


def followed(
    laws: Given,
    named: Mapping[str, Any],
    optimizers: Sequence[Optimizer],
    *,
    charts: Sequence[tuple[int, ...]],
    augment: Augment,
    seed: int,
) -> Follower | None:
    """A follower of the exact laws that were given; None where there are none.

    Raises:
        InputError: an augmentation that is unknown, or that moves none of them.
    """
    if augment not in get_args(Augment):
        raise InputError("augment", augment, f"known: {', '.join(get_args(Augment))}")
    if augment == "random" and not any(law.origin == "data symmetry" for law in laws.exact):
        advice = "needs laws due to a symmetry of the data: laws=analyze(from_torch(…, symmetry=…))"
        raise InputError("augment", augment, advice)
    if not laws.exact:
        return None
    return Follower(laws, named, optimizers, charts=charts, augment=augment, seed=seed)
