"""Every family obeys the contract of ``Network``, and the check of it refuses what does not."""

import json
from fractions import Fraction

import numpy as np
import pytest

import conserved.networks
from conserved.certificate import read_text
from conserved.errors import InputError
from conserved.kernel import operations
from conserved.kernel.program import Program
from conserved.networks import FAMILIES, Given, Linear, Network, Parameter, parse_network
from conserved.networks.mlp import ACTIVATIONS
from conserved.testing import check_network

SPECS = [
    *("linear:1-1", "linear:3-2", "linear:4-2-1", "linear:2-3-1-2", "linear:2-2-2-2-2-2"),
    *("relu:1-1-1", "relu:3-4-2", "relu:2-3-3-1", "relu:2-3-2,bias", "relu:2-2-3-2-1,bias"),
    *("poly:2-3-1,power=1", "poly:1-1-1", "poly:2-3-2,power=2", "poly:2-3-1,power=3"),
    *("poly:2-2-2-1,power=2", "poly:2-2-1-1,power=3"),
    *(f"mlp:3-4-2,act={act}" for act in ACTIVATIONS),
    *(f"mlp:2-3-2-1,act={act},bias" for act in ACTIVATIONS),
    *("swiglu:1-1-1", "swiglu:2-3-2"),
    *("lightning:dim=2,tokens=1", "lightning:dim=3,tokens=2,head=2,out=2"),
    *("lightning:dim=1,tokens=3,head=1,out=1", "lightning:dim=2,tokens=3,head=3"),
    *("attention:dim=3,tokens=2,head=2", "attention:dim=1,tokens=2,head=1,heads=2"),
    *("attention:dim=3,tokens=3,head=1,heads=3", "attention:dim=2,tokens=3,head=2,heads=2,causal"),
]


def test_the_table_has_every_family():
    assert {spec.partition(":")[0] for spec in SPECS} == set(FAMILIES)


@pytest.mark.parametrize("spec", [*SPECS, *(family.example for family in FAMILIES.values())])
def test_every_family_obeys(spec):
    check_network(parse_network(spec))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spec", ["relu:2-3-2,bias", "attention:dim=2,tokens=2,head=1,causal"])
def test_whatever_the_seed(spec, seed):
    check_network(parse_network(spec), seed=seed)


# networks that this package does not have


class Custom(Network):
    """Two weight matrices and something in between."""

    family = "custom"
    output = (1,)

    def __init__(self):
        shapes = {"W1": (3, 2), "W2": (1, 3)}
        parameters = [Parameter(name, shape) for name, shape in shapes.items()]
        self._declare("custom", parameters, (2,), self.output)

    def forward(self, parameters, x):
        return self.middle(x @ parameters["W1"].T) @ parameters["W2"].T


class Normalised(Custom):
    """Root mean square normalisation: square roots exist at half of the points only."""

    def middle(self, z):
        square = (z * z).sum(-1).scale(Fraction(1, 3))
        return z * square.rsqrt()


class Rational(Custom):
    def middle(self, z):
        return z / (z * z).sum(-1)


class Residual(Custom):
    def middle(self, z):
        return z + z.function("tanh") * z**2


class Scaling(Network):
    """A parameter that is one number, and one token axis more than it needs."""

    family = "scaling"

    def __init__(self):
        self._declare("scaling", [Parameter("a", ()), Parameter("b", (2, 1))], (2, 2), (2, 2))

    def forward(self, parameters, x):
        return x.T * parameters["a"].reshape(1) + parameters["b"]


@pytest.mark.parametrize("kind", [Normalised, Rational, Residual, Scaling])
def test_third_party_networks_obey(kind):
    check_network(kind())


# networks that break the contract


class IgnoresParameter(Custom):
    def forward(self, parameters, x):
        return (x @ parameters["W1"].T).sum(-1)


class NoElementOfTheField(Custom):
    def middle(self, z):
        return z.scale(0.5)


class NoElementInsideAFormalOne(Custom):
    def middle(self, z):
        return z.scale(0.5).function("tanh")


class WrongShape(Custom):
    output = (2,)

    def middle(self, z):
        return z


class KeepsTensors(Custom):
    """Hands on a tensor of an earlier trace."""

    kept = None

    def middle(self, z):
        if KeepsTensors.kept is None:
            KeepsTensors.kept = z
            raise ValueError("not yet")
        return z + KeepsTensors.kept


class NoTensor(Custom):
    def forward(self, parameters, x):
        return 3


class Declared(Network):
    """A network with any declaration."""

    family = "declared"

    def __init__(self, parameters, inputs, outputs):
        self._declare("declared", parameters, inputs, outputs)

    def forward(self, parameters, x):
        return x @ parameters["W"].T


class KeyBias(Network):
    """Attention to one token by a key with a bias, which softmax does not see."""

    family = "keybias"

    def __init__(self):
        shapes = {"Q": (2, 2), "K": (2, 2), "k": (2,), "V": (2, 2)}
        named = [Parameter(name, shape) for name, shape in shapes.items()]
        self._declare("keybias", named, (3, 2), (3, 2))

    def forward(self, p, x):
        keys = x @ p["K"].T + p["k"]
        return ((x @ p["Q"].T) @ keys.T).softmax() @ (x @ p["V"].T)


class ReluOfAParameter(Custom):
    def forward(self, p, x):
        return (x @ p["W1"].relu().T) @ p["W2"].T


class ReluOfAConstant(Custom):
    def middle(self, z):
        return z * z.recording.constant([1, -1, 2]).relu()


@pytest.mark.parametrize("kind", [KeyBias, ReluOfAParameter, ReluOfAConstant])
def test_networks_with_idle_parts_obey(kind):
    check_network(kind())


def test_refuses_an_idle_parameter():
    with pytest.raises(AssertionError, match=r"^<IgnoresParameter .*(forward does not use W2)"):
        check_network(IgnoresParameter())


@pytest.mark.parametrize(
    "parameters, inputs, outputs, reason",
    [
        ([("W", (1, 2)), ("W", (1, 2))], (2,), (1,), "have different names, got W, W"),
        ([], (2,), (1,), "have different names, got none"),
        ([("W", (1, 0))], (2,), (1,), r"parameter 'W': a shape is .*, got '\(1, 0\)'"),
        ([("W", (1, 2.0))], (2,), (1,), r"parameter 'W': a shape is"),
        ([("W", "12")], (2,), (1,), r"parameter 'W': a shape is"),
        ([(3, (1, 2))], (2,), (1,), r"parameter '3': give a text such as W1"),
        ([("", (1, 2))], (2,), (1,), r"parameter '': a name has 1 to 80 printable characters"),
        ([("W\n", (1, 2))], (2,), (1,), r"parameter 'W.*': a name has 1 to 80 printable"),
        ([("W" * 81, (1, 2))], (2,), (1,), r"parameter 'W*…': a name has 1 to 80 printable"),
        ([("W", (1, 2))], 2, (1,), r"inputs of 'declared': a shape is"),
        ([("W", (1, 2))], (2,), (), r"outputs of 'declared': a shape is"),
    ],
)
def test_refuses_a_declaration(parameters, inputs, outputs, reason):
    with pytest.raises(InputError, match=reason):
        Declared([Parameter(*given) for given in parameters], inputs, outputs)


@pytest.mark.parametrize("name", ["", " ", "mine ", "two\nlines", "x" * 401, None, 3])
def test_refuses_a_name(name):
    """What no certificate could hold is told before anything is computed."""
    with pytest.raises(InputError, match=r"^network .*: (a name has 1 to 400|give a text)"):
        Given(name, Linear(2, 1).program)


@pytest.mark.parametrize("name", ["x" * 400, "<b>", "ネット", "two words", "W_2$%&#{}\\"])
@pytest.mark.parametrize("constant", [1, 2**53, 10**19, 10**100, -(10**100)])
def test_what_is_declared_is_certified(name, constant):
    """Odd names and long constants come back from the file."""

    class Odd(Declared):
        def forward(self, parameters, x):
            return (x @ parameters[name[:80]].T) * constant

    network = Odd([Parameter(name[:80], (1, 2))], (2,), (1,))
    network.spec = name
    certificate = conserved.analyze(conserved.Problem(network=network)).certificate
    assert read_text(certificate.text()).problem.network.program == network.program


def test_sizes_from_numpy():
    """Python's integers from then on: they are counted, and written as JSON."""
    sizes = np.array([1, 2])
    network = Declared([Parameter("W", tuple(sizes))], tuple(sizes[1:]), (sizes[0],))
    shapes = [network.parameters[0].shape, network.input_shape, network.output_shape]
    assert shapes == [(1, 2), (2,), (1,)]
    assert {type(n) for shape in shapes for n in shape} == {int}
    assert Program.from_json(json.loads(json.dumps(network.program.to_json()))) == network.program


@pytest.mark.parametrize(
    "family, sizes, options",
    [
        ("Linear", (3, 2), {}),
        ("ReLU", (3, 2, 1), {}),
        ("MLP", (3, 2, 1), {}),
        ("Polynomial", (3, 2, 1), {"power": 3}),
        ("SwiGLU", (3, 2, 1), {}),
        ("Attention", (), {"dim": 2, "tokens": 2, "head": 1, "heads": 2}),
        ("Lightning", (), {"dim": 2, "tokens": 2, "head": 1, "out": 1}),
    ],
)
def test_families_take_sizes_from_numpy(family, sizes, options):
    kind = getattr(conserved.networks, family)
    given = kind(*map(np.int64, sizes), **{key: np.int16(n) for key, n in options.items()})
    assert given == kind(*sizes, **options)
    assert json.dumps(given.program.to_json())


@pytest.mark.parametrize(
    "kind, reason",
    [
        (NoElementOfTheField, "numbers in a network are exact"),
        (NoElementInsideAFormalOne, "numbers in a network are exact"),
        (WrongShape, r"shape \(1,\), declared are \(2,\)"),
        (NoTensor, "forward returns a tensor"),
    ],
)
def test_what_cannot_be_traced(kind, reason):
    with pytest.raises(InputError, match=reason):
        check_network(kind())


def test_tensors_of_another_trace():
    with pytest.raises(ValueError, match="not yet"):
        check_network(KeepsTensors())
    with pytest.raises(InputError, match="another trace"):
        check_network(KeepsTensors())


def test_refuses_a_wrong_derivative(monkeypatch):
    """The check does not share the rules of ``kernel.evaluate``."""
    check_network(Linear(2, 2, 1))

    def forgetful(ring, node, args):
        value, (back,) = good(ring, node, args)
        return value, (lambda g: back(ring.neg(g)),)

    good = operations.OPERATIONS["transpose"]
    monkeypatch.setitem(operations.OPERATIONS, "transpose", forgetful)
    with pytest.raises(AssertionError, match="not the derivative of the forward pass"):
        check_network(Linear(2, 2, 1))
