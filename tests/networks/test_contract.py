"""Every family obeys the contract of ``Network``, and the check of it refuses what does not."""

import numpy as np
import pytest

from conserved.networks import FAMILIES, Linear, Network, Parameter, parse_network
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
        square = (z * z).sum(-1).scale(z.tape.ring.scalars.fraction(1, 3))
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


class KeyBias(Network):
    """Attention with biases: softmax does not see that of the keys, so its gradient is zero."""

    family = "attention with biases"

    def __init__(self):
        shapes = dict.fromkeys("QKVO", (2, 3)) | dict.fromkeys(("bQ", "bK", "bV"), (2,))
        parameters = [Parameter(name, shape) for name, shape in shapes.items()]
        self._declare("key-bias", parameters, (2, 3), (2, 3))

    def forward(self, parameters, x):
        q, k, v = (x @ parameters[name].T + parameters[f"b{name}"] for name in "QKV")
        return (q @ k.T).softmax() @ v @ parameters["O"]


class ReluOfParameters(Custom):
    """Positive weights: the gate knows θ and not x."""

    piecewise = True

    def forward(self, parameters, x):
        return (x @ parameters["W1"].relu().T).relu() @ parameters["W2"].T


class ReluOfParametersOutside(Custom):
    """The same where nothing else of the layer has a datum axis: a factor, and a bias."""

    piecewise = True

    def forward(self, parameters, x):
        factor = parameters["W2"].relu().reshape(3) + parameters["W2"].reshape(3)
        return ((x @ parameters["W1"].T) * factor + factor).relu().sum(-1)


class ReluOfConstants(Custom):
    piecewise = True

    def middle(self, z):
        scalars = z.tape.ring.scalars
        steps = scalars.from_integers(np.array([1, -2, 3])[None, None, None])
        return z * z.tape.constant(steps).relu() + z


class ReluOfBoth(Custom):
    """Parameters and constants, of shapes that have to be broadcast."""

    piecewise = True

    def forward(self, parameters, x):
        return (x @ (parameters["W1"] - 1).relu().T + 1) @ (parameters["W2"] * 2 + 1).relu().T


OBEDIENT = [
    *(Normalised, Rational, Residual, Scaling, KeyBias),
    *(ReluOfParameters, ReluOfParametersOutside, ReluOfConstants, ReluOfBoth),
]


@pytest.mark.parametrize("kind", OBEDIENT)
def test_third_party_networks_obey(kind):
    check_network(kind())


# networks that break the contract


class IgnoresParameter(Custom):
    def forward(self, parameters, x):
        return (x @ parameters["W1"].T).sum(-1)


class NoVar(Custom):
    def forward(self, parameters, x):
        return 3


class NoElementOfTheField(Custom):
    def middle(self, z):
        return z.scale(0.5)


class NoElementInsideAFormalOne(Custom):
    def middle(self, z):
        return z.scale(0.5).function("tanh")


class FloatFunction(Custom):
    def middle(self, z):
        return z * z.tape.constant(np.tanh(z.value[:1].astype(float)).astype(z.value.dtype))


class HiddenRelu(Custom):
    def middle(self, z):
        return z.relu()


class NeedlessPiecewise(Custom):
    piecewise = True

    def middle(self, z):
        return z


class WrongShape(Custom):
    output = (2,)

    def middle(self, z):
        return z


class WrongPullback(Custom):
    """z ↦ 2z whose gradient forgets the 2."""

    def middle(self, z):
        ring = z.tape.ring
        return z.tape.record(ring.scale(z.value, 2), [(z, lambda g: g)])


class MixesBatch(Custom):
    """Batch normalisation as it should not be: with the other fields of the batch."""

    def middle(self, z):
        ring = z.tape.ring

        def mixed(g):
            return ring.scalars.reduce(g + g[:, ::-1])

        return z.tape.record(mixed(z.value), [(z, mixed)])


class MixesData(Custom):
    """Batch normalisation as it is: one datum's output depends on the others."""

    def middle(self, z):
        ring = z.tape.ring

        def mixed(g):
            return ring.scalars.reduce(g + g[:, :, ::-1])

        return z.tape.record(mixed(z.value), [(z, mixed)])


class WrongJets(Custom):
    """z ↦ z² by entries of the jet: the product rule is lost."""

    def middle(self, z):
        scalars = z.tape.ring.scalars
        value = scalars.mul(z.value, z.value)
        return z.tape.record(value, [(z, lambda g: scalars.mul(g, scalars.reduce(2 * z.value)))])


class RepeatedNames(Custom):
    def __init__(self):
        self._declare("repeated", [Parameter("W", (1, 2)), Parameter("W", (1, 2))], (2,), (1,))


@pytest.mark.parametrize(
    "kind, reason",
    [
        (IgnoresParameter, "the output does not depend on parameter 'W2'"),
        (NoVar, "forward gives a int, not a Var"),
        (NoElementOfTheField, "are not integers"),
        (NoElementInsideAFormalOne, "both layouts .* differ"),
        (FloatFunction, "are not integers"),
        (HiddenRelu, "relu occurs, but piecewise is False"),
        (NeedlessPiecewise, "relu does not occur, but piecewise is True"),
        (WrongShape, r"shape \(1,\), declared \(2,\)"),
        (WrongPullback, "not the derivative of the forward pass"),
        (MixesBatch, "fields of one batch mix"),
        (MixesData, "is not the sum over its data"),
        (WrongJets, "not the derivative"),
        (RepeatedNames, "names repeat"),
    ],
)
def test_refuses(kind, reason):
    with pytest.raises(AssertionError, match=rf"^<{kind.__name__} .*({reason})"):
        check_network(kind())


def test_refuses_a_wrong_fixed_gradient_of_a_known_family(monkeypatch):
    good = Linear(2, 2, 1)
    check_network(good)
    monkeypatch.setattr(
        Linear,
        "activation",
        lambda self, z: z.tape.record(z.value, [(z, z.tape.ring.neg)]),
    )
    with pytest.raises(AssertionError, match="not the derivative of the forward pass"):
        check_network(good)
