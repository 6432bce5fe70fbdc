"""The table of operations against torch: value, gradient and the derivative of the gradient.

In float64 for all; over residues, at the same small fractions, for those made of ring operations.
A new operation without a case fails, and so does a case that does not use its operation.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is what is read here")

from conserved.kernel.evaluate import Run, given  # noqa: E402
from conserved.kernel.functions import FormalRing  # noqa: E402
from conserved.kernel.primes import WIDE_PRIMES  # noqa: E402
from conserved.kernel.real import Reals  # noqa: E402
from conserved.kernel.signs import certain_choices  # noqa: E402
from conserved.kernel.wide import WideResidues  # noqa: E402
from conserved.networks.torch.network import Reading, examples  # noqa: E402
from conserved.networks.torch.ops import TABLE  # noqa: E402
from conserved.networks.torch.ops.random import RANDOM  # noqa: E402
from conserved.networks.torch.values import operation_name  # noqa: E402
from tests.modules.operation_case import Case, Written  # noqa: E402
from tests.modules.operations import CASES  # noqa: E402

LISTED = [  # the first case of every operation each time, its variants with the slow ones
    pytest.param(name, case, id=f"{name}-{k}", marks=[pytest.mark.slow] * (k > 0))
    for name, cases in CASES.items()
    for k, case in enumerate(cases)
]
FLOATING = {"root", "function"}
WIDE = [WideResidues(prime) for prime in WIDE_PRIMES[:4]]


def test_every_operation_has_a_case() -> None:
    assert set(TABLE) == set(CASES) | set(RANDOM)
    assert all(CASES.values())


def by_torch(module, x, pull, direction):
    """f, Jᵀv, and d/dε Jᵀv at θ + ε a."""
    parameters = list(module.parameters())

    def flat(tensors):
        filled = [
            torch.zeros_like(p) if t is None else t
            for p, t in zip(parameters, tensors, strict=True)
        ]
        return torch.cat([t.reshape(-1) for t in filled])

    def differentiated(scalar, into):
        if not scalar.requires_grad:
            return [None] * len(into)
        try:
            return torch.autograd.grad(scalar, into, create_graph=True, allow_unused=True)
        except RuntimeError as error:  # piecewise linear, so it is 0
            if "hardsigmoid_backward is not implemented" not in str(error):
                raise
            return [None] * len(into)

    output = module(x)
    gradient = flat(differentiated((output * pull).sum(), parameters))
    probe = torch.zeros_like(gradient, requires_grad=True)
    back = flat(differentiated((gradient * probe).sum(), parameters))
    (slope,) = differentiated((back * direction).sum(), [probe])
    slope = torch.zeros_like(gradient) if slope is None else slope
    return [t.detach().numpy() for t in (output, gradient, slope)]


class Sample:
    """A case at small fractions: what torch makes of it, and how to run its program there."""

    def __init__(self, case: Case) -> None:
        module = Written(case)
        kind = torch.float64 if case.tokens is None else torch.int64
        example = torch.zeros(case.shape, dtype=kind) + (case.tokens is None)
        reading = Reading(module, examples(example, case.batch), case.batch, case.tokens, None)
        self.used = {operation_name(n) for n in reading.found.graph.nodes}
        self.program = reading.run(eps=True).program
        rng = np.random.default_rng(3)
        theta = np.concatenate([p.detach().numpy().ravel() for p in module.parameters()])
        direction = rng.integers(-3, 4, theta.size) / 2
        self.theta = np.stack([theta, direction])[:, None]
        ((_, shape),) = self.program.inputs
        self.x = rng.integers(-8, 9, (1, 1, *shape)) / 4 + 0.0625
        self.x = np.abs(self.x) if case.positive else self.x
        self.pull = rng.integers(-3, 4, self.program.shape) / 2 + 0.25
        x, pull = (torch.from_numpy(a) for a in (self.x[0, 0], self.pull))
        x = x if case.tokens is None else x.argmax(-1)
        x, pull = (x, pull) if case.batch else (x[None], pull[None])
        self.torch = by_torch(module, x, pull, torch.from_numpy(direction))

    def run(self, ring: FormalRing, number):
        """Value, gradient and jet of the program over some scalars."""
        program = self.program
        met, _ = certain_choices(program, self.theta[0], self.x[0], np.abs(self.x[0]))
        chosen = given({index: choices[None] for index, choices in met.items()})
        run = Run(program, ring, number(self.theta), [number(self.x)], chosen)
        fields = run.gradient(number(self.pull[None, None, None]))
        jets = fields[1, 0] if len(fields) > 1 else np.zeros_like(fields[0, 0])
        return run.output[0, 0, 0].reshape(self.torch[0].shape), fields[0, 0], jets


@pytest.mark.parametrize("name, case", LISTED)
def test_value_gradient_and_jet_are_those_of_torch(name: str, case: Case) -> None:
    sample = Sample(case)
    assert name in sample.used, f"the case does not use it: {sorted(sample.used)}"
    for found, expected in zip(
        sample.run(FormalRing(Reals()), np.array), sample.torch, strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
    if FLOATING & {node.op for node in sample.program.nodes} or sample.program.roots > 1:
        return
    found = [sample.run(FormalRing(scalars), residues_of(scalars)) for scalars in WIDE]
    for tensors, expected in zip(zip(*found, strict=True), sample.torch, strict=True):
        columns = [s.canonical(r).ravel().tolist() for s, r in zip(WIDE, tensors, strict=True)]
        back = [fraction(*joined(entries)) for entries in zip(*columns, strict=True)]
        np.testing.assert_allclose(back, expected.ravel(), rtol=1e-8, atol=1e-8)


def residues_of(scalars):
    """Binary fractions as residues."""

    def number(values):
        exact = scalars.from_integers(np.vectorize(int, otypes=[object])(values * 64))
        return scalars.mul(exact, np.asarray(scalars.fraction(1, 64), dtype=scalars.dtype))

    return number


def joined(residues) -> tuple[int, int]:
    """One residue mod the product of all primes."""
    value, product = 0, 1
    for residue, scalars in zip(residues, WIDE, strict=True):
        p = int(scalars.prime)
        value += product * ((int(residue) - value) * pow(product, -1, p) % p)
        product *= p
    return value, product


def fraction(residue: int, prime: int) -> float:
    """The fraction of least size that is this residue: half of Euclid's algorithm."""
    a, b, u, v = prime, residue, 0, 1
    while b * b * 2 > prime:
        a, b, u, v = b, a % b, v, u - a // b * v
    return b / v


def test_the_way_back_from_residues() -> None:
    for above, below in ((3, 7), (-5, 64), (1, 2**90 + 1)):
        residues = [above * pow(below, -1, int(s.prime)) % int(s.prime) for s in WIDE]
        assert fraction(*joined(residues)) == above / below
