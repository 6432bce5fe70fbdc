"""Counting laws in float64: fields by autograd, brackets by forward mode, ranks by singular values.

D minus the dimension of the Lie algebra at a random θ. V_1 is what gradients of single data (or
orbits) span there, V_{k+1} = V_k + [V_1, V_k] by right-nested brackets of random fields; where the
rank has stabilised at a generic point, V_k is the whole algebra.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch
from torch import Tensor
from torch.func import grad, jvp, vmap

from tests.road.forward import Model

GAP = 1e6  # between the last singular value that counts and the first that does not
_FLOOR = 1e-15  # rounding
_NOTHING = 1e-13
_MORE = 6  # fields beyond D
LONGEST = 5  # brackets

_TINY = 1e-100

# a field: θ ↦ its value, and the size it would have if nothing cancelled
Sized = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Floats:
    """What is trained, in torch.

    Attributes:
        model, loss: the network and ℓ(f, y).
        group: all elements (order, n, n), n the features of an input.
        equivariant: whether labels move by the same matrices as inputs.
        one_hot: whether labels are classes.
        tokens: whether inputs are.
    """

    model: Model
    loss: Callable[[Tensor, Tensor], Tensor]
    group: Tensor
    equivariant: bool = False
    one_hot: bool = False
    tokens: bool = False

    def draw(self, generator: torch.Generator, *shape: int) -> tuple[Tensor, Tensor]:
        """Random data (*shape, *tensor)."""
        x = _numbers(generator, *shape, *self.model.inputs)
        y = _numbers(generator, *shape, *self.model.outputs)
        return _class(x) if self.tokens else x, _class(y) if self.one_hot else y

    def field(self, x: Tensor, y: Tensor) -> Sized:
        """θ ↦ Σ_g ∇_θ ℓ(f(θ, gx), gy), and the sum of the sizes of its terms."""
        xs, ys = self._orbit(x), y.expand(len(self.group), *y.shape)
        ys = self._orbit(y) if self.equivariant else ys

        def one(theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
            return self.loss(self.model(theta, x), y)

        def at(theta: Tensor) -> tuple[Tensor, Tensor]:
            terms = vmap(grad(one), (None, 0, 0))(theta, xs, ys)
            return terms.sum(0), terms.norm(dim=1).sum()

        return at

    def _orbit(self, x: Tensor) -> Tensor:
        return torch.einsum("gij,...j->g...i", self.group, x)


def bracket(v: Sized, w: Sized) -> Sized:
    """[v, w] = Dw·v − Dv·w, with the size that it has where nothing cancels."""

    def at(theta: Tensor) -> tuple[Tensor, Tensor]:
        here, large = v(theta)
        there, along, size = jvp(w, (theta,), (here,), has_aux=True)
        against = jvp(lambda theta: v(theta)[0], (theta,), (there,))[1]
        # rounding of v and w is relative to their sizes, not to what is left of them
        lost = (large / here.norm().clamp(min=_TINY)) * (size / there.norm().clamp(min=_TINY))
        return along - against, (along.norm() + against.norm()) * lost

    return at


def nested(problem: Floats, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Brackets [v_1, [v_2, … v_k]] at θ of fields of the data x, y (m, k, *tensor): (m, D).

    In units of their sizes, so that a bracket that vanishes is rounding and no random direction.
    """

    def one(x: Tensor, y: Tensor) -> Tensor:
        *outer, inner = [problem.field(*datum) for datum in zip(x, y, strict=True)]
        for v in reversed(outer):
            inner = bracket(v, inner)
        value, size = inner(theta)
        return value / size.clamp(min=_TINY)

    return vmap(one)(x, y)


def rank(rows: Tensor) -> tuple[int, float]:
    """The place of the largest gap between singular values, and its ratio.

    Rows are in units of their sizes, so rounding is about 1e-16.
    """
    values = torch.linalg.svdvals(rows)
    if float(values[0]) < _NOTHING:
        return 0, float("inf")
    values = torch.cat([values, torch.zeros(1, dtype=values.dtype)]).clamp(min=_FLOOR)
    ratios = values[:-1] / values[1:]
    return int(ratios.argmax()) + 1, float(ratios.max())


def laws(problem: Floats, seed: int, tries: int = 3, longest: int = LONGEST) -> int | None:
    """D minus the dimension of the Lie algebra, or None where no try has gaps that tell."""
    found = (_laws(problem, 1000 * seed + attempt, longest) for attempt in range(tries))
    return next((count for count in found if count is not None), None)


def _laws(problem: Floats, seed: int, longest: int) -> int | None:
    generator = torch.Generator().manual_seed(seed)
    size = problem.model.size
    theta = _numbers(generator, size)
    rows, before = torch.zeros(0, size, dtype=torch.float64), -1
    for length in range(1, longest + 1):
        x, y = problem.draw(generator, size + _MORE, length)
        rows = torch.cat([rows, nested(problem, theta, x, y)])
        if not torch.isfinite(rows).all():
            return None
        found, gap = rank(rows)
        if gap < GAP:
            before = -1  # nothing is known of this level; longer brackets may open the gap
            continue
        if found in (0, before, size):
            return size - found
        before = found
    return None


def _class(random: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(random.argmax(-1), random.shape[-1]).to(random.dtype)


def _numbers(generator: torch.Generator, *shape: int) -> Tensor:
    """Of either sign, neither small nor large: no saturation, and none that drowns the others."""
    size = 0.4 + 0.9 * torch.rand(*shape, generator=generator, dtype=torch.float64)
    return size * (2 * torch.randint(2, shape, generator=generator) - 1)
