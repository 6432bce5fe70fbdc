"""The parameters of a model by name, whatever it is wrapped in, whole where they are sharded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conserved.errors import InputError, require_torch

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

_WRAPPERS = ("_orig_mod.", "_checkpoint_wrapped_module.")  # torch.compile, checkpoint_wrapper


def inner(model: nn.Module) -> nn.Module:
    """The module itself, out of ``torch.compile`` and ``DistributedDataParallel``.

    Raises:
        InputError: what is no module.
    """
    kind = type(model).__name__
    require_torch("model", kind)
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel

    if not isinstance(model, nn.Module):
        raise InputError("model", kind, "give a torch.nn.Module")
    while True:
        if isinstance(model, DistributedDataParallel):
            model = model.module
        elif (held := getattr(model, "_orig_mod", None)) is not None:
            model = held
        else:
            return model


def parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Each real parameter once, by the name it has without wrappers; no law speaks of others."""
    return _once(_places(inner(model)))


def _places(model: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """The name of each, the module that has it, and under which key; tied ones have several."""
    for prefix, module in model.named_modules():
        for key, real in _keys(module):
            if real:
                name = f"{prefix}.{key}" if prefix else key
                for wrapper in _WRAPPERS:
                    name = name.replace(wrapper, "")
                yield name, module, key


def _once(places: Iterable[tuple[str, nn.Module, str]]) -> dict[str, nn.Parameter]:
    found, met = {}, set()
    for name, module, key in places:
        parameter = module._parameters[key]
        if id(parameter) not in met:
            met.add(id(parameter))
            found[name] = parameter
    return found  # type: ignore[return-value]


class ShapeError(Exception):
    """A parameter is no more what laws speak of."""


class Parameters:
    """``parameters`` of one model, look after look: named anew where its modules changed."""

    def __init__(self, model: nn.Module) -> None:
        self._model = inner(model)
        self._shapes = {name: p.shape for name, p in parameters(model).items()}
        self._tree: list[tuple[nn.Module, list[Any], list[Any]]] = []
        self._places: list[tuple[str, nn.Module, str]] = []

    def __call__(self) -> dict[str, nn.Parameter]:
        """By name."""
        if not self._same():
            self._tree = [
                (module, _keys(module), list(module._modules.values()))
                for module in self._model.modules()
            ]
            self._places = list(_places(self._model))
        return _once(self._places)

    def check(self, named: Mapping[str, nn.Parameter]) -> None:
        """Refuse parameters that are not all there, in the shapes that they had at first.

        Raises:
            ShapeError: naming one that is not.
        """
        for name, shape in self._shapes.items():
            parameter = named.get(name)
            if parameter is None:
                raise ShapeError(f"the model has no parameter {name} any more")
            if parameter.shape != shape:
                now, was = ("×".join(map(str, s)) or "1" for s in (parameter.shape, shape))
                raise ShapeError(f"{name} is {now} now, and the laws speak of {was}")

    def _same(self) -> bool:
        """Whether the same modules have parameters under the same keys."""
        return bool(self._tree) and all(
            list(module._modules.values()) == children and _keys(module) == keys
            for module, keys, children in self._tree
        )


class Precisions:
    """The types of numbers that parameters of a model have at first."""

    def __init__(self, model: nn.Module) -> None:
        self._kinds = [(name, p, p.dtype) for name, p in parameters(model).items()]

    def check(self) -> None:
        """Refuse parameters of another type, of which gradients are rounded otherwise.

        Raises:
            ShapeError: naming one.
        """
        for name, parameter, kind in self._kinds:
            if parameter.dtype != kind:
                now, was = (str(k).removeprefix("torch.") for k in (parameter.dtype, kind))
                raise ShapeError(f"{name} is {now} now, and was {was}: watch it again")


def _keys(module: nn.Module) -> list[tuple[str, bool]]:
    """Of its own parameters, and whether there is a real one."""
    own = module._parameters.items()
    return [(key, p is not None and p.is_floating_point()) for key, p in own]


def check_stepped(model: nn.Module, optimizers: Sequence[Optimizer]) -> None:
    """Refuse optimizers of another model, which would be watched and never move this one.

    Raises:
        InputError: no parameter of the model is among theirs, or one that is no optimizer.
    """
    for one in optimizers:
        if not hasattr(one, "param_groups"):
            raise InputError("optimizer", type(one).__name__, "give a torch.optim.Optimizer")
    held = {id(p) for one in optimizers for group in one.param_groups for p in group["params"]}
    own = parameters(model).values()
    if own and not any(id(parameter) in held for parameter in own):
        told = ", ".join(type(one).__name__ for one in optimizers)
        raise InputError("optimizer", told, "steps no parameter of this model")


def check_values(model: nn.Module) -> None:
    """Refuse a model whose parameters have no values.

    Raises:
        InputError: one has no shape yet, or is on the meta device.
    """
    own = inner(model)
    import torch

    for name, parameter in own.named_parameters():
        if torch.nn.parameter.is_lazy(parameter):
            raise InputError("model", name, "has no shape yet: run the model once")
        if parameter.is_meta:
            advice = "is on the meta device, without values: model.to_empty(…), and set them"
            raise InputError("model", name, advice)


def finish(model: nn.Module) -> None:
    """Wait for what an accelerator still has to do."""
    import torch

    for device in {p.device.type for p in model.parameters()} - {"cpu", "meta"}:
        getattr(torch, device).synchronize()


def whole(tensor: Any) -> Tensor:
    """A tensor detached, dense, of one axis at least, and gathered where ranks hold parts of it."""
    held = tensor.detach()
    if hasattr(held, "full_tensor"):
        held = held.full_tensor()
    if held.is_sparse:
        held = held.to_dense()
    made: Tensor = held if held.ndim else held.reshape(1)
    return made


def plain(tensor: Any) -> bool:
    """Whether entries lie in this machine's memory, one after another as they are counted."""
    import torch

    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and tensor.is_contiguous()
        and not tensor.is_neg()
        and (tensor.data_ptr() != 0 or not tensor.numel())  # sharding frees what it does not need
    )


def sharded(model: nn.Module) -> list[nn.Module]:
    """Parts of a model whose own parameters ranks hold in parts."""
    return [
        part
        for part in inner(model).modules()
        if any(hasattr(p, "full_tensor") for p in part.parameters(recurse=False))
    ]


def parted(tensor: Tensor, like: Any) -> Any:
    """A whole tensor as another is held: by ranks in parts, where that one is."""
    if not hasattr(like, "full_tensor"):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
