"""Families of laws along a run: a track for each, and what steps and gradients say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.outcomes import ROUNDINGS, beyond_ledger
from conserved.watching.gradient.gradients import per_family
from conserved.watching.ledgers import rules as kinds
from conserved.watching.ledgers.values import Step, Values
from conserved.watching.look.products import Floats
from conserved.watching.look.sums import Sums
from conserved.watching.tracks import RATIO_LOST, Event, Track

if TYPE_CHECKING:
    from torch.optim import Optimizer


_WAITING = "some of its parameters are frozen, or in no optimizer"


class Families:
    """What is known of each family.

    Args:
        sums: the laws.
        values: of their functions, at the first step.
        texts: of the laws.
        optimizers, groups: as for ``tracks_of``.
        precision: relative rounding of the parameters.
        signs: draws those with which functions of a family are added up.

    Attributes:
        tracks: one for each family.
        events: for whoever takes them.
    """

    def __init__(
        self,
        sums: Sums,
        values: Values,
        texts: Sequence[str],
        optimizers: Sequence[Optimizer],
        groups: Mapping[str, int],
        *,
        precision: float,
        signs: np.random.Generator,
    ) -> None:
        self._sums, self._values = sums, values
        self._signs = signs.choice([-1.0, 1.0], size=sums.functions)
        signed = self._signs * values.value
        self.tracks = tracks_of(sums, texts, signed, values.size, optimizers, groups, precision)
        self.events: list[Event] = []
        self._offset = np.zeros(len(self.tracks))

    def resume(
        self, family: int, start: float, size: float, predicted: float, since: int | None, why: str
    ) -> None:
        """Go on from what an earlier run had come to with one family.

        Args:
            family: which.
            start, size: h and the size of its terms at the run's first step.
            predicted: h as it was predicted for now.
            since, why: what violated it, if anything did.
        """
        track = self.tracks[family]
        track.start, track.size, track.since, track.reason = start, size, since, why
        if track.predicted is not None and np.isfinite(predicted):
            self._offset[family] = predicted - track.predicted
            track.predicted = predicted

    def test(self, gradient: Floats, skipped: NDArray[np.bool_]) -> None:
        """A gradient was tested.

        Args:
            gradient: (families,) ⟨∇h, g⟩ in roundings; becomes nan where it was not tested.
            skipped: (F,) functions of which a parameter is frozen, or in no optimizer.
        """
        out = per_family(self._sums, skipped.astype(np.float64)) > 0
        gradient[out] = np.nan
        for track, frozen, worst in zip(self.tracks, out.tolist(), gradient.tolist(), strict=True):
            track.waiting = _WAITING if frozen else ""
            if not frozen:
                track.looks += 1
                track.worst = max(track.worst, worst)

    def judge(
        self,
        step: Step,
        units: Floats,
        gap: Floats,
        lost: NDArray[np.bool_],
        skipped: NDArray[np.bool_],
    ) -> Floats:
        """A step was settled.

        Args:
            step: which.
            units, gap: (F,) what it did beyond the ledger, in roundings and as it is.
            lost: (F,) functions of which nothing is forecast any more.
            skipped: as for ``test``.

        Returns:
            (families,) the largest units of each; nan where nothing was forecast.
        """
        sums, now = self._sums, self._values
        worst = per_family(sums, units)
        worst[per_family(sums, np.isnan(units).astype(np.float64)) > 0] = np.nan
        size = np.where(now.size > 0, now.size, 1.0)
        moved = per_family(sums, np.abs(now.value - now.start) / size).tolist()
        values = self._added(now.value).tolist()
        predicted = (self._added(now.predicted) + self._offset).tolist()
        over = per_family(sums, lost.astype(np.float64)) > 0
        for k, track in enumerate(self.tracks):
            track.value, track.moved = values[k], moved[k]
            if track.predicted is not None:
                track.predicted = None if over[k] else predicted[k]
            for name in step.wrong.keys() & track.tensors if step.wrong else ():
                told = f"a step of {name} is not that of its optimizer: {step.wrong[name]}"
                self.violate(k, told, step.number)
        known = ~np.isnan(worst)
        for k in np.flatnonzero(known).tolist():
            self.tracks[k].residual = max(self.tracks[k].residual, float(worst[k]))
        for k in np.flatnonzero(known & (worst > ROUNDINGS)).tolist():
            if not skipped[sums.family == k].any():
                mine = np.where(sums.family == k, units, 0)
                place = int(np.nanargmax(mine))
                self.violate(k, beyond_ledger(abs(gap[place]), worst[k]), step.number)
        return worst

    def _added(self, values: Floats) -> Floats:
        """(families,) values of functions, each with its sign."""
        found = np.bincount(self._sums.family, self._signs * values, len(self.tracks))
        return found.astype(np.float64, copy=False)

    def touched(self, names: set[str], reason: str, step: int) -> None:
        """Something was done to parameters that no law allows."""
        for k, law in enumerate(self._sums.laws):
            if law.family.tensors & names:
                self.violate(k, reason, step)

    def violate(self, family: int, reason: str, step: int) -> None:
        """The first reason is kept."""
        track = self.tracks[family]
        if track.since is None:
            track.since, track.reason = step, reason
            self.events.append(Event("violated", reason, family))


def tracks_of(
    sums: Sums,
    texts: Sequence[str],
    values: Floats,
    sizes: Floats,
    optimizers: Sequence[Optimizer],
    groups: Mapping[str, int],
    precision: float,
) -> list[Track]:
    """A track for each family.

    Args:
        sums, texts: the laws.
        values: (F,) of their functions, each with its sign.
        sizes: (F,) of their terms.
        optimizers: of the run.
        groups: number of the parameter group of each parameter, by name.
        precision: relative rounding of the parameters.
    """
    words, made = kinds.in_words(optimizers), []
    for k, law in enumerate(sums.laws):
        mine = sums.family == k
        value = float(values[mine].sum())
        tensors = tuple(dict.fromkeys(c.tensor for _, c in law.family.terms))
        unknown = _why_not(tensors, optimizers, groups)
        made.append(
            Track(
                text=texts[k],
                tensors=tensors,
                functions=law.functions,
                followed=int(mine.sum()),
                probed=law.family.key[2] > 1,
                without_eps=law.without_eps,
                degree=1 if law.family.key[0] == "linear" else 2,
                start=value,
                value=value,
                size=float(sizes[mine].sum()),
                predicted=None if unknown else value,
                rule=words,
                why_not=unknown or RATIO_LOST,
                precision=precision,
            )
        )
    return made


def _why_not(
    tensors: Sequence[str], optimizers: Sequence[Optimizer], groups: Mapping[str, int]
) -> str:
    """Why no rule says how far a law of these parameters moves, or ""."""
    rules = kinds.rules_of(optimizers)
    owners = [optimizer for optimizer in optimizers for _ in optimizer.param_groups]
    mine = sorted({groups[name] for name in tensors if name in groups})
    if not mine:  # frozen so far
        mine = list(range(len(rules)))
    return kinds.why_not([owners[k] for k in mine], [rules[k] for k in mine])
