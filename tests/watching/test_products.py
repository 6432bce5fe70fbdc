"""Sums of products against plain sums in float64, of NumPy arrays and of tensors elsewhere."""

import numpy as np
import pytest

from conserved import block_laws
from conserved.watching.gradient.gradients import sums_of
from conserved.watching.look import products
from conserved.watching.look.looking import look
from conserved.watching.look.probes import Probes

torch = pytest.importorskip("torch")
TorchFunctionMode = torch.overrides.TorchFunctionMode

SHAPES = [(3,), (1, 5), (700, 3), (5, 9000), (4, 3, 2, 2), (600, 2, 3), (2, 300, 1), (1, 1)]


def pair(shape, dtype):
    rng = np.random.default_rng(len(shape))
    return [torch.tensor(rng.standard_normal(shape), dtype=dtype) for _ in range(2)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("parts", ["_CACHED", "_FEW"])
def test_sums_along_each_axis_and_of_all_entries(shape, parts, monkeypatch):
    monkeypatch.setattr(products, "_parts", lambda _: getattr(products, parts))
    x, y = pair(shape, torch.float64)
    a, b = (products.entries(t) for t in (x, y))
    for axis in range(len(shape)):
        others = tuple(k for k in range(len(shape)) if k != axis)
        found = products.along(axis, [(a, b), (b, b), (a, b)])
        plain = [t.numpy().sum(others) for t in (x * y, y * y, x * y)]
        assert np.allclose(np.asarray(found), plain, rtol=1e-12, atol=1e-12)
        found = products.line(axis, a)
        assert np.allclose(np.asarray(found), x.numpy().sum(others), rtol=1e-12, atol=1e-12)
    found = np.asarray(products.total(a, b))
    assert found.shape == (1,)
    assert np.isclose(found[0], (x * y).sum().item(), rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("scattered", [False, True])
def test_combinations_of_slices(axis, scattered):
    x, _ = pair((7, 7, 7), torch.float64)
    rng = np.random.default_rng(0)
    places = np.arange(1, 7).reshape(2, 3)
    if scattered:
        places = rng.permutation(7)[:6].reshape(2, 3)
    signs = rng.choice([-1.0, 1.0], size=(2, 3))
    found = np.asarray(products.combined(signs, places, axis, products.entries(x)))
    moved = np.moveaxis(x.numpy(), axis, 0)
    plain = [
        sum(s * moved[p] for s, p in zip(*row, strict=True))
        for row in zip(signs, places, strict=True)
    ]
    assert np.allclose(found, np.stack(plain).reshape(2, -1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(100_000, 4), (4, 100_000)])
@pytest.mark.parametrize("axis", [0, 1])
def test_long_sums_in_single_precision_stay_near(shape, axis):
    x = torch.rand(shape)  # of one sign: nothing cancels that was lost
    exact = (x.double() ** 2).sum(1 - axis).numpy()
    found = products.along(axis, [(x, x)])[0]
    assert found.dtype == torch.float64
    assert np.abs(found.numpy() / exact - 1).max() < 10 * np.finfo(np.float32).eps


class Calls(TorchFunctionMode):
    """Counts what is asked of torch; views launch nothing, and count here all the same."""

    def __init__(self):
        super().__init__()
        self.made = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.made += 1
        return function(*args, **(kwargs or {}))


def asked(x):
    """How often, for all sums that there are."""
    with Calls() as calls:
        for axis in (0, 1):
            products.along(axis, [(x, x), (x, x), (x, x)])
            products.line(axis, x)
        products.total(x, x)
    return calls.made


def test_an_accelerator_is_asked_few_times(monkeypatch):
    assert products._parts(torch.empty(2, device="meta")) is products._FEW
    x = torch.ones(512, 4096)
    many = asked(x)
    monkeypatch.setattr(products, "_parts", lambda _: products._FEW)
    assert 5 * asked(x) < many


def test_entries_are_those_of_the_tensor_and_never_less_than_single_precision():
    x = torch.zeros(3, 2, requires_grad=True)
    held = products.entries(x)
    with torch.no_grad():
        x[1, 1] = 5.0
    assert held[1, 1] == 5.0
    assert products.entries(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.float32
    assert products.entries(torch.ones(2, dtype=torch.float64)).dtype == torch.float64
    assert products.entries(torch.tensor(2.0)).shape == (1,)


def test_a_look_adds_what_laws_are_made_of():
    torch.manual_seed(0)
    layers = torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)
    model = torch.nn.Sequential(*layers).double()
    named = dict(model.named_parameters())
    slopes = {name: torch.randn_like(p) for name, p in named.items() if name != "2.bias"}
    sums = sums_of(block_laws(model, torch.ones(2, 4)).laws, named, Probes(1.0, 0))
    found = look(sums, ("xx", "xg"), x=named, g=slopes)
    for what, other in (("xx", named), ("xg", slopes)):
        first, bias, second = (named[k] * other[k] for k in ("0.weight", "0.bias", "2.weight"))
        units = first.sum(1) + bias - second.sum(0)
        assert np.allclose(sums.total(found[what]), units.detach().numpy())
