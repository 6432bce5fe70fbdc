"""One look at a model: the sums its laws need, of parameters, gradients and velocities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conserved.watching.sums import Floats, Sums
from conserved.watching.tensors import whole

if TYPE_CHECKING:
    from torch import Tensor, nn

EPS_SHARE = 1e-2  # of its terms that a law may be off by where the eps of a norm breaks it
Held = Mapping[str, Any]  # tensors by name; None where there is none


def look(sums: Sums, wanted: Sequence[str], **held: Held) -> dict[str, Floats]:
    """Sums for each slot.

    Args:
        sums: the laws.
        wanted: ``"xg"`` for Σ X∘G, ``"g"`` for Σ G of linear terms, with the letters of ``held``.
        held: tensors by name for each letter; what has no tensor counts as 0.
    """
    import torch

    out = {what: np.zeros(len(sums.owner)) for what in wanted}
    with torch.no_grad(), one_thread():
        vectors = {letter: _vectors(sums, tensors) for letter, tensors in held.items()}
        for name in sums.asked:
            if sums.is_vector(name):
                numbers = {k: found[name] for k, found in vectors.items() if name in found}
                _enter(out, sums.measure_vector, name, wanted, numbers)
                continue
            mine = {letter: tensors.get(name) for letter, tensors in held.items()}
            made = {letter: whole(t) for letter, t in mine.items() if t is not None}
            _enter(out, sums.measure, name, wanted, _alike(made))
    return out


def _enter(
    out: dict[str, Floats], measure: Any, name: str, wanted: Sequence[str], held: Mapping[str, Any]
) -> None:
    """Write down what one tensor adds."""
    there = [what for what in wanted if all(letter in held for letter in what)]
    pairs = [what for what in there if len(what) == 2]
    lines = [what for what in there if len(what) == 1]
    if not there:
        return
    both = [(held[what[0]], held[what[1]]) for what in pairs]
    for slots, found in measure(name, both, [held[what] for what in lines]):
        for what, each in zip((*pairs, *lines), found, strict=False):  # lines of linear terms alone
            out[what][slots] = each


def _alike(held: dict[str, Tensor]) -> dict[str, Tensor]:
    """In one precision, in which sums are made."""
    if not held:
        return held
    kind = _kind(next(iter(held.values())))
    return {letter: t if t.dtype == kind else t.to(kind) for letter, t in held.items()}


def _vectors(sums: Sums, tensors: Held) -> dict[str, Floats]:
    """All tensors of one axis, fetched together."""
    import torch

    names = [n for n in sums.asked if sums.is_vector(n) and tensors.get(n) is not None]
    if not names:
        return {}
    made = [whole(tensors[n]) for n in names]
    found = torch.cat([t.double() for t in made]).cpu().numpy()
    ends = np.cumsum([t.shape[0] for t in made])
    return dict(zip(names, np.split(found, ends[:-1]), strict=True))


@contextmanager
def one_thread() -> Iterator[None]:
    """Many small operations in a row: waiting for other threads would cost more than it saves."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _kind(tensor: Tensor) -> Any:
    """What is summed in: float32 where tensors are less precise."""
    import torch

    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def gradients(parameters: Mapping[str, nn.Parameter]) -> dict[str, Any]:
    """Of those that have one."""
    return {name: p.grad for name, p in parameters.items() if p.grad is not None}


@dataclass(frozen=True, eq=False)
class Tested:
    """A gradient against all laws; arrays are (F,).

    Attributes:
        pairing: ⟨∇h, g⟩.
        unit: what it is of the size of, had nothing cancelled.
        precision: relative rounding of the gradient.
        violated: whether it is more than rounding, or than an eps explains.
    """

    pairing: Floats
    unit: Floats
    precision: Floats
    violated: NDArray[np.bool_]

    @property
    def relative(self) -> Floats:
        """|⟨∇h, g⟩| over the sizes of what is paired; ∞ where it is not finite."""
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.abs(self.pairing) / self.unit
        share[(self.unit == 0) & (self.pairing == 0)] = 0.0
        return np.where(np.isfinite(share), share, np.inf)

    @property
    def roundings(self) -> Floats:
        """The same in units of the gradient's precision."""
        return self.relative / self.precision


class Tester:
    """Tests gradients against laws.

    Args:
        sums: the laws.
        limit: roundings that a law may be off by.
        precision: relative rounding of each parameter's gradient, by name.
    """

    def __init__(self, sums: Sums, limit: float, precision: Mapping[str, float]) -> None:
        self.sums, self.limit = sums, limit
        self.degree = np.where(sums.linear, 1, 2)
        each = np.array([precision.get(name, 0.0) for name in sums.names])
        self._own_precision = np.zeros(sums.functions)
        np.maximum.at(self._own_precision, sums.owner, each[sums.tensors])
        self.without_eps = np.array([law.without_eps for law in sums.laws], dtype=bool)[sums.family]
        # noise in one parameter of a layer is that of its neighbours: a bias that nothing depends
        # on has a gradient of nothing else
        modules = [name.rpartition(".")[0] for name in sums.names]
        self._modules = np.unique(modules, return_inverse=True)[1].reshape(-1)
        self._largest = np.zeros(len(sums.names))

    def unit(self, square: Floats, steep: Floats, norms: Floats | None) -> Floats:
        """Σ |c| ‖X‖ ‖G‖ (F,), or Σ |c| √n ‖G‖ of linear terms.

        Args:
            square, steep: θθ and gg for each slot.
            norms: (names,) mean square of the entries of each parameter's gradient; None where
                those of earlier gradients do.
        """
        sums = self.sums
        # a loss near 0 is a difference of numbers as large as ever, and so is its gradient's noise
        if norms is not None:
            self._largest = np.fmax(self._largest, self.shared(norms))
        floor = sums.entries * self._largest[sums.tensors]
        beside = np.where(sums.linear[sums.owner], sums.entries, np.maximum(square, 0))
        return self.degree * sums.size(np.sqrt(beside * np.maximum(steep, floor)))

    def shared(self, norms: Floats) -> Floats:
        """The mean square of a module's gradient, for each of its parameters."""
        known = np.isfinite(norms)
        total = np.bincount(self._modules[known], norms[known], self._modules.max(initial=0) + 1)
        count = np.bincount(self._modules[known], minlength=len(total))
        return (total / np.maximum(count, 1))[self._modules]

    def test(
        self,
        found: Mapping[str, Floats],
        norms: Floats | None,
        skipped: NDArray[np.bool_],
        precision: float = 0.0,
    ) -> Tested:
        """Against one gradient.

        Args:
            found: ``xx``, ``xg``, ``g`` of a look, and ``gg`` where it is known: else a tensor's
                functions count alike.
            norms: as for ``unit``.
            skipped: (F,) functions of which a parameter is frozen.
            precision: at least, where the gradient went through half precision.
        """
        slots = np.where(self.sums.linear[self.sums.owner], found["g"], found["xg"])
        pairing = self.degree * self.sums.total(slots)
        unit = self.unit(found["xx"], found.get("gg", 0 * slots), norms)
        own = np.maximum(self._own_precision, precision)
        tested = Tested(pairing, unit, own, np.zeros(0, dtype=bool))
        allowed = np.where(
            self.without_eps, np.maximum(EPS_SHARE, self.limit * own), self.limit * own
        )
        violated = (tested.relative > allowed) & ~skipped
        return Tested(pairing, unit, own, violated)


def mean_squares(names: Sequence[str], held: Held) -> Floats:
    """Of the entries of each tensor; nan where there is none."""
    import torch

    out = np.full(len(names), np.nan)
    with torch.no_grad(), one_thread():
        for k, name in enumerate(names):
            if (tensor := held.get(name)) is not None:
                made = whole(tensor)
                norm = torch.linalg.vector_norm(made, dtype=_kind(made))
                out[k] = float(norm) ** 2 / max(1, made.numel())
    return out
