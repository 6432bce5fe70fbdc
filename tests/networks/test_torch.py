"""Outputs and gradients in float64 against torch autograd, each family written again in torch."""

import numpy as np
import pytest

import conserved as cq
from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.networks import parse_network

torch = pytest.importorskip("torch", reason="torch is the oracle of this module")
F = torch.nn.functional

TORCH_ACTIVATIONS = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "exp": torch.exp,
    "erf": torch.erf,
    "sin": torch.sin,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu-tanh": lambda z: F.gelu(z, approximate="tanh"),
}


def layers(activation, bias=False):
    """Weight layers with an activation in between; x has axes (data, in)."""

    def forward(theta, x):
        tensors = list(theta.values())
        per_layer = 2 if bias else 1
        for i in range(0, len(tensors), per_layer):
            x = F.linear(x, *tensors[i : i + per_layer])
            if i + per_layer < len(tensors):
                x = activation(x)
        return x

    return forward


def swiglu(theta, x):
    return F.linear(F.silu(F.linear(x, theta["B"])) * F.linear(x, theta["C"]), theta["A"])


def lightning(theta, x):
    q, k, v = theta["Q"], theta["K"], theta["V"]
    return torch.einsum("nti,ia,ja,nsj,nsk,km->ntm", x, q, k, x, x, v)


def attention(head, heads, causal=False):
    def forward(theta, x):
        total = torch.zeros_like(x)
        for h in range(heads):
            q, k, v, o = (theta[name][h * head : (h + 1) * head] for name in "QKVO")
            total = (
                total
                + F.scaled_dot_product_attention(
                    x @ q.T, x @ k.T, x @ v.T, is_causal=causal, scale=1.0
                )
                @ o
            )
        return total

    return forward


CASES = [
    ("linear:3-2", layers(lambda z: z)),
    ("linear:4-2-3-1", layers(lambda z: z)),
    ("relu:3-4-2", layers(torch.relu)),
    ("relu:3-5-4-2,bias", layers(torch.relu, bias=True)),
    ("poly:2-3-1,power=1", layers(lambda z: z)),
    ("poly:2-3-2-1,power=2", layers(lambda z: z**2)),
    ("poly:2-3-2,power=3", layers(lambda z: z**3)),
    *((f"mlp:3-4-2,act={name}", layers(act)) for name, act in TORCH_ACTIVATIONS.items()),
    *(
        (f"mlp:2-3-3-1,act={name},bias", layers(act, bias=True))
        for name, act in TORCH_ACTIVATIONS.items()
        if name != "exp"  # exp of exp of integers overflows
    ),
    ("swiglu:3-4-2", swiglu),
    ("lightning:dim=3,tokens=4,head=2,out=2", lightning),
    ("attention:dim=3,tokens=4,head=2", attention(2, 1)),
    ("attention:dim=4,tokens=3,head=2,heads=3", attention(2, 3)),
    ("attention:dim=4,tokens=5,head=2,heads=2,causal", attention(2, 2, causal=True)),
]


def by_torch(network, forward, theta, x, pull):
    """f and Σ_i J(θ, x_i)ᵀ v_i for one field, by autograd."""
    tensors, start = {}, 0
    for parameter in network.parameters:
        block = theta[start : start + parameter.size].reshape(parameter.shape)
        tensors[parameter.name] = torch.tensor(block, requires_grad=True)
        start += parameter.size
    output = forward(tensors, torch.tensor(x))
    (output * torch.tensor(pull)).sum().backward()
    gradients = [tensor.grad.reshape(-1) for tensor in tensors.values()]
    return output.detach().numpy(), torch.cat(gradients).numpy()


@pytest.mark.parametrize("shared", [True, False], ids=["one-θ", "θ-each"])
@pytest.mark.parametrize("spec, forward", CASES, ids=[spec for spec, _ in CASES])
def test_outputs_and_gradients_agree(spec, forward, shared):
    network = parse_network(spec)
    rng = np.random.default_rng(4)
    batch, data = 3, 4
    theta, x, pull = (
        rng.integers(-2, 3, size=shape).astype(np.float64)
        for shape in (
            (batch, network.size),
            (batch, data, *network.input_shape),
            (batch, data, *network.output_shape),
        )
    )
    if shared:
        theta = np.broadcast_to(theta[:1], theta.shape)
    run = network.run(FormalRing(Reals()), theta[None], x)
    fields = run.gradient(pull[None])[0]
    for i in range(batch):
        value, gradient = by_torch(network, forward, theta[i], x[i], pull[i])
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(run.output[0, i], value, rtol=1e-10, atol=1e-10)
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(fields[i], gradient, rtol=1e-10, atol=1e-12 * scale)


def test_reading_leaves_a_module_as_it_was() -> None:
    """Running statistics, gradients and random numbers are nobody else's."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    drawn = torch.random.get_rng_state()
    cq.from_torch(module, torch.zeros(1, 3), batch=4)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    assert torch.equal(torch.random.get_rng_state(), drawn)
