"""What may be frozen: vectors P(θ), as maps mod p of one block of the features in canonical form,
or as whole tensors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from conserved.fields import MomentSpace
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array
from conserved.law import Layout, SpanPart
from conserved.law.layout import Index
from conserved.networks.base import Network
from conserved.search.lifted import Lifted
from conserved.search.modules import Module, framed, module_of, off_labels
from conserved.search.places import place
from conserved.symmetry.isotypic import Kind, isotypic_blocks

_MOST = 64  # entries of a tensor that is looked at without a block that says why
_APART = "apart from the equivariant maps"


@dataclass(frozen=True, eq=False)
class Fibres:
    """Fibres of one tensor and a map of them to R^k.

    Attributes:
        tensor, axis: as in ``SpanPart``.
        indices: positions in θ, (fibres, a).
        image: (k, a) the map.
    """

    tensor: str
    axis: int | None
    indices: Index
    image: Array


@dataclass(frozen=True, eq=False)
class Candidate:
    """Vectors of R^k, linear in θ, whose span, direction or phase may be conserved.

    Attributes:
        parts: where they come from.
        kind: of the block; complex coordinates are those of (1, j, 1, j, …).
        square: c of j² = −c, for complex type.
        place: the block in words.
    """

    parts: tuple[Fibres, ...]
    kind: Kind = "real"
    square: int = 1
    place: str = ""

    @property
    def dimension(self) -> int:
        """k."""
        return len(self.parts[0].image)

    @cached_property
    def count(self) -> int:
        """κ, before any dependence."""
        return sum(len(part.indices) for part in self.parts)

    @property
    def subject(self) -> str:
        """The parameters and the place in words."""
        names = list(dict.fromkeys(part.tensor for part in self.parts))
        name = names[0] if len(names) == 1 else f"[{' '.join(names)}]"
        return f"{name} {self.place}" if self.place else name

    def vectors(self, scalars: Residues, theta: Array) -> Array:
        """P at θ (batch, D): (batch, κ, k), one vector a row."""
        moved = [scalars.matmul(theta[:, part.indices], part.image.T) for part in self.parts]
        return np.concatenate(moved, axis=1)


def on_tensors(scalars: Residues, layout: Layout) -> Iterator[Candidate]:
    """Whole tensors, as one vector and as those along each axis."""
    for name, shape in layout.tensors:
        if not 2 <= prod(shape) <= _MOST:
            continue
        for axis in (None, *range(len(shape) if len(shape) > 1 else 0)):
            indices = SpanPart(name, axis, ()).fibres(layout)
            one = np.eye(indices.shape[1], dtype=scalars.dtype)
            yield Candidate((Fibres(name, axis, indices, one),))


def on_blocks(lifted: Lifted) -> list[Candidate]:
    """All candidates that isometries give, the large ones first, frequencies in their order."""
    scalars, network = lifted.scalars, lifted.problem.network
    if is_one_layer(network):
        found = list(_one_layer(scalars, lifted.space, lifted.rng))
    else:
        modules = [module_of(scalars, block) for block in lifted.features[0]]
        known = [module for module in modules if module is not None]
        found = [one for module in known for one in _along_axes(scalars, network, module)]
    return sorted(found, key=_order)


def _order(one: Candidate) -> tuple[object, ...]:
    """A key that no draw decides, by which frequency-2 comes before frequency-10."""
    words = re.split(r"(\d+)", one.place)
    natural = [(int(word) if word.isdigit() else 0, word) for word in words]
    return -one.dimension, natural, [part.image.tolist() for part in one.parts]


def is_one_layer(network: Network) -> bool:
    """Whether f = Wx with one tensor W, input and output features on its axes."""
    (shape, *more) = (parameter.shape for parameter in network.parameters)
    lift = network.lift()
    single = not more and shape == (*network.output_shape, *network.input_shape)
    return single and lift is not None and lift.dimension == network.input_shape[-1]


def _along_axes(scalars: Residues, network: Network, module: Module) -> Iterator[Candidate]:
    """Fibres along the axes that carry the features of the block."""
    n = network.input_shape[-1]
    where = place(scalars, module.functionals, n)
    module, square = framed(scalars, module)
    layout, parts = Layout.of(network.parameters), []
    for name, axis, side in network.feature_axes():
        indices = SpanPart(name, axis, ()).fibres(layout)
        for image in module.maps:
            part = image[:, :n] if side == "input" else image[:, n:]
            if part.any():
                parts.append(Fibres(name, axis, indices, part))
    if parts:
        yield Candidate(tuple(parts), module.kind, square, where)


def _one_layer(
    scalars: Residues, space: MomentSpace, rng: np.random.Generator
) -> Iterator[Candidate]:
    """W′ = C − W·S: off what labels pull on, columns of W in one block keep their range.

    With W as a map R^μ ⊗ E → Y its rows W_b ∈ (Y ⊗ E) obey W_b′ = −W_b S_b modulo the labels' part.
    """
    ((name, shape),) = space.lift.program.parameters
    n = space.lift.dimension
    ones = np.ones(n, dtype=scalars.dtype)
    indices = np.arange(prod(shape))[None]
    for block in isotypic_blocks(scalars, space.quadratic, ones, rng):
        module = module_of(scalars, block)
        wide = None if module is None else off_labels(scalars, module, space.mixed)
        if module is None or wide is None:
            continue
        where = place(scalars, module.functionals, n)
        if wide.dimension < space.lift.outputs * module.dimension:
            where = f"{where}, {_APART}" if where else _APART
        wide, square = framed(scalars, wide)
        parts = tuple(Fibres(name, None, indices, image) for image in wide.maps)
        yield Candidate(parts, wide.kind, square, where)
