"""One line in a training loop: every step's gradient against the laws, and every law's ledger.

Under SGD with momentum, dampening, Nesterov and decay the change of a law in each step is forecast
(``ledger``), and what is left over is a violation. Under other optimizers the identity on raw
gradients is tested alone, and drift is no error.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from conserved.blocks import BlockLaws, in_words
from conserved.dynamics.outcomes import said_once
from conserved.errors import ConservedError
from conserved.notebook import frame
from conserved.watching.arguments import numbers
from conserved.watching.between import loaded_between
from conserved.watching.exactly.beside import Beside
from conserved.watching.gradient.precision import Autocast
from conserved.watching.hooks import Hooks, Strangers
from conserved.watching.log.logger import RunLogger
from conserved.watching.modes import Modes
from conserved.watching.observer import Observer
from conserved.watching.pace import Pace
from conserved.watching.tensors import Precisions, ShapeError, inner, parameters, sharded
from conserved.watching.tracks import Event, Track

if TYPE_CHECKING:
    from torch import nn
    from torch.amp import GradScaler
    from torch.optim import Optimizer

IN_TURN = (
    "the optimizers step on different gradients, so that no step of theirs is looked at: "
    "watch each part of the model with its own optimizer, conserved.watch(part, optimizer, …)"
)


STRANGER = (
    "steps parameters of this model and is not watched: give all its optimizers as a list, and "
    "watch again where one took another's place"
)


class Watch:
    """The laws of a model along a training run. Made by ``watch``; a context manager.

    Attributes:
        laws: of the model.
        tracks: one for each family.
        steps: taken so far.
        closed: whether it has ended.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        laws: BlockLaws,
        *,
        pace: Pace,
        logger: RunLogger,
        observer: Observer | Beside,
        scaler: GradScaler | None = None,
    ) -> None:
        self.laws = laws
        self.steps = logger.begun
        self._observer, self._logger, self._pace = observer, logger, pace
        self._model, self._optimizers = model, tuple(optimizers)
        self._scaler = scaler
        self._scale = 0.0 if scaler is None else scaler.get_scale()
        self.closed = self._left_out = False
        self._ended = ""  # why, where it ended before it was closed
        self._depth = 0  # of steps within steps, where an optimizer calls that of its base
        self._closure = False  # whether a closure is under way
        self._loaded: dict[str, None] = {}  # of what a state was loaded since the last step
        self._met: list[tuple[Any, int]] = []  # gradients of later optimizers at the last look
        self._other: tuple[tuple[int, ...], ...] = ()  # shapes of inputs that laws do not speak of
        logger.open(observer)
        self._modes, self._autocast = Modes(model), Autocast()
        self._precisions = Precisions(model)
        self._hooks, self._first = Hooks(), Hooks()  # the second until a step is taken
        self._hook()
        self._strangers = Strangers(optimizers, list(parameters(model).values()), self._stranger)

    def _hook(self) -> None:
        model, hooks, first = self._model, self._hooks, self._optimizers[0]
        hooks.add(first.register_step_pre_hook, self._before)
        hooks.add(self._optimizers[-1].register_step_post_hook, self._after)
        for later in self._optimizers[1:]:
            hooks.add(later.register_step_pre_hook, self._later)
        hooks.add(model.register_forward_pre_hook, self._forward)
        hooks.add(inner(model).register_state_dict_pre_hook, self._save)
        for one in self._optimizers:
            hooks.add(one.register_state_dict_pre_hook, self._save)
            hooks.add(one.register_load_state_dict_pre_hook, partial(self._load, "optimizer"))
        for part in sharded(model):
            hooks.add(part.register_forward_pre_hook, self._inside)
        for part in inner(model).modules():
            hooks.add(part.register_load_state_dict_pre_hook, partial(self._load, "model"))
            if next(part.parameters(recurse=False), None) is not None:
                self._first.add(part.register_forward_pre_hook, self._autocast.note)

    @property
    def tracks(self) -> list[Track]:
        """One for each family, with all that is known of the steps so far."""
        self._settle()
        return self._observer.tracks

    def _save(self, *_: Any, **__: Any) -> None:
        """A checkpoint has all that is known."""
        self._settle()
        self._logger.flush()

    def _settle(self) -> bool:
        """Have all that is known ready; whether the watch goes on."""
        if not self.closed:
            try:
                self._observer.settle()
            except ShapeError as error:
                self._give_up(error)
        return not self.closed

    def _give_up(self, why: ShapeError) -> None:
        """End before the run does, which goes on."""
        self._ended = f"The watch ended after step {self.steps}: {why}."
        self._logger.flush()
        self._logger.event(self.steps + 1, Event("changed", self._ended))
        self._end()
        warnings.warn(self._ended, stacklevel=2)

    def _end(self) -> None:
        """Hear of nothing any more, and write the verdicts."""
        self.closed = True
        self._hooks.rest()
        self._first.rest()
        self._strangers.close()
        self._logger.close(self.steps, self._observer)

    def _load(self, what: str, *_: Any) -> None:
        """A state is about to be loaded: what is there at the next look is taken as it is."""
        if what not in self._loaded and self._settle():
            self._logger.flush()
            self._observer.drop()
            self._observer.skip()
            self._loaded[what] = None

    def _tell_loaded(self) -> None:
        if self._loaded:
            step = self.steps + 1
            self._logger.event(step, Event("loaded", loaded_between(list(self._loaded), step)))
            self._loaded = {}

    def _forward(self, module: Any, inputs: Any) -> None:
        import torch

        if torch.is_grad_enabled() and not self._closure:
            self._logger.begin()  # an evaluation belongs to the step before it
            self._modes.check()
        self._observer.note_precision()
        self._notice_scale()
        if shapes := [tuple(x.shape) for x in inputs if hasattr(x, "shape")]:
            each, known = tuple(shape[1:] for shape in shapes), self.laws.inputs
            if known and known not in (each, tuple(shapes)):  # without a batch axis the second
                self._other = each
        if not self._closure:
            self._depth = 0  # a step that failed did not end

    def _inside(self, module: Any, inputs: Any) -> None:
        self._observer.note_kind(next(module.parameters(recurse=False)).dtype)

    def _before(self, optimizer: Any, args: Any, kwargs: Any) -> Any:
        self._depth += optimizer is self._optimizers[0]
        if self._depth > 1:
            return None
        self._logger.begin()
        self._tell_loaded()
        if not self._pace.due(self.steps):
            return None
        for kind in self._autocast.kinds:
            self._observer.note_kind(kind)
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        self._met = [met for o in self._optimizers[1:] for met in _gradients(o)]
        if closure is None:
            self._look()
            return None
        if not type(optimizer).__module__.startswith("torch."):
            # it may move parameters before it asks for a gradient
            if not self._settle():
                return None
            self._observer.skip()
        wrapped = self._looked_at(closure)
        if "closure" in kwargs:
            return args, {**kwargs, "closure": wrapped}
        return (args[0], wrapped, *args[2:]), kwargs

    def _later(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Another optimizer steps; on gradients that were not there at the look, it is no step."""
        if not self._observer.looking or self._depth > 1:
            return
        known = {(id(made), version) for made, version in self._met}
        if any((id(made), version) not in known for made, version in _gradients(optimizer)):
            self._observer.drop()
            warnings.warn(IN_TURN, stacklevel=4)

    def _looked_at(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        """A closure whose first gradient is looked at."""
        done = False

        def wrapped() -> Any:
            nonlocal done
            self._closure = True
            try:
                made = closure()
            except BaseException:
                self._depth = 0  # of this step there is no end to come
                raise
            finally:
                self._closure = False
            if not done:
                done = True
                self._look()
            return made

        return wrapped

    def _look(self) -> None:
        try:
            self._precisions.check()
            with self._pace.before(self.steps):
                self._observer.before(self.steps)
        except ShapeError as error:
            if self._settle():  # by the parameters that the last step moved
                self._give_up(error)

    def _stranger(self, optimizer: Any) -> None:
        """An optimizer that is not watched steps this model, and is no part of one that is."""
        if not self._depth:
            warnings.warn(f"{type(optimizer).__name__} {STRANGER}", stacklevel=6)

    def _after(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._depth -= 1
        if self._depth > 0:
            return
        self._depth = 0
        self.steps += 1
        self._first.remove()
        self._left_out = self._observer.looking and self._observer.not_taken()
        if self._observer.looking:
            self._logger.taken(self._observer.rates)
            with self._pace.after() as soon:
                self._observer.after(soon=soon)
        else:
            self._observer.skip()

    def _notice_scale(self) -> None:
        """A scaler that leaves a step out does not call the optimizer, but lowers its scale."""
        if self._scaler is None:
            return
        scale = self._scaler.get_scale()
        if scale < self._scale and not self._left_out:
            text = f"the scaler left this step out: overflow; its scale is {scale:g} now"
            self._save()  # the step before it stands above it
            self._logger.event(self.steps + 1, Event("skipped", text))
        self._scale = scale

    def note(self, **metrics: float) -> None:
        """Numbers for the log, such as ``loss=loss.item()``.

        They belong to the step that was taken last, and, once the model runs forward with
        gradients again, to the next.
        """
        if not self.closed:
            self._logger.note(self.steps, numbers(metrics))

    def verdict(self) -> str:
        """One line for each family, and below what several have in common."""
        if not self.tracks:
            told = "no quadratic or linear law along the axes of its tensors holds for all data"
            return f"{self.laws.network}: {told}"
        lines: list[str] = []
        waiting = [t for t in self.tracks if not t.looks and t.waiting]
        shown = [t for t in self.tracks if t.looks or not t.waiting]
        width = min(max((len(t.text) for t in shown), default=0), 80)
        shown.sort(key=lambda t: t.since is None)
        found = [track.finding for track in shown]
        reasons, notes = said_once(found)
        for track, one, reason in zip(shown, found, reasons, strict=True):
            told = f"{one.words}: {reason}" if reason else one.words
            lines.append(f"{_cut(track.text, width):<{width}}  {told}")
        if waiting:
            lines.append(f"{len(waiting)} families were not tested: {waiting[0].waiting}")
        if self._other:
            met = in_words(self._other)
            notes = [*notes, f"The laws were proved {self.laws.size}; the run has inputs of {met}."]
        changed = self._modes.words if self._modes.changed and self.violated else ""
        notes += filter(None, [changed, self._logger.probes.words, self._ended])
        return "\n".join([*lines, *(["", *notes] if notes else [])])

    @property
    def violated(self) -> list[Track]:
        """The families that a step violated."""
        return [track for track in self.tracks if track.since is not None]

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row for each look and family.

        Columns: step, law, value, predicted, residual, gradient (both in roundings). Of long runs
        every second, fourth, … look.

        Raises:
            ConservedError: pandas is not installed.
        """
        return frame(self._logger.history.columns([t.text for t in self.tracks]))

    def close(self) -> None:
        """Take the hooks off, and write the verdicts."""
        self._hooks.remove()
        self._first.remove()
        if not self.closed:
            self._notice_scale()
            if self._settle():
                self._end()

    def __deepcopy__(self, memo: Any) -> Watch:
        return self  # held by a model that is copied: the copy is not watched

    def __reduce__(self) -> Any:
        raise ConservedError("a watch is of its process and cannot be pickled; its log can be read")

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _gradients(optimizer: Any) -> list[tuple[Any, int]]:
    """Those that an optimizer is about to use, held, so that no other takes their place."""
    held = (p.grad for group in optimizer.param_groups for p in group["params"])
    return [(grad, grad._version) for grad in held if grad is not None]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
