"""Laws on torch tensors: the same values, and autograd's gradient is the law's own."""

from __future__ import annotations

import numpy as np
import pytest

from conserved.errors import InputError
from tests.law.strategies import EXAMPLES, LAYOUT

torch = pytest.importorskip("torch")
every_example = pytest.mark.parametrize("law", EXAMPLES.values(), ids=EXAMPLES.keys())


def tensors(theta, dtype):
    """A model's parameters by name, and one that no law speaks of."""
    flat = torch.tensor(theta, dtype=dtype)
    named = {
        name: flat[torch.as_tensor(LAYOUT.indices(name).ravel())].reshape(shape).requires_grad_()
        for name, shape in LAYOUT.tensors
    }
    return named | {"scale": torch.ones(3)}


@every_example
def test_values_and_autograd(law):
    theta = np.random.default_rng(0).standard_normal(LAYOUT.size)
    named = tensors(theta, torch.float64)
    value = law.torch_value(named)
    np.testing.assert_allclose(value.detach().numpy(), law.value(theta), rtol=1e-9)
    inputs = [named[name] for name, _ in LAYOUT.tensors]
    expected = law.gradient(theta)
    for component, row in zip(value, expected, strict=True):
        grads = torch.autograd.grad(
            component, inputs, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        found = np.concatenate([grad.numpy().ravel() for grad in grads])
        np.testing.assert_allclose(found, row, rtol=1e-8, atol=1e-9)


@every_example
def test_dtype_follows_the_model(law):
    theta = np.random.default_rng(0).standard_normal(LAYOUT.size)
    value = law.torch_value(tensors(theta, torch.float32))
    assert value.dtype == torch.float32
    np.testing.assert_allclose(value.detach().numpy(), law.value(theta), rtol=2e-3, atol=1e-4)


def test_tensors_that_do_not_fit_are_named():
    law, named = EXAMPLES["gram"], tensors(np.ones(LAYOUT.size), torch.float64)
    with pytest.raises(InputError, match="'b1' is missing"):
        law.torch_value({name: t for name, t in named.items() if name != "b1"})
    with pytest.raises(InputError, match=r"W2: \(3, 2\)"):
        law.torch_value(named | {"W2": torch.ones(3, 2)})
