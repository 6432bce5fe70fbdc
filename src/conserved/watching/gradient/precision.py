"""Products of float32 that torch makes of fewer digits, where its settings let it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

Products = Literal["matrices, CPU", "matrices, CUDA", "convolutions, CUDA"]
_TF32, _BF16 = 2.0**-10, 2.0**-7  # of the digits that are left of a factor


def products_of(parameters: Iterable[Tensor]) -> frozenset[Products]:
    """The kinds of products that a model of float32 makes, and whose digits may be fewer."""
    import torch

    found: set[Products] = set()
    for p in parameters:
        if p.dtype == torch.float32 and p.device.type in ("cpu", "cuda"):
            found.add("matrices, CUDA" if p.is_cuda else "matrices, CPU")
            if p.is_cuda and p.ndim > 2:
                found.add("convolutions, CUDA")
    return frozenset(found)


def rounding_of(products: Collection[Products]) -> float:
    """The largest relative rounding of such products now; 0 where it is that of float32.

    Example:
        >>> import torch
        >>> torch.get_float32_matmul_precision()
        'highest'
        >>> rounding_of(["matrices, CPU"])
        0.0
    """
    return max((_rounding(one) for one in products), default=0.0)


def _rounding(products: Products) -> float:
    import torch

    backends: Any = torch.backends
    device = products.partition(", ")[2]
    if hasattr(backends.cuda.matmul, "fp32_precision"):
        places = {
            "matrices, CPU": backends.mkldnn.matmul,
            "matrices, CUDA": backends.cuda.matmul,
            "convolutions, CUDA": backends.cudnn.conv,
        }
        kind = places[products].fp32_precision
    elif products.startswith("convolutions"):
        kind = "tf32" if backends.cudnn.allow_tf32 else "ieee"
    else:
        kinds = {"highest": "ieee", "high": "tf32", "medium": "bf16"}
        kind = kinds[torch.get_float32_matmul_precision()]
    if kind == "tf32":
        return 0.0 if device == "CPU" else _TF32  # few processors know it: the setting is for GPUs
    return _BF16 if kind == "bf16" else 0.0


def underflows(tensors: Iterable[Tensor]) -> bool:
    """Whether gradients of these lose what is small: float16 has numbers from 6·10⁻⁸ on."""
    import torch

    return any(tensor.dtype == torch.float16 for tensor in tensors)


class Digits:
    """How gradients of a model are rounded, besides in the precision of its parameters.

    Args:
        parameters: of the model.

    Attributes:
        underflow: whether small gradients are lost, as in float16.
    """

    def __init__(self, parameters: Collection[Tensor]) -> None:
        self._products, self.underflow = products_of(parameters), underflows(parameters)
        self._forward = 0.0  # of half precision there

    @property
    def rounding(self) -> float:
        """Relative, of half precision or of products of fewer digits; else 0."""
        return max(self._forward, rounding_of(self._products))

    @property
    def words(self) -> str:
        """What explains a gradient that is rounded more, or ""."""
        if self.rounding and self.underflow:
            return "rounding in float16, where a scaler keeps what is small,"
        return "half precision" if self.rounding else ""

    def note(self) -> None:
        """Called in a forward pass of training."""
        import torch

        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                self.note_kind(torch.get_autocast_dtype(device))

    def note_kind(self, kind: Any) -> None:
        """Parameters, or what becomes of them, are of this type in the forward pass."""
        import torch

        if kind.itemsize < 4:
            self._forward = max(self._forward, float(torch.finfo(kind).eps))
            self.underflow = self.underflow or kind == torch.float16


class Autocast:
    """Autocast that a model turns on in its own forward, as seen from its parts.

    Nothing but its attributes is written, so that it is compiled with a model.
    """

    def __init__(self) -> None:
        self._cpu: Any = None
        self._cuda: Any = None

    @property
    def kinds(self) -> list[Any]:
        """The types met."""
        return [kind for kind in (self._cpu, self._cuda) if kind is not None]

    def note(self, module: Any, inputs: Any) -> None:
        """A part begins its forward."""
        import torch

        if not torch.is_grad_enabled():
            return
        if torch.is_autocast_enabled("cpu"):
            self._cpu = torch.get_autocast_dtype("cpu")
        if torch.is_autocast_enabled("cuda"):
            self._cuda = torch.get_autocast_dtype("cuda")


@contextmanager
def all_digits() -> Iterator[None]:
    """Products of matrices inside are those of float32."""
    import torch

    if not hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        kind = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(kind)
        return
    backends: Any = torch.backends
    places = backends.cuda.matmul, backends.mkldnn.matmul
    before = [place.fp32_precision for place in places]
    try:
        for place in places:
            place.fp32_precision = "ieee"
        yield
    finally:
        for place, kind in zip(places, before, strict=True):
            place.fp32_precision = kind
