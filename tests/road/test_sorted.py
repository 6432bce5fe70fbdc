"""Sorts and maxima, in any writing: as many laws as the float road finds for torch's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch
from torch import Tensor

import conserved as cq
from conserved.certificate import check_certificate
from conserved.kernel.evaluate import real_choice
from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.networks import Network, concatenate
from tests.road.count import Floats, laws
from tests.road.forward import Model, loss_of
from tests.road.written import Written

# torch's own: it makes its rules for forward mode with torch.jit
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

Exchange = Callable[[Any, Any], tuple[Any, Any]]
# comparators that sort so many entries, whatever they are
COMPARATORS = {
    2: [(0, 1)],
    3: [(0, 1), (1, 2), (0, 1)],
    4: [(0, 1), (2, 3), (0, 2), (1, 3), (1, 2)],
}


def one_relu(a: Any, b: Any) -> tuple[Any, Any]:
    gate = (a - b).relu()
    return a - gate, b + gate


def two_relus(a: Any, b: Any) -> tuple[Any, Any]:
    return a - (a + b.scale(-1)).relu(), b + (a - b).relu()


def opposite(a: Any, b: Any) -> tuple[Any, Any]:
    return b - (b - a).relu(), b + (a - b).relu()


def maximum(a: Any, b: Any) -> tuple[Any, Any]:
    return -(-a).maximum(-b), a.maximum(b)


EXCHANGES = {f.__name__: f for f in (one_relu, two_relus, opposite, maximum)}
HOW = ["sort", *EXCHANGES]


def model(
    n: int, h: int, m: int, act: Callable[[Tensor], Tensor], kept: int | None = None
) -> Model:
    """x ↦ V act(W x), ``act`` keeping so many of h entries."""

    def forward(p: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return act(x @ p["W"].T) @ p["V"].T

    return Model({"W": (h, n), "V": (m, kept or h)}, (n,), (m,), forward)


def sorted_by_torch(n: int, h: int, m: int) -> Model:
    return model(n, h, m, lambda z: z.sort(-1).values)


def network(found: Model, how: str) -> Network:
    h = found.shapes["W"][0]

    def formula(p: Mapping[str, Any], x: Any) -> Any:
        z = x @ p["W"].T
        if how == "sort":
            return z.sort() @ p["V"].T
        entries = list(z)
        for i, j in COMPARATORS[h]:
            entries[i], entries[j] = EXCHANGES[how](entries[i], entries[j])
        return concatenate([entry.reshape(1) for entry in entries]) @ p["V"].T

    return Written(f"sorted by {how}", found, formula)


def by_floats(found: Model, seed: int = 0) -> int | None:
    everything = torch.eye(found.inputs[-1], dtype=torch.float64)[None]
    return laws(Floats(found, loss_of("mse"), everything), seed)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "n, h, m", [(3, 2, 2), (3, 3, 2), (2, 3, 2), (3, 3, 1), (4, 3, 3), (4, 4, 2), (3, 4, 1)]
)
def test_sorted(n: int, h: int, m: int, how: str) -> None:
    found = sorted_by_torch(n, h, m)
    expected = by_floats(found)
    assert expected is not None
    count = cq.analyze(cq.Problem(network=network(found, how))).count
    assert count == cq.Count(expected, expected, True)


@pytest.mark.parametrize("h", [2, 3])
@pytest.mark.parametrize("how", ["max", "relus"])
def test_largest(h: int, how: str) -> None:
    found = model(3, h, 2, lambda z: z.amax(-1, keepdim=True), kept=1)
    expected = by_floats(found)

    def formula(p: Mapping[str, Any], x: Any) -> Any:
        z = x @ p["W"].T
        if how == "max":
            return z.max().reshape(1) @ p["V"].T
        best = z[0:1]
        for k in range(1, h):
            best = z[k : k + 1] + (best - z[k : k + 1]).relu()
        return best @ p["V"].T

    count = cq.analyze(cq.Problem(network=Written("largest", found, formula))).count
    assert expected is not None
    assert count == cq.Count(expected, expected, True)


def test_a_sort_is_proved_again() -> None:
    written = network(sorted_by_torch(3, 3, 2), "two_relus")
    analysis = cq.analyze(cq.Problem(network=written))
    report = check_certificate(analysis.certificate, seed=1)
    assert report.status == "CERTIFIED"


def test_sorts_sort() -> None:
    """Every writing has the values of torch.sort."""
    found = sorted_by_torch(4, 4, 2)
    rng = torch.Generator().manual_seed(0)
    theta = torch.randn(found.size, generator=rng, dtype=torch.float64)
    x = torch.randn(50, 4, generator=rng, dtype=torch.float64)
    for how in HOW:
        values = outputs(network(found, how), theta, x)
        torch.testing.assert_close(values, found(theta, x))


def outputs(written: Network, theta: Tensor, x: Tensor) -> Tensor:
    run = written.run(FormalRing(Reals()), theta.numpy()[None, None], x.numpy()[None], real_choice)
    return torch.from_numpy(run.output[0, 0])
