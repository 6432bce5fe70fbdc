"""Whether torch's own gradient of a module is that of the program read from it.

An export shows what a module computes, not what its backward does: custom autograd functions,
straight-through estimators, gradient hooks and ``no_grad`` are lost on the way. One backward pass
at a random input tells, in floating point, and all it can do is to refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.kernel.evaluate import Run, split
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import Program
from conserved.kernel.real import Reals
from conserved.networks.torch.export import Exported, named_outputs, quietly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

_NEAR = 1e-2  # relative, of one tensor: single precision is far nearer, another backward far off
_SMALL = 1e-4  # of the whole gradient: tensors below it are not compared


def fault_of_gradient(
    module: nn.Module,
    found: Exported,
    output: str,
    program: Program,
    inputs: Sequence[Tensor],
    tokens: int,
    *,
    masks: Sequence[tuple[int, ...]] = (),
) -> str:
    """What is wrong with the backward of a module, in words, or "".

    Args:
        module: as it trains; its buffers are left as they were.
        found: its graph.
        output: the node of the output asked for.
        program: as read.
        inputs: of the shapes and types that it was exported with.
        tokens: integers are below this.
        masks: shapes of the masks of dropout, which are data of the program. It is compared without
            dropout, where the module has a forward that is the same then.
    """
    import torch

    with untouched(module), torch.enable_grad(), without_dropout(module, bool(masks)):
        torch.manual_seed(0)
        given = [
            torch.randn_like(x) if x.is_floating_point() else torch.randint_like(x, max(tokens, 1))
            for x in inputs
        ]
        name = next(key for key, node in found.outputs if node == output)
        try:
            out = dict(named_outputs(module(*given)))[name]
        except Exception:  # other inputs than the example do not suit it
            return ""
        if not out.requires_grad:
            return "no gradient reaches its parameters: it runs under torch.no_grad"
        pull = torch.randn_like(out)
        wanted = {n: found.parameters[n] for n, _ in program.parameters}
        slopes = torch.autograd.grad((out * pull).sum(), list(wanted.values()), allow_unused=True)
    theirs = {
        n: np.zeros(tuple(p.shape)) if slope is None else _array(slope)
        for (n, p), slope in zip(wanted.items(), slopes, strict=True)
    }
    values = {n: _array(p) for n, p in wanted.items()}
    made, read = _read(program, values, given, tokens, _array(pull), masks)
    if masks and not np.allclose(made, _array(out).ravel(), rtol=_NEAR, atol=_NEAR):
        return ""  # its forward is another one without dropout
    return _difference(theirs, read)


def _read(
    program: Program,
    parameters: Mapping[str, Any],
    inputs: Sequence[Tensor],
    tokens: int,
    pull: Any,
    masks: Sequence[tuple[int, ...]],
) -> tuple[Any, dict[str, Any]]:
    """What the program makes there, and the gradient it has."""
    parts = [
        _array(x) if x.is_floating_point() else np.eye(max(tokens, 1))[_array(x).astype(int)]
        for x in inputs
    ]
    ((_, shape),) = program.inputs
    parts += [np.ones(mask) for mask in masks]
    x = np.concatenate([part.ravel() for part in parts]).reshape(1, 1, *shape)
    theta = np.concatenate([parameters[n].ravel() for n, _ in program.parameters])[None, None]
    with np.errstate(all="ignore"):
        run = Run(program, FormalRing(Reals()), theta, (x,))
        gradient = run.gradient(pull.reshape(run.output.shape))
        return np.asarray(run.output, dtype=np.float64).ravel(), split(program, gradient)


def _difference(theirs: Mapping[str, Any], read: Mapping[str, Any]) -> str:
    whole = float(np.sqrt(sum((slope**2).sum() for slope in theirs.values())))
    other = float(np.sqrt(sum((slope**2).sum() for slope in read.values())))
    if not np.isfinite(whole + other):
        return ""
    for name, slope in theirs.items():
        mine = read[name].reshape(slope.shape)
        size = float(np.linalg.norm(slope) + np.linalg.norm(mine))
        if np.linalg.norm(slope - mine) > _NEAR * size + _SMALL * (whole + other):
            return (
                f"its backward is not the derivative of its forward, seen at {name}: a hook, a "
                "custom autograd function, or a stopped gradient"
            )
    return ""


def _array(x: Tensor) -> Any:
    held = x.detach().to_dense() if x.is_sparse else x.detach()
    return held.double().cpu().numpy()


@contextmanager
def without_dropout(module: nn.Module, asked: bool) -> Iterator[None]:
    """All but norms of batches as they are in evaluation, if asked."""
    from torch.nn.modules.batchnorm import _NormBase

    were = [one for one in module.modules() if one.training and not isinstance(one, _NormBase)]
    try:
        for one in were if asked else ():
            one.training = False
        yield
    finally:
        for one in were:
            one.training = True


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Buffers, such as running statistics, and random numbers are afterwards what they were."""
    import torch

    held = {name: buffer.clone() for name, buffer in module.named_buffers()}
    try:
        with torch.random.fork_rng(devices=[]), quietly():
            yield
    finally:
        for name, buffer in module.named_buffers():
            if name in held:
                buffer.data.copy_(held[name])
