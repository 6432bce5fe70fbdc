"""Laws of data symmetry on real gradients: whole orbits keep them, samples let them diffuse."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.watching.exactly.exact import pairings

torch = pytest.importorskip("torch", reason="needs the extra torch")
ORBIT = [list(order) for order in permutations(range(4))]


def model(seed: int = 0) -> Any:
    from torch import nn

    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 2, bias=False), nn.Linear(2, 1, bias=False)).double()


@cache
def laws() -> tuple[Any, ...]:
    problem = cq.from_torch(model().float(), torch.zeros(1, 4), symmetry="permutation")
    found = cq.analyze(problem).laws
    assert {law.origin for law in found} == {"architecture", "data symmetry"}
    return tuple(found)


def data(rows: int = 3) -> tuple[Any, Any]:
    draws = torch.Generator().manual_seed(1)
    x = torch.randn(rows, 4, generator=draws, dtype=torch.float64)
    return x, torch.randn(rows, 1, generator=draws, dtype=torch.float64)


def loss(net: Any, x: Any, y: Any) -> Any:
    return ((net(x) - y) ** 2).mean()


def whole(x: Any, y: Any) -> tuple[Any, Any]:
    return torch.cat([x[:, order] for order in ORBIT]), y.repeat(len(ORBIT), 1)


def test_whole_orbits_keep_all_laws() -> None:
    net, (x, y) = model(), whole(*data())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(5):
        report = cq.check_gradients(net, lambda: loss(net, x, y), laws=laws())
        assert report.checked == len(laws())
        optimizer.step()


def test_a_sample_of_an_orbit_keeps_those_of_the_architecture() -> None:
    net, (x, y) = model(), data()
    own = [law for law in laws() if law.origin == "architecture"]
    assert cq.check_gradients(net, lambda: loss(net, x, y), laws=own).holds
    with pytest.raises(cq.watching.GradientError) as caught:
        cq.check_gradients(net, lambda: loss(net, x, y), laws=laws())
    assert "no union of whole orbits of the group" in str(caught.value)
    assert "range" in str(caught.value)


def test_sampled_augmentation_has_mean_zero() -> None:
    """⟨∇h, g⟩ of one random element each is no 0; over the group it is, so that h diffuses."""
    net, (x, y) = model(), data(1)
    extra = [law for law in laws() if law.origin == "data symmetry"]
    named = dict(net.named_parameters())
    each = []
    for order in ORBIT:
        net.zero_grad()
        loss(net, x[:, order], y).backward()
        (found,) = pairings(extra, named, {n: p.grad for n, p in named.items()})
        each.append(found[0])
    assert np.abs(np.stack(each)).max() > 1e-3
    assert np.abs(np.mean(each, axis=0)).max() < 1e-12


def test_laws_of_another_model_are_refused() -> None:
    other = torch.nn.Sequential(torch.nn.Linear(3, 2, bias=False))
    with pytest.raises(InputError, match=r"no parameter '0\.weight' of shape \(2, 4\)"):
        cq.check_gradients(other, lambda: other(torch.ones(1, 3)).sum(), laws=laws())
