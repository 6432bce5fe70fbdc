"""Laws that were found before: kept in a folder, by what a module is made of.

The name of a file is a hash of everything that the laws follow from: the classes of a module's
parts with their source, its parameters' names and shapes and which of them are trained, its
settings, the example's shape, and what was asked. Values of trained parameters do not count: laws
are those of all.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conserved._version import __version__
from conserved.blocks import BlockLaws, block_laws, restricted
from conserved.errors import InputError
from conserved.files import write_whole
from conserved.networks.torch.network import tensors_of
from conserved.watching.tensors import check_values, inner, parameters

if TYPE_CHECKING:
    from torch import Tensor, nn

_FROZEN = 4096  # numbers that are read one by one
_OWN = ("training", "_parameters", "_buffers", "_modules")  # told apart from settings


def laws_for(
    model: nn.Module,
    laws: BlockLaws | None,
    example: Tensor | Sequence[Tensor] | None,
    kind: str,
    *,
    batch: int | None = None,
    output: str | int | None = None,
    cache: bool = True,
) -> BlockLaws:
    """Those given, else those kept, else those found now, which are kept.

    Args:
        model: of which they are.
        laws: those given.
        example, batch, output: how the model is read, as for ``block_laws``.
        kind: of loss.
        cache: whether laws are kept.

    Raises:
        InputError: neither laws nor an example; a model without values, or one that cannot be
            read.
    """
    check_values(model)
    if laws is not None:
        _check_model(laws, model)
        return laws
    if example is None:
        raise InputError("example", "None", "give an input of the model, or laws=block_laws(…)")
    model = inner(model)
    asked = {"loss": kind, "batch": batch, "output": output}
    if not cache:
        return _found(model, example, asked)
    name = f"{fingerprint(model, example, f'{asked}')}.json"
    if (kept := _kept(name)) is not None:
        return kept
    found = _found(model, example, asked)
    _keep(name, found)
    return found


def _check_model(laws: BlockLaws, model: nn.Module) -> None:
    """Laws speak of the parameters of this model.

    Raises:
        InputError: of another's.
    """
    shapes = {name: tuple(p.shape) or (1,) for name, p in parameters(model).items()}
    for law in laws.laws:
        known = dict(law.layout.tensors)
        for name in law.family.tensors:
            own = shapes.get(name)
            if own != known[name]:
                wanted = "×".join(map(str, known[name]))
                has = "has none of that name" if own is None else f"has {'×'.join(map(str, own))}"
                raise InputError("laws", name, f"of shape {wanted}: this model {has}")


def without_blocks(model: nn.Module, kind: str) -> BlockLaws:
    """No laws of blocks, for a model of which others are known."""
    check_values(model)
    count = sum(p.numel() for p in model.parameters())
    return BlockLaws(type(inner(model)).__name__, kind, count, (), 0, 0, (), ())


def _found(model: nn.Module, example: Any, asked: dict[str, Any]) -> BlockLaws:
    """Where much is frozen, what holds whatever its values: reading millions of numbers is slow."""
    inputs = [x.float() if _is_half(x) else x for x in tensors_of(example)]
    with _without_autocast(model), _in_float32(model):
        return _searched(model, inputs, asked)


def _searched(model: nn.Module, example: Any, asked: dict[str, Any]) -> BlockLaws:
    frozen = [p for p in model.parameters() if not p.requires_grad]
    if sum(p.numel() for p in frozen) <= _FROZEN:
        return block_laws(model, example, **asked)
    with trained(frozen):
        found = block_laws(model, example, **asked)
    return restricted(found, [n for n, p in model.named_parameters() if p.requires_grad])


@contextmanager
def _without_autocast(model: nn.Module) -> Iterator[None]:
    """The forward as it was before Hugging Face's ``accelerate`` put mixed precision around it."""
    bare = getattr(model, "_original_forward", None)
    around = vars(model).get("forward")
    try:
        if bare is not None and around is not None:
            model.forward = bare
        yield
    finally:
        if around is not None:
            model.forward = around


@contextmanager
def _in_float32(model: nn.Module) -> Iterator[None]:
    """What is of half precision, as float32, in which modules are read; laws are the same."""
    halves = [t for t in (*model.parameters(), *model.buffers()) if _is_half(t)]
    before = [(t.data, t.grad) for t in halves]
    try:
        for tensor in halves:
            tensor.grad, tensor.data = None, tensor.data.float()
        yield
    finally:
        for tensor, (data, grad) in zip(halves, before, strict=True):
            tensor.data, tensor.grad = data, grad


def _is_half(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.dtype.itemsize < 4


@contextmanager
def trained(frozen: Sequence[nn.Parameter]) -> Iterator[None]:
    """Parameters that are frozen, as if they were not."""
    try:
        for parameter in frozen:
            parameter.requires_grad_(True)
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)


def folder() -> Path:
    """Where laws are kept: ``$CONSERVED_CACHE``, else below ``$XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
        OSError: nobody says where, and there is no home.
    """
    if own := os.environ.get("CONSERVED_CACHE"):
        return Path(own)
    if own := os.environ.get("XDG_CACHE_HOME"):
        return Path(own) / "conserved"
    try:
        return Path.home() / ".cache" / "conserved"
    except RuntimeError as error:
        raise FileNotFoundError(f"{error}") from error


def _kept(name: str) -> BlockLaws | None:
    from conserved.blocks.document import from_document

    try:
        return from_document(json.loads((folder() / name).read_text(encoding="utf-8")))
    except (OSError, ValueError, InputError):
        return None  # none there, or none that we can read: they are found again


def _keep(name: str, laws: BlockLaws) -> None:
    from conserved.blocks.document import to_document

    try:
        folder().mkdir(parents=True, exist_ok=True)
        write_whole(folder() / name, json.dumps(to_document(laws), ensure_ascii=False).encode())
    except OSError:
        pass  # a folder that cannot be written to, or is nowhere, costs time, nothing else


def fingerprint(model: nn.Module, example: Tensor | Sequence[Tensor], asked: str) -> str:
    """A hash of what the laws of a module follow from.

    Example:
        >>> import torch
        >>> a, b, x = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2), torch.zeros(1, 3)
        >>> fingerprint(a, x, "mse") == fingerprint(b, x, "mse") != fingerprint(a, x, "logistic")
        True
    """
    import torch

    state = hashlib.sha256()
    for part in _parts(model, example, asked):
        state.update(part.encode() + b"\0")
    state.update(f"{__version__} {torch.__version__}".encode())
    return state.hexdigest()[:32]


def _parts(model: nn.Module, example: Any, asked: str) -> Iterator[str]:
    yield asked
    yield from (f"{tuple(x.shape)} {x.dtype}" for x in tensors_of(example))
    first: dict[int, str] = {}
    for name, p in model.named_parameters(remove_duplicate=False):
        own = first.setdefault(id(p), name)
        yield f"{name} {own} {tuple(p.shape)} {p.dtype} {p.requires_grad}"
        if not p.requires_grad and own == name:  # a constant, which counts at its own values
            yield hashlib.sha256(_bytes(p)).hexdigest()
    for name, b in model.named_buffers():
        yield f"{name} {tuple(b.shape)} {b.dtype} {hashlib.sha256(_bytes(b)).hexdigest()}"
    sources: dict[type, str] = {}
    for name, module in model.named_modules():
        kind_of = type(module)
        if kind_of not in sources:
            sources[kind_of] = _source(kind_of)
        yield f"{name} {kind_of.__module__}.{kind_of.__qualname__} {sources[kind_of]}"
        yield f"{module.training} {_settings(module)}"


def _bytes(tensor: Any) -> bytes:
    import torch

    held = tensor.detach().cpu().contiguous().reshape(-1)
    return bytes(held.view(torch.uint8).numpy().tobytes()) if held.numel() else b""


def _source(kind: type) -> str:
    """A hash of the file that a class is written in; torch's own are those of its version."""
    if kind.__module__.startswith("torch."):
        return ""
    try:
        path = inspect.getsourcefile(kind)
        held = Path(path).read_bytes() if path else b""
    except (OSError, TypeError):
        held = b""
    if not held:  # typed into a prompt
        held = b"".join(_code(item) for item in vars(kind).values())
    return hashlib.sha256(held).hexdigest()


def _settings(module: Any) -> str:
    """Attributes that are numbers, words, functions or collections of such."""
    told = []
    for key, value in sorted(vars(module).items()):
        if key in _OWN or (key.startswith("_") and key.endswith("hooks")):
            continue
        told.append(f"{key}={_said(value)}")
    return ";".join(told)


def _said(value: Any) -> str:
    if isinstance(value, (types.FunctionType, types.MethodType)):
        return hashlib.sha256(_code(value)).hexdigest()
    if isinstance(value, (int, float, str, bool, bytes, type(None))):
        return repr(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"({','.join(_said(item) for item in value)})"
    if isinstance(value, dict):
        return f"({','.join(f'{k}:{_said(item)}' for k, item in value.items())})"
    return type(value).__qualname__


def _code(item: Any) -> bytes:
    held = getattr(getattr(item, "__func__", item), "__code__", None)
    if held is None:
        return b""
    return bytes(held.co_code) + repr((held.co_names, held.co_consts)).encode()
