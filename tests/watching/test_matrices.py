"""One compiled pass over matrices against plain sums in float64, and where there is no compiler."""

import gc
import os
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import conserved as cq
from conserved.watching import compiler, matrices
from conserved.watching.gradients import sums_of
from conserved.watching.looking import look
from tests.watching.runs import mlp, mlp_laws, train

torch = pytest.importorskip("torch")

WANTED = ("x", "g", "xx", "xg", "gg", "bb", "xb", "gb")


@pytest.fixture
def library(monkeypatch):
    """All matrices are read by compiled code."""
    monkeypatch.setattr(matrices, "LEAST", 0)
    monkeypatch.setattr(matrices, "_known", type(matrices._known)())
    if matrices._library() is None:
        pytest.skip("no C compiler here")


@cache
def laws_of(make):
    return cq.block_laws(*make())


def attention():
    layer = torch.nn.TransformerEncoderLayer(8, 2, 12, 0.0, norm_first=True, batch_first=True)
    return layer, torch.ones(2, 3, 8)


def convolutions():
    layers = torch.nn.Conv2d(2, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(3, 2, (1, 2))
    return torch.nn.Sequential(*layers), torch.ones(2, 2, 4, 4)


def tables():
    layers = torch.nn.Embedding(7, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 200)
    return torch.nn.Sequential(*layers, torch.nn.LayerNorm(200)), torch.tensor([[1, 2], [3, 4]])


def drawn(model, seed=0):
    """Parameters, gradients and velocities of a size."""
    torch.manual_seed(seed)
    named = dict(model.named_parameters())
    return named, *({n: torch.randn_like(p) for n, p in named.items()} for _ in range(2))


def plain(laws, named, slopes, velocities):
    """The same in float64, which no compiled code reads."""
    double = [
        {n: t.detach().double() for n, t in one.items()} for one in (named, slopes, velocities)
    ]
    sums = sums_of(laws.laws, named, 0)
    return sums, look(sums, WANTED, **dict(zip("xgb", double, strict=True)))


@pytest.mark.parametrize("make", [attention, convolutions, tables])
@pytest.mark.parametrize("threads", [1, 2])
def test_it_is_what_plain_sums_are(make, threads, library):
    named, slopes, velocities = drawn(make()[0])
    laws = laws_of(make)
    sums, exact = plain(laws, named, slopes, velocities)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = look(sums, WANTED, x=named, g=slopes, b=velocities)
        again = look(sums, WANTED, x=named, g=slopes, b=velocities)
    finally:
        torch.set_num_threads(before)
    wide = [n for n, p in named.items() if p.ndim > 1 and n in sums.plans]
    _, done = matrices.matrices(sums).read(WANTED, {"x": named, "g": slopes, "b": velocities})
    assert done == set(wide)
    for what in WANTED:
        np.testing.assert_allclose(found[what], exact[what], rtol=2e-5, atol=2e-5, err_msg=what)
        np.testing.assert_array_equal(found[what], again[what])
    assert np.abs(found["xg"]).max() > 0


def test_all_kinds_of_sums_are_among_them(library):
    kinds = set()
    for make in (attention, convolutions, tables):
        named, slopes, velocities = drawn(make()[0])
        sums = sums_of(laws_of(make).laws, named, 0)
        found = matrices.matrices(sums)
        found.read(WANTED, {"x": named, "g": slopes, "b": velocities})
        kinds.update(job[0] for one in found._passes.values() for job in one._jobs)
    assert kinds == set(range(7))


def test_long_sums_stay_near(library):
    """300 × 200 units of one sign: nothing cancels that was lost."""
    layers = torch.nn.Linear(300, 200), torch.nn.ReLU(), torch.nn.Linear(200, 5000)
    model = torch.nn.Sequential(*layers)
    sums, exact = plain(cq.block_laws(model, torch.ones(1, 300)), *drawn(model))
    found = look(sums, ("xx",), x=dict(model.named_parameters()))["xx"]
    assert np.abs(found / exact["xx"] - 1).max() < 10 * np.finfo(np.float32).eps


def test_tensors_that_lie_otherwise_are_read_by_torch(library):
    model = mlp()
    laws = mlp_laws()
    named, slopes, velocities = drawn(model)
    first, second = "0.weight", "2.weight"
    slopes[first] = slopes[first].t().contiguous().t()
    velocities[second] = velocities[second].double()
    sums, exact = plain(laws, named, slopes, velocities)
    held = {"x": named, "g": slopes, "b": velocities}
    assert matrices.matrices(sums).read(WANTED, held)[1] == set()
    found = look(sums, WANTED, **held)
    for what in WANTED:
        np.testing.assert_allclose(found[what], exact[what], rtol=2e-5, atol=2e-5)


def test_what_is_missing_counts_nothing_and_what_is_not_finite_is_seen(library):
    model, laws = mlp(), mlp_laws()
    named, slopes, velocities = drawn(model)
    velocities.pop("0.weight")
    slopes["2.weight"][0, 0] = torch.nan
    sums, exact = plain(laws, named, slopes, velocities)
    found = look(sums, WANTED, x=named, g=slopes, b=velocities)
    for what in WANTED:
        np.testing.assert_allclose(found[what], exact[what], rtol=2e-5, atol=2e-5)
    assert np.isnan(found["xg"]).any()
    full = look(sums, WANTED, x=named, g=slopes, b={**velocities, "0.weight": slopes["0.weight"]})
    assert np.abs(full["bb"]).sum() > np.abs(found["bb"]).sum()


@pytest.mark.parametrize("fault", [False, True])
def test_a_run_is_judged_by_it(fault, library):
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    if fault:
        model[0].weight.register_hook(lambda g: 1.01 * g)
    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer)
    assert bool(watched.violated) == fault
    assert all(t.residual < 10 for t in watched.tracks) or fault


def test_laws_that_are_dropped_are_forgotten(library):
    named, slopes, velocities = drawn(mlp())
    sums = sums_of(mlp_laws().laws, named, 0)
    look(sums, WANTED, x=named, g=slopes, b=velocities)
    assert len(matrices._known) == 1
    del sums
    gc.collect()
    assert len(matrices._known) == 0


def refused(monkeypatch, folder):
    monkeypatch.setenv("CONSERVED_CACHE", str(folder))
    return compiler.compiled("sums.c") is None


def test_nothing_is_compiled_where_it_cannot_or_may_not_be(monkeypatch, tmp_path):
    folder = tmp_path / "kept"
    monkeypatch.setenv("CC", "no-such-compiler")
    assert refused(monkeypatch, folder)
    broken = tmp_path / "broken"
    broken.write_text(f"#!{sys.executable}\nraise SystemExit(1)\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    assert refused(monkeypatch, folder)
    assert list(folder.glob("*.so")) == []
    monkeypatch.delenv("CC")
    monkeypatch.setenv("CONSERVED_COMPILE", "0")
    assert refused(monkeypatch, folder)


def test_a_library_that_others_may_write_is_not_loaded(monkeypatch, tmp_path, library):
    monkeypatch.setenv("CONSERVED_CACHE", str(tmp_path))
    assert not refused(monkeypatch, tmp_path)
    (kept,) = Path(tmp_path).glob("sums-*.so")
    assert kept.stat().st_mode & 0o077 == 0
    kept.chmod(0o722)
    assert refused(monkeypatch, tmp_path)
    kept.chmod(0o700)
    os.chmod(tmp_path, 0o777)
    assert refused(monkeypatch, tmp_path)
