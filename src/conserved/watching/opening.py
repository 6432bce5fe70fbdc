"""A watch is begun: laws found or taken from the cache, the log opened, hooks set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from conserved.blocks import BlockLaws
from conserved.errors import InputError, require_torch
from conserved.watching.arguments import check_options, optimizers_of
from conserved.watching.exactly.beside import Beside
from conserved.watching.exactly.exact import given
from conserved.watching.exactly.following import Augment, followed
from conserved.watching.log.logger import ROTATE, RunLogger
from conserved.watching.look.probes import Probes
from conserved.watching.observer import Observer
from conserved.watching.pace import Pace
from conserved.watching.ranks import world
from conserved.watching.saved import laws_for, trained, without_blocks
from conserved.watching.sinks import sinks_of
from conserved.watching.tensors import check_stepped, finish, parameters
from conserved.watching.training import Watch

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.amp import GradScaler
    from torch.optim import Optimizer

_WRITING: WeakValueDictionary[Path, Watch] = WeakValueDictionary()  # by the log of each


def watch(
    model: nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    example: Tensor | Sequence[Tensor] | None = None,
    *,
    laws: Any = None,
    augment: Augment = "full",
    batch: int | None = None,
    output: str | int | None = None,
    loss: str = "mse",
    every: int = 1,
    overhead: float | None = None,
    probe: float = 1.0,
    log: str | Path | None = None,
    step: int | None = None,
    rotate: int = ROTATE,
    sinks: Sequence[Any] = (),
    scaler: GradScaler | None = None,
    unfreezing: bool = False,
    ranks: bool | None = None,
    cache: bool = True,
    seed: int = 0,
) -> Watch:
    """Watch the laws of a model while it trains.

    Args:
        model: of the run; also in ``torch.compile`` or ``DistributedDataParallel``.
        optimizer: of the run, whose ``step`` is hooked; several where several share the model, the
            one that steps first in front.
        example: a batch as in training, from which the laws are found, or taken from the cache
            where they were found before; or give ``laws``.
        laws: of ``block_laws``; or an ``Analysis`` of the model, laws of one, or a list of all
            these: they are followed one by one, beside the laws of the model where there is an
            ``example`` too.
        augment: how batches are symmetric, for laws due to the symmetry of the data: "full" where
            they are unions of whole orbits of the group, "random" where each step moves each
            datum by a random element, so that such laws hold on average and diffuse.
        batch, output, loss: how the model is read, for ``block_laws``: examples that are one datum,
            where batch norm sees batches; which of several outputs, by name or position; the kind
            of loss, which is of that output alone.
        every: look at every so many steps.
        overhead: look as often as this share of the time of training pays for, such as 0.02.
        probe: look at a random part of each large family of laws, this share of it, such as 0.125,
            drawn once.
        log: a file of JSON lines (docs/watch.md), which goes on if it is there.
        step: how many steps the run has taken, where it does not go on from the log's last.
        rotate: bytes after which a part of the log is put aside.
        sinks: loggers that are told besides: a TensorBoard ``SummaryWriter``, ``mlflow``, a W&B
            run, a Lightning logger, or functions of each record of the log.
        scaler: of mixed precision. With it the log has an event for each step that it leaves out,
            of which the optimizer hears nothing.
        unfreezing: whether parameters that are frozen now will be trained later: laws with them
            are found too, and wait.
        ranks: whether ranks of ``torch.distributed`` must agree; by default where the model is
            in ``DistributedDataParallel``.
        cache: whether laws are kept for the next time.
        seed: draws probes, and signs with which laws are combined.

    Returns:
        What ``verdict()`` tells of; also a context manager.

    Raises:
        InputError: neither laws nor an example; laws or a log of another model; a log that cannot
            be written.
    """
    require_torch("model", type(model).__name__)
    from torch.nn.parallel import DistributedDataParallel

    pace = Pace(every, overhead, ready=partial(finish, model))
    if overhead is not None and world()[1] > 1:
        raise InputError("overhead", overhead, "ranks look at the same steps: give every=")
    optimizers = optimizers_of(optimizer)
    check_stepped(model, optimizers)
    check_options(step=step, seed=seed, scaler=scaler, log=log, rotate=rotate)
    told = given(laws)
    alone = bool(told.exact) and told.blocks is None and example is None
    known = without_blocks(model, loss) if alone else told.blocks
    reading: dict[str, Any] = {"batch": batch, "output": output, "cache": cache}
    found = laws_for(model, known, example, loss, **reading)
    if unfreezing and example is not None:
        found = _with_frozen(model, found, example, loss, **reading)
    agree = isinstance(model, DistributedDataParallel) if ranks is None else ranks
    if log is not None and world()[0]:
        log = None  # the first writes for all
    to = sinks_of(sinks)
    if log is not None:
        _take_over(Path(log))
    probes = Probes(probe, seed)
    logger = RunLogger(log, rotate=rotate, sinks=to, step=step, pace=pace, probes=probes)
    charts = logger.charts[len(found.laws) :]
    exact = followed(told, parameters(model), optimizers, charts=charts, augment=augment, seed=seed)
    make = Observer if exact is None else partial(Beside, exact)
    observer = make(model, optimizers, found, agree=agree, probes=probes, told=logger.step)
    watched = Watch(
        model, optimizers, found, pace=pace, logger=logger, observer=observer, scaler=scaler
    )
    if log is not None:
        _WRITING[Path(log).absolute()] = watched
    return watched


def _take_over(log: Path) -> None:
    """A log has one writer: who wrote to it until now, in a cell that is run again, is closed."""
    earlier = _WRITING.pop(log.absolute(), None)
    if earlier is not None and not earlier.closed:
        warnings.warn(f"log {str(log)!r}: the watch that wrote to it is closed now", stacklevel=3)
        earlier.close()


def _with_frozen(
    model: nn.Module, laws: BlockLaws, example: Any, loss: str, **reading: Any
) -> BlockLaws:
    """Laws with the parameters that are frozen now, after those that are true at once."""
    frozen = [p for p in parameters(model).values() if not p.requires_grad]
    if not frozen:
        return laws
    with trained(frozen):
        more = laws_for(model, None, example, loss, **reading)
    known = {law.family for law in laws.laws}
    return replace(laws, laws=laws.laws + tuple(l for l in more.laws if l.family not in known))
