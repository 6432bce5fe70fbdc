"""Products of fewer digits: looks are made without, and gradients are rounded as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import conserved as cq
from conserved.watching.gradient.precision import all_digits, products_of, rounding_of
from tests.watching.runs import mlp, mlp_laws, train

torch = pytest.importorskip("torch", reason="needs the extra torch")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    torch.set_float32_matmul_precision("highest")


def wide() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, 96), torch.nn.ReLU(), torch.nn.Linear(96, 32))


SETTINGS = ["highest", "high", "medium"]


@pytest.mark.parametrize("setting, fault", [*((s, False) for s in SETTINGS), ("high", True)])
def test_a_run_by_products_of_few_digits(setting: str, fault: bool) -> None:
    torch.set_float32_matmul_precision(setting)
    model = wide()
    laws = cq.block_laws(model, torch.zeros(1, 64))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def loss() -> Any:
        return (model(torch.randn(48, 64)) - 1).square().mean()

    with cq.watch(model, optimizer, laws=laws) as watched:
        for _ in range(10):
            optimizer.zero_grad()
            loss().backward()
            if fault:
                model[2].weight.grad *= 2
            optimizer.step()
    assert bool(watched.violated) == fault, watched.verdict()
    assert torch.get_float32_matmul_precision() == setting
    if not fault:
        assert cq.check_gradients(model, loss, laws=laws).holds


@pytest.mark.parametrize("setting", SETTINGS)
def test_inside_there_are_all_digits(setting: str) -> None:
    torch.set_float32_matmul_precision(setting)
    a = torch.rand(256, 256, generator=torch.Generator().manual_seed(0))
    exact = a.double() @ a.double()
    with all_digits():
        assert rounding_of(["matrices, CPU", "matrices, CUDA"]) == 0
        assert ((a @ a) / exact - 1).abs().max() < 1e-5
    assert torch.get_float32_matmul_precision() == setting
    cpu, cuda = (rounding_of([kind]) for kind in ("matrices, CPU", "matrices, CUDA"))
    assert (cpu > 0) == (setting == "medium")
    assert (cuda > 0) == (setting != "highest")
    assert rounding_of(["convolutions, CUDA"]) == 2.0**-10  # as torch has it by default


def test_a_model_of_float64_is_not_rounded_more() -> None:
    torch.set_float32_matmul_precision("medium")
    assert products_of(mlp().parameters()) == frozenset()
    assert products_of(wide().parameters()) == {"matrices, CPU"}
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)

    def spoil(step: int) -> None:
        model[2].weight.grad *= 1 + 1e-4

    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer, 3, before=spoil)
    assert watched.violated


def test_an_evaluation_in_half_precision_rounds_no_gradient() -> None:
    model = mlp().float()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    def evaluate(step: int) -> None:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            model(torch.ones(1, 4))

    def spoil(step: int) -> None:
        model[2].weight.grad *= 1.02 if step == 5 else 1

    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer, 6, before=spoil, between=evaluate)
    assert {track.since for track in watched.tracks} == {5}


@pytest.mark.parametrize("fault", [False, True])
def test_a_velocity_of_fewer_digits_than_its_parameter(fault: bool) -> None:
    """As an optimizer is left with that goes on after ``model.double()``."""
    model = mlp().float()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    train(model, optimizer, 3)
    model.double()
    if fault:
        model[2].weight.register_hook(lambda g: 1.01 * g)
    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer, 6)
    assert bool(watched.violated) == fault, watched.verdict()
    assert fault or all(track.residual < 50 for track in watched.tracks)
