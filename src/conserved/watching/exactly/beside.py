"""Block laws and exact laws of one run, as one observer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.blocks import BlockLaws
from conserved.watching.exactly.following import Follower
from conserved.watching.look.looking import gradients
from conserved.watching.look.probes import Probes
from conserved.watching.look.products import Floats
from conserved.watching.observer import Observer
from conserved.watching.tracks import Event, Track

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


class Beside:
    """What ``Observer`` is to ``Watch``, with exact laws after the families of blocks.

    Args:
        exact: laws that are followed.
        model, optimizers, laws, agree, probes: as for ``Observer``.
        told: called with the number of a step, and this, when all is known of it.
    """

    def __init__(
        self,
        exact: Follower,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        laws: BlockLaws,
        *,
        agree: bool,
        probes: Probes,
        told: Callable[[int, Beside], None],
    ) -> None:
        self._follower = exact
        self._observer = Observer(
            model,
            optimizers,
            laws,
            agree=agree,
            probes=probes,
            told=lambda step, _: told(step, self),
        )

    @property
    def laws(self) -> BlockLaws:
        """Of blocks."""
        return self._observer.laws

    @property
    def optimizers(self) -> tuple[Optimizer, ...]:
        """Of the run."""
        return self._observer.optimizers

    @property
    def precision(self) -> float:
        """Relative rounding of the parameters."""
        return self._observer.precision

    @property
    def rates(self) -> list[float]:
        """Of each parameter group."""
        return self._observer.rates

    @property
    def looking(self) -> bool:
        """Whether a step has begun to be looked at."""
        return self._observer.looking

    @property
    def tracks(self) -> list[Track]:
        """Families of blocks, then exact laws."""
        return self._observer.tracks + self._follower.tracks

    @property
    def residual(self) -> Floats:
        """Of the last look, for each track."""
        return np.append(self._observer.residual, self._follower.residual)

    @property
    def gradient(self) -> Floats:
        """Of the last look, for each track."""
        return np.append(self._observer.gradient, self._follower.gradient)

    def resume(
        self, track: int, start: float, size: float, predicted: float, since: int | None, why: str
    ) -> None:
        """As ``Observer.resume``."""
        families = len(self._observer.tracks)
        if track < families:
            self._observer.resume(track, start, size, predicted, since, why)
        else:
            self._follower.resume(track - families, start, size, predicted, since, why)

    def note_precision(self) -> None:
        """Called in the forward pass."""
        self._observer.note_precision()

    def note_kind(self, kind: Any) -> None:
        """As ``Observer.note_kind``."""
        self._observer.note_kind(kind)

    def before(self, step: int) -> None:
        """Look at the gradient that a step is about to use."""
        self._observer.before(step)
        named = self._observer.parameters()
        left_out = self.not_taken()
        slopes = {} if left_out else gradients(named, self.optimizers)
        why = "the step was not taken" if left_out else ""
        half, small = self._observer.half, self._observer.underflow
        self._follower.before(step + 1, named, slopes, half, why, underflow=small)
        for track in self._follower.tracks:
            track.rule = self._observer.rule

    def after(self, *, soon: bool) -> None:
        """Note what a step did; exact laws settle it at once."""
        if not self.not_taken():
            self._follower.after()
        self._observer.after(soon=soon)

    def not_taken(self) -> bool:
        """As ``Observer.not_taken``."""
        return self._observer.not_taken()

    def settle(self) -> None:
        """Have the ledger of the last step ready."""
        self._observer.settle()

    @property
    def events(self) -> list[Event]:
        """Of the last look."""
        families = len(self._observer.tracks)
        own = [
            Event(e.what, e.text, None if e.law is None else families + e.law)
            for e in self._follower.events
        ]
        return [*self._observer.events, *own]

    def drop(self) -> None:
        """Look at this step no more."""
        self._observer.drop()

    def skip(self) -> None:
        """A step was taken that is not looked at."""
        self._observer.skip()
        self._follower.skip()
