"""The one table: ATen operation → ring operations.

Each entry is a small function of the context and the operation's own arguments, in their order.
Keys are names without overload: ``add`` is ``aten.add.Tensor`` and ``aten.add.Scalar``.
"""

from collections.abc import Callable
from typing import Any

from conserved.networks.torch.ops.attention import ATTENTION
from conserved.networks.torch.ops.elementwise import ELEMENTWISE
from conserved.networks.torch.ops.norms import NORMS
from conserved.networks.torch.ops.pieces import PIECES
from conserved.networks.torch.ops.products import PRODUCTS
from conserved.networks.torch.ops.random import RANDOM
from conserved.networks.torch.ops.recurrent import RECURRENT
from conserved.networks.torch.ops.reductions import REDUCTIONS
from conserved.networks.torch.ops.shapes import SHAPES

TABLE: dict[str, Callable[..., Any]] = {
    **ATTENTION,
    **ELEMENTWISE,
    **NORMS,
    **PIECES,
    **PRODUCTS,
    **RANDOM,
    **RECURRENT,
    **REDUCTIONS,
    **SHAPES,
}
