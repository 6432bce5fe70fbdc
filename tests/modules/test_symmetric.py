"""Modules on symmetric data: the lift that their programs show, against families and floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

torch = pytest.importorskip("torch", reason="the networks are PyTorch modules")

from torch import Tensor, nn  # noqa: E402
from torch.func import functional_call  # noqa: E402

import conserved as cq  # noqa: E402
from conserved.certificate import check_file  # noqa: E402
from conserved.networks.lift import MonomialLift  # noqa: E402
from tests.cases import CASES, Case  # noqa: E402
from tests.road.count import Floats, laws  # noqa: E402
from tests.road.forward import Model, group_of, loss_of  # noqa: E402

# torch's own: it makes its rules for forward mode with torch.jit
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


class Power(nn.Module):
    def __init__(self, exponent: int) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, x: Tensor) -> Tensor:
        return x**self.exponent


class LinearAttention(nn.Module):
    """f(X) = X Q Kᵀ Xᵀ X V, or with the tokens before each alone."""

    def __init__(self, dim: int, head: int = 1, out: int = 1, *, causal: bool = False) -> None:
        super().__init__()
        self.q, self.k = (nn.Linear(dim, head, bias=False) for _ in range(2))
        self.v = nn.Linear(dim, out, bias=False)
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        scores = self.q(x) @ self.k(x).mT
        return (scores.tril() if self.causal else scores) @ self.v(x)


class Bilinear(nn.Module):
    """C (A x ⊙ B x), with biases where asked."""

    def __init__(self, n: int, h: int, m: int, *, bias: bool = False) -> None:
        super().__init__()
        self.a, self.b = (nn.Linear(n, h, bias=bias) for _ in range(2))
        self.c = nn.Linear(h, m, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.a(x) * self.b(x))


class Mixture(nn.Module):
    """Two linear maps, mixed by a softmax of parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.zeros(2))
        self.maps = nn.Parameter(torch.zeros(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.mix.softmax(0) @ self.maps).reshape(3, 1)


def stack(*widths: int, power: int = 1, bias: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, (below, above) in enumerate(pairwise(widths)):
        layers += [Power(power)] if i and power > 1 else []
        layers.append(nn.Linear(below, above, bias=bias))
    return nn.Sequential(*layers)


def module_of(case: Case) -> tuple[nn.Module, tuple[int, ...]]:
    """The family of a case written as a module, and the shape of its inputs."""
    family, _, rest = case.network.partition(":")
    widths, *options = rest.split(",")
    if family == "lightning":
        size = {k: int(v) for k, _, v in (part.partition("=") for part in rest.split(","))}
        module = LinearAttention(size["dim"], size.get("head", 1), size.get("out", 1))
        return module, (size["tokens"], size["dim"])
    sizes = [int(width) for width in widths.split("-")]
    power = int(options[0].partition("=")[2]) if options else 1
    return stack(*sizes, power=power), (sizes[0],)


def problem_of(case: Case) -> cq.Problem:
    module, shape = module_of(case)
    zero = torch.zeros(1, *shape)
    return cq.from_torch(module, zero, symmetry=case.symmetry, labels=case.labels)


LIFTED = [
    case
    for case in CASES
    if case.symmetry != "none"
    and case.loss == "mse"
    and case.network.partition(":")[0] in ("linear", "poly", "lightning")
]
QUICK = (
    "linear:4-2-1 permutation",
    "linear:5-2-5 hyperoctahedral equivariant",
    "poly:3-1-1,power=2 icosahedral",
    "lightning:dim=4,tokens=3,head=1,out=1 orthogonal",
    "causal",
)


def slowly(found: Mapping[str, object]) -> list[object]:
    """All of them, those that are not quick as slow tests."""
    return [
        pytest.param(one, id=name, marks=() if name in QUICK else pytest.mark.slow)
        for name, one in found.items()
    ]


@pytest.mark.parametrize("case", slowly({case.id: case for case in LIFTED}))
def test_a_module_has_the_laws_of_the_table(case: Case) -> None:
    """Moments of the lift found, and explicit orbits where the group is small."""
    problem = problem_of(case)
    assert isinstance(problem.network.lift(), MonomialLift)
    closure = cq.lie_closure(problem, route="moments")
    assert (closure.closed, closure.upper) == (True, case.laws)
    assert cq.lie_closure(problem.architecture()).upper == case.architecture
    if case.needs == "engine":
        assert cq.lie_closure(problem, route="orbits").upper == case.laws


@pytest.mark.parametrize("n", [3, pytest.param(5, marks=pytest.mark.slow)])
def test_laws_owed_to_the_data_hold_in_training(n: int) -> None:
    """Along the gradient that torch gives the module on a whole orbit; not on half of it."""
    module = stack(n, 1, 1).double()
    torch.manual_seed(n)
    problem = cq.from_torch(module, torch.zeros(1, n).double(), symmetry="permutation")
    (law,) = (law for law in cq.analyze(problem).laws if law.origin == "data symmetry")
    assert law.independent == n - 2
    x, y = torch.randn(4, n).double(), torch.randn(4, 1).double()
    group = group_of("permutation", n)

    def violation(elements: Tensor) -> float:
        moved = torch.einsum("gij,bj->gbi", elements, x)
        loss = ((module(moved) - y) ** 2).mean()
        gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, module.parameters())])
        theta = torch.cat([p.detach().flatten() for p in module.parameters()])
        slopes = torch.from_numpy(law.gradient(theta.numpy()))
        return float(((slopes @ gradient).abs() / slopes.norm(dim=1) / gradient.norm()).max())

    assert violation(group) < 1e-10
    assert violation(group[: len(group) // 2]) > 1e-3


class Other(NamedTuple):
    """A module that no family is, its symmetry, its laws, and those of all data."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    symmetry: str
    laws: int
    architecture: int

    def problem(self) -> cq.Problem:
        return cq.from_torch(self.make(), torch.zeros(1, *self.shape), symmetry=self.symmetry)


OTHERS = {
    "bilinear, icosahedral": Other(lambda: Bilinear(3, 1, 1), (3,), "icosahedral", 4, 2),
    "bilinear, orthogonal": Other(lambda: Bilinear(4, 1, 1), (4,), "orthogonal", 6, 2),
    "attention": Other(lambda: LinearAttention(4), (2, 4), "orthogonal", 5, 2),
    "causal": Other(lambda: LinearAttention(4, causal=True), (2, 4), "orthogonal", 5, 2),
    "biases": Other(lambda: stack(5, 2, 1, bias=True), (5,), "permutation", 7, 3),
}


@pytest.mark.parametrize("other", slowly(OTHERS))
def test_certified_and_proved_again(other: Other, tmp_path: Path) -> None:
    analysis = cq.analyze(other.problem())
    count = analysis.count
    assert (count.lower, count.upper, count.certified) == (other.laws, other.laws, True)
    assert analysis.architecture.upper == other.architecture
    assert analysis.closure.route.startswith("lifted moments")
    path = tmp_path / "module.json"
    analysis.certificate.save(path)
    assert check_file(path, seed=1).status == "CERTIFIED"


@pytest.mark.parametrize(
    "other",
    slowly(
        {
            "biases": Other(lambda: stack(3, 1, 1, bias=True), (3,), "permutation", 2, 1),
            "bilinear": Other(lambda: Bilinear(3, 1, 1, bias=True), (3,), "shift", 2, 2),
            "causal": Other(lambda: LinearAttention(2, causal=True), (2, 2), "rotation:3", 2, 2),
        }
    ),
)
def test_floats_count_the_same(other: Other) -> None:
    """Sums over the orbit by autograd, brackets in float64: nothing of the engine."""
    module = other.make().double()
    shapes = {name: tuple(p.shape) for name, p in module.named_parameters()}
    out = tuple(module(torch.zeros(1, *other.shape).double()).shape[1:])

    def forward(named: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(module, dict(named), (x,))

    model = Model(shapes, other.shape, out, forward)
    group = group_of(other.symmetry, other.shape[-1])
    assert laws(Floats(model, loss_of("mse"), group), seed=1) == other.laws
    everything = group_of("none", other.shape[-1])
    assert laws(Floats(model, loss_of("mse"), everything), seed=1) == other.architecture
    for route in ("moments", "orbits"):
        assert cq.lie_closure(other.problem(), route=route).upper == other.laws


class TestTheLiftFound:
    def test_rows_that_are_alike_share_it(self) -> None:
        lift = OTHERS["attention"].problem().network.lift()
        assert lift.found.parts == (((3, 0), (1, 2)),)
        assert lift.found.places == ((0, (0, 1)), (0, (1, 0)))

    def test_a_causal_mask_is_seen(self) -> None:
        """The first token meets itself alone."""
        lift = OTHERS["causal"].problem().network.lift()
        assert lift.found.parts == (((3, 0),), ((2, 1), (0, 3)))
        assert lift.dimension == 20 + 20 + 40

    def test_biases_add_lower_degrees(self) -> None:
        network = cq.from_torch(Bilinear(3, 2, 1, bias=True), torch.zeros(1, 3)).network
        assert network.lift().found.parts == (((0,), (1,), (2,)),)
        assert network.lift_dimension == 1 + 3 + 6

    def test_axes_of_features(self) -> None:
        network = OTHERS["attention"].problem().network
        inputs = [(f"{name}.weight", 1, "input") for name in "qkv"]
        assert network.feature_axes() == inputs

    @pytest.mark.parametrize("module", [nn.ReLU(), nn.Tanh(), nn.LayerNorm(2)], ids=str)
    def test_there_is_none_without_a_polynomial(self, module: nn.Module) -> None:
        layers = nn.Sequential(nn.Linear(3, 2), module, nn.Linear(2, 1))
        network = cq.from_torch(layers, torch.zeros(1, 3)).network
        assert network.lift() is None
        assert network.lift_dimension == 0
        assert network.feature_axes() == []
        problem = cq.from_torch(layers, torch.zeros(1, 3), symmetry="shift")
        assert cq.lie_closure(problem).route == "explicit orbits of 3 points"

    def test_functions_of_parameters_alone_are_coefficients(self) -> None:
        """A softmax over mixture weights: the network is linear in x."""
        network = cq.from_torch(Mixture(), torch.zeros(1, 3)).network
        assert network.lift().power == 1
        problem = cq.from_torch(Mixture(), torch.zeros(1, 3), symmetry="permutation")
        counts = {cq.lie_closure(problem, route=r).upper for r in ("moments", "orbits")}
        assert len(counts) == 1
