"""One line in a training loop: every step's gradient against the laws, and every law's ledger.

Under SGD with momentum, dampening and coupled decay the change of a law in each step is forecast
(``conserved.dynamics.steps``), and what is left over is a violation. Under other optimizers the
identity on raw gradients is tested alone, and drift is no error.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.blocks import BlockLaws, block_laws
from conserved.dynamics.steps import Forecast, Steps
from conserved.errors import InputError
from conserved.watching.gradients import ROUNDINGS, GradientReport, probes, report_on
from conserved.watching.probes import Probe

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


@dataclass
class Track:
    """What became of one family.

    Attributes:
        text: the law.
        start, value: at the first and the last step.
        size: of its terms, at the start.
        predicted: drift that the optimizer explains so far; None where it is not known.
        worst: the largest violation of a raw gradient, in roundings.
        since: the first step at which a gradient violated it, or None.
        without_eps: whether the eps of a norm lets it drift.
    """

    text: str
    start: float
    value: float
    size: float
    predicted: float | None
    worst: float = 0.0
    since: int | None = None
    without_eps: bool = False

    @property
    def drift(self) -> float:
        """h − h(0)."""
        return self.value - self.start

    def verdict(self) -> str:
        """In words."""
        if self.since is not None:
            return f"violated since step {self.since}"
        scale = self.size or 1.0
        if abs(self.drift) <= 1e-5 * scale:
            return "conserved"
        if self.predicted is None:
            return f"drifts by {self.drift / scale:+.1e}, which is no error under this optimizer"
        rest = abs(self.drift - self.predicted)
        if self.without_eps and rest > 1e-5 * scale:
            return f"drifts by {self.drift / scale:+.1e}, slowly, by the eps of a norm"
        if rest <= max(1e-3 * abs(self.drift), 1e-5 * scale):
            return f"drifting as predicted, {self.drift / scale:+.1e}"
        return f"drifting by {self.drift / scale:+.1e}, predicted {self.predicted / scale:+.1e}"


class Watch:
    """The laws of a model along a training run. Made by ``watch``; a context manager.

    Attributes:
        laws: of the model.
        tracks: one for each family.
        steps: taken so far.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        laws: BlockLaws,
        *,
        every: int = 1,
        log: str | Path | None = None,
        seed: int = 0,
    ) -> None:
        if every < 1:
            raise InputError("every", every, "a step is looked at every 1, 2, 3, … steps")
        self.laws = laws
        self.steps = 0
        self._model, self._optimizer, self._every = model, optimizer, every
        self._probes = probes(laws, self._tensors(), seed)
        now = self._tensors()
        self.tracks = [self._track(probe, now) for probe in self._probes]
        self._forecasts = [Forecast(Steps(1.0)) for _ in self._probes]
        self._before: dict[str, Tensor] = {}
        self._log = Path(log).open("a", encoding="utf-8") if log is not None else None  # noqa: SIM115
        self._hooks = [
            optimizer.register_step_pre_hook(self._pre),
            optimizer.register_step_post_hook(self._post),
        ]

    def _track(self, probe: Probe, now: dict[str, Any]) -> Track:
        value, size = probe.pairing(now, now)
        known = None if probe.linear or not _is_sgd(self._optimizer) else 0.0
        return Track(probe.text, value, value, size, known, without_eps=probe.law.without_eps)

    def _tensors(self) -> dict[str, Any]:
        named = self._model.named_parameters()
        return {n: (p.detach() if p.ndim else p.detach().reshape(1)) for n, p in named}

    def _slopes(self) -> dict[str, Any]:
        found = {}
        for name, p in self._model.named_parameters():
            if p.grad is not None:
                found[name] = p.grad if p.ndim else p.grad.reshape(1)
        return found

    def _pre(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self.steps % self._every:
            return
        now = self._tensors()
        report = report_on(self._probes, now, self._slopes())
        self._note(report)
        self._before = {name: tensor.clone() for name, tensor in now.items()}

    def _note(self, report: GradientReport) -> None:
        violated = {v.text: v for v in report.violations}
        for track in self.tracks:
            if (found := violated.get(track.text)) is not None:
                track.worst = max(track.worst, found.roundings)
                if track.since is None:
                    track.since = self.steps

    def _post(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self.steps += 1
        if not self._before:
            return
        now = self._tensors()
        moved = {name: now[name] - before for name, before in self._before.items()}
        groups = _groups(self._optimizer, self._model)
        for probe, track, forecast in zip(self._probes, self.tracks, self._forecasts, strict=True):
            old = track.value
            track.value = probe.value(now)
            if track.predicted is None:
                continue
            steps = {_steps(groups.get(name)) for name in probe.tensors}
            known = None
            if len(steps) == 1 and self._every == 1:
                known = _change(forecast, steps.pop(), old, probe.value(moved))
            track.predicted = None if known is None else track.predicted + known
        self._before = {}
        self._write()

    def _write(self) -> None:
        if self._log is not None:
            row = {"step": self.steps, "values": [track.value for track in self.tracks]}
            self._log.write(json.dumps(row) + "\n")
            self._log.flush()

    def verdict(self) -> str:
        """One line for each family."""
        width = max((len(track.text) for track in self.tracks), default=0)
        width = min(width, 100)
        return "\n".join(f"{_cut(t.text, width):<{width}}  {t.verdict()}" for t in self.tracks)

    @property
    def violated(self) -> list[Track]:
        """The families that a gradient violated."""
        return [track for track in self.tracks if track.since is not None]

    def close(self) -> None:
        """Take the hooks off the optimizer."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def watch(
    model: nn.Module,
    optimizer: Optimizer,
    example: Tensor | Sequence[Tensor] | None = None,
    *,
    laws: BlockLaws | None = None,
    loss: str = "mse",
    every: int = 1,
    log: str | Path | None = None,
    seed: int = 0,
) -> Watch:
    """Watch the laws of a model while it trains.

    Args:
        model, optimizer: of the run; the optimizer's ``step`` is hooked.
        example: an input of the model, from which its laws are found, or give ``laws``.
        loss: the kind of loss, for ``block_laws``.
        every: look at every so many steps.
        log: a file to which a JSON line is added each step.
        seed: draws the probes.

    Returns:
        What ``verdict()`` tells of; also a context manager.
    """
    if laws is None:
        if example is None:
            raise InputError("example", "None", "give an input of the model, or laws=block_laws(…)")
        laws = block_laws(model, example, loss=loss)
    return Watch(model, optimizer, laws, every=every, log=log, seed=seed)


def _is_sgd(optimizer: Any) -> bool:
    import torch

    return isinstance(optimizer, torch.optim.SGD)


def _groups(optimizer: Any, model: nn.Module) -> dict[str, dict[str, Any]]:
    """The parameter group of each parameter, by name."""
    names = {id(p): name for name, p in model.named_parameters()}
    return {
        names[id(p)]: group
        for group in optimizer.param_groups
        for p in group["params"]
        if id(p) in names
    }


def _steps(group: dict[str, Any] | None) -> Steps | None:
    """The steps of one parameter group, where they can be forecast from its moves alone."""
    # a step of Nesterov is not along its velocity, which is not looked at
    if group is None or group.get("nesterov") or group.get("maximize") or not group["lr"]:
        return None
    return Steps(
        rate=float(group["lr"]),
        momentum=float(group["momentum"]),
        dampening=float(group["dampening"]),
        decay=float(group["weight_decay"]),
    )


def _change(forecast: Forecast, steps: Steps | None, h: float, square: float) -> float | None:
    """The drift of one step from h before it and ΔᵀMΔ of its move; None where it is not known."""
    if steps is None:
        return None
    forecast.steps = steps  # a schedule changes them
    return float(forecast.change(np.array(2 * h), np.array(square / steps.rate**2)))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


__all__ = ["ROUNDINGS", "Track", "Watch", "watch"]
