"""Products on another device are those of NumPy, bit by bit. The device here is a CPU."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import conserved as cq
from conserved.arithmetic import device
from conserved.arithmetic.device import DeviceResidues, residues_on
from conserved.errors import InputError
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES
from conserved.kernel.residues import FloatResidues, IntResidues

HERE, THERE = FloatResidues(BLAS_PRIMES[0]), DeviceResidues(BLAS_PRIMES[0], "cpu")


@pytest.fixture(autouse=True)
def everything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_LARGE", 0)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 512, 7), (40, 513, 30), (7, 1600, 9)])
def test_products_are_the_same(shape: tuple[int, int, int]) -> None:
    pytest.importorskip("torch", reason="needs the extra torch")
    rows, inner, columns = shape
    rng = np.random.default_rng(0)
    half = int(BLAS_PRIMES[0]) // 2
    for a, b in (
        (HERE.random(rng, (rows, inner)), HERE.random(rng, (inner, columns))),
        (np.full((rows, inner), float(half)), np.full((inner, columns), float(-half))),
    ):
        assert (THERE.matmul(a, b) == HERE.matmul(a, b)).all()
        exact = a.astype(object) @ b.astype(object)
        assert ((THERE.matmul(a, b) - exact) % int(BLAS_PRIMES[0]) == 0).all()


def test_closures_and_certificates_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    problem = cq.Problem.from_text("linear:5-4-3")
    plain = cq.analyze(problem)
    sent = []

    def counted(self: DeviceResidues, x: np.ndarray) -> object:
        sent.append(x.size)
        return torch.tensor(x, dtype=torch.float64)

    monkeypatch.setattr(DeviceResidues, "_sent", counted)
    for module in ("conserved.closure.bound", "conserved.certificate.recipe"):
        monkeypatch.setattr(f"{module}.residues_on", lambda prime, _: DeviceResidues(prime, "cpu"))
    moved = cq.analyze(problem)
    assert sent
    assert (moved.closure.ranks, moved.count) == (plain.closure.ranks, plain.count)
    assert moved.certificate.to_json() == plain.certificate.to_json()


def test_devices_that_are_not_there_are_refused() -> None:
    for wrong in ("gpu", "cuda:x", "", 3):
        with pytest.raises(InputError, match="give cpu, cuda, or cuda:N"):
            residues_on(BLAS_PRIMES[0], wrong)  # type: ignore[arg-type]
    pytest.importorskip("torch", reason="needs the extra torch")
    with pytest.raises(InputError, match="device 'cuda:999': torch sees"):
        cq.analyze(cq.Problem.from_text("linear:2-1"), device="cuda:999")


def test_a_device_without_torch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"device 'cuda': needs PyTorch: .*conserved\[torch\]"):
        residues_on(BLAS_PRIMES[0], "cuda")


def test_primes_beyond_floats_stay_here() -> None:
    assert isinstance(residues_on(INT64_PRIMES[0], "cpu"), IntResidues)
