"""Watching under a trainer: callbacks for Lightning and for the Hugging Face Trainer.

Neither is needed before a callback is made. A callback does what one does by hand: ``watch`` when
training begins, at the trainer's own step, ``note`` the loss, ``close`` at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from conserved.errors import InputError
from conserved.watching.opening import watch
from conserved.watching.training import Watch


def lightning_callback(example: Any = None, **options: Any) -> Any:
    """A callback for ``Trainer(callbacks=[…])`` of Lightning.

    Args:
        example: an input of the module; by default its ``example_input_array``.
        options: of ``conserved.watch``: ``log``, ``every``, ``laws``, ``loss``, ``sinks``, …

    Returns:
        The callback; its ``watch`` is what ``conserved.watch`` gave, once training has begun.

    Raises:
        InputError: Lightning is not installed.
    """
    base: Any = _base("Callback", "lightning.pytorch", "pytorch_lightning")

    class WatchCallback(base):  # type: ignore[misc]
        """Watches the laws of a LightningModule."""

        watch: Watch | None = None
        _losses: tuple[float, ...] = ()  # of the batches of one step
        _taken = 0

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            self._close()
            given = example if example is not None else pl_module.example_input_array
            self._losses, self._taken = (), trainer.global_step
            taken = trainer.global_step // max(1, len(trainer.optimizers))  # it counts each one's
            opened = {"step": taken, "ranks": _replicated(trainer), **options}
            self.watch = watch(pl_module, trainer.optimizers, given, **opened)

        def on_train_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
            if self.watch is None or loss is None:
                return
            parts = trainer.accumulate_grad_batches  # which a loss has been divided by
            self._losses += (parts * float(loss),)
            if parts == 1 or trainer.global_step != self._taken:
                self.watch.note(loss=sum(self._losses) / len(self._losses))
                self._losses, self._taken = (), trainer.global_step

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            self._close()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            self._close()

        def _close(self) -> None:
            if self.watch is not None:
                self.watch.close()

        def __reduce__(self) -> Any:
            return partial(lightning_callback, example, **options), ()

    return WatchCallback()


def trainer_callback(example: Any = None, **options: Any) -> Any:
    """A callback for ``Trainer(callbacks=[…])`` of Hugging Face ``transformers``.

    Args:
        example: an input of the model, such as one batch of ``input_ids``; or give ``laws``.
        options: of ``conserved.watch``: ``log``, ``every``, ``laws``, ``loss``, ``sinks``, …

    Returns:
        The callback; its ``watch`` is what ``conserved.watch`` gave, once training has begun.

    Raises:
        InputError: transformers is not installed.
    """
    base: Any = _base("TrainerCallback", "transformers")

    class WatchCallback(base):  # type: ignore[misc]
        """Watches the laws of a model under the Trainer."""

        watch: Watch | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self._close()  # of a run that broke off, which no callback is told
            kwargs["model"].train()  # as it will be: from_pretrained leaves it in evaluation
            opened = {"step": state.global_step, **options}
            self.watch = watch(kwargs["model"], kwargs["optimizer"], example, **opened)

        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any
        ) -> None:
            if self.watch is not None and "loss" in (logs or {}):
                self.watch.note(loss=float(logs["loss"]))

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self._close()

        def _close(self) -> None:
            if self.watch is not None:
                self.watch.close()

        def __reduce__(self) -> Any:
            return partial(trainer_callback, example, **options), ()

    return WatchCallback()


def _base(name: str, *homes: str) -> Any:
    """The class to derive from, of whichever package is there."""
    for home in homes:
        try:
            return getattr(import_module(home), name)
        except ModuleNotFoundError:
            continue
    package = homes[0].partition(".")[0]
    raise InputError("callback", package, f"is not installed: pip install {package}")


def _replicated(trainer: Any) -> bool | None:
    """Whether ranks must agree: Lightning's module is inside of what tells."""
    from torch.nn.parallel import DistributedDataParallel

    return isinstance(trainer.model, DistributedDataParallel) or None
