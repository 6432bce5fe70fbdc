"""One compiled pass over matrices against plain sums in float64, and where there is no compiler."""

import gc
import json
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

import conserved as cq
from conserved.watching.gradient.gradients import sums_of
from conserved.watching.look import compiler, matrices
from conserved.watching.look import threads as together
from conserved.watching.look.looking import look
from conserved.watching.look.probes import Probes
from conserved.watching.look.sums import VECTORS
from tests.watching.runs import homeless, mlp, mlp_laws, train

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


def perceptron():
    """In float32, which compiled code reads."""
    return mlp().float()


def drawn(model, seed=0):
    """Parameters, gradients and velocities of a size."""
    torch.manual_seed(seed)
    named = dict(model.named_parameters())
    return named, *({n: torch.randn_like(p) for n, p in named.items()} for _ in range(2))


def plain(laws, named, slopes, velocities, probe=1.0):
    """The same in float64, which no compiled code reads."""
    double = [
        {n: t.detach().double() for n, t in one.items()} for one in (named, slopes, velocities)
    ]
    sums = sums_of(laws.laws, named, Probes(probe, 0))
    return sums, look(sums, WANTED, **dict(zip("xgb", double, strict=True)))


@pytest.mark.parametrize("make", [attention, convolutions, tables])
@pytest.mark.parametrize("threads, probe", [(1, 1.0), (2, 1.0), (2, 0.3)])
def test_it_is_what_plain_sums_are(make, threads, probe, library):
    named, slopes, velocities = drawn(make()[0])
    laws = laws_of(make)
    sums, exact = plain(laws, named, slopes, velocities, probe)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = look(sums, WANTED, x=named, g=slopes, b=velocities)
        again = look(sums, WANTED, x=named, g=slopes, b=velocities)
    finally:
        torch.set_num_threads(before)
    _, done = matrices.matrices(sums).read(WANTED, {"x": named, "g": slopes, "b": velocities})
    assert done == set(sums.plans)
    for what in WANTED:
        np.testing.assert_allclose(found[what], exact[what], rtol=2e-5, atol=2e-5, err_msg=what)
        np.testing.assert_array_equal(found[what], again[what])
    assert np.abs(found["xg"]).max() > 0


def test_all_kinds_of_sums_are_among_them(library):
    kinds = set()
    for make in (attention, convolutions, tables):
        named, slopes, velocities = drawn(make()[0])
        sums = sums_of(laws_of(make).laws, named, Probes(1.0, 0))
        found = matrices.matrices(sums)
        found.read(WANTED, {"x": named, "g": slopes, "b": velocities})
        kinds.update(job[0] for one in found._passes.values() for job in one._jobs)
    assert kinds == set(range(8))


def test_long_sums_stay_near(library):
    """300 × 200 units of one sign: nothing cancels that was lost."""
    layers = torch.nn.Linear(300, 200), torch.nn.ReLU(), torch.nn.Linear(200, 5000)
    model = torch.nn.Sequential(*layers)
    sums, exact = plain(cq.block_laws(model, torch.ones(1, 300)), *drawn(model))
    found = look(sums, ("xx",), x=dict(model.named_parameters()))["xx"]
    assert np.abs(found / exact["xx"] - 1).max() < 10 * np.finfo(np.float32).eps


def test_tensors_that_lie_otherwise_are_read_by_torch(library):
    laws = mlp_laws()
    named, slopes, velocities = drawn(perceptron())
    first, second = "0.weight", "2.weight"
    slopes[first] = slopes[first].t().contiguous().t()
    velocities[second] = velocities[second].double()
    sums, exact = plain(laws, named, slopes, velocities)
    held = {"x": named, "g": slopes, "b": velocities}
    assert matrices.matrices(sums).read(WANTED, held)[1] == {"4.weight", VECTORS}
    found = look(sums, WANTED, **held)
    for what in WANTED:
        np.testing.assert_allclose(found[what], exact[what], rtol=2e-5, atol=2e-5)


def test_what_is_missing_counts_nothing_and_what_is_not_finite_is_seen(library):
    laws = mlp_laws()
    named, slopes, velocities = drawn(perceptron())
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
    model = perceptron()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    if fault:
        model[0].weight.register_hook(lambda g: 1.01 * g)
    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer)
    assert bool(watched.violated) == fault
    assert all(t.residual < 10 for t in watched.tracks) or fault


def test_laws_that_are_dropped_are_forgotten(library):
    named, slopes, velocities = drawn(perceptron())
    sums = sums_of(mlp_laws().laws, named, Probes(1.0, 0))
    look(sums, WANTED, x=named, g=slopes, b=velocities)
    assert len(matrices._known) == 1
    del sums
    gc.collect()
    assert len(matrices._known) == 0


def test_of_a_gradient_that_went_nothing_is_left(library):
    """One that torch reads, beside others that compiled code does."""
    laws = mlp_laws()
    named, slopes, _ = drawn(perceptron())
    slopes["0.weight"] = slopes["0.weight"].t().contiguous().t()
    named["0.weight"].data = slopes["0.weight"].clone()
    sums = sums_of(laws.laws, named, Probes(1.0, 0))
    wanted = ("x", "g", "xx", "xg", "gg")
    held = [look(sums, wanted, x=named, g=slopes)]
    kept = {what: found.copy() for what, found in held[0].items()}
    slopes.pop("0.weight")
    held.append(look(sums, wanted, x=named, g=slopes))
    fresh = look(sums_of(laws.laws, named, Probes(1.0, 0)), wanted, x=named, g=slopes)
    for what in wanted:
        np.testing.assert_array_equal(held[1][what], fresh[what], err_msg=what)
        np.testing.assert_array_equal(held[0][what], kept[what], err_msg=what)  # nor overwritten
    assert np.any(held[0]["gg"] != held[1]["gg"])


def test_what_lies_within_a_larger_tensor_is_read_from_where_it_begins(library):
    named, slopes, velocities = drawn(perceptron())
    sums, exact = plain(mlp_laws(), named, slopes, velocities)
    for n, t in slopes.items():
        slopes[n] = torch.full((t.numel() + 7,), torch.nan)[3:-4].copy_(t.ravel()).view(t.shape)
    found = look(sums, WANTED, x=named, g=slopes, b=velocities)
    for what in WANTED:
        np.testing.assert_allclose(found[what], exact[what], rtol=2e-5, atol=2e-5)


def freed(tensor):
    tensor.untyped_storage().resize_(0)
    return tensor


def left_out(named):
    there = dict(perceptron().named_parameters())
    sums = sums_of(mlp_laws().laws, there, Probes(1.0, 0))
    return set(sums.plans) - matrices.matrices(sums).read(("xx", "x"), {"x": named})[1]


@pytest.mark.parametrize(
    "other",
    [
        lambda t: t.new_zeros(0),
        lambda t: t[:-1],
        lambda t: t.reshape(-1, 1),
        lambda t: torch._neg_view(t),
        freed,
        torch.Tensor.half,
        lambda t: t.to("meta"),
        lambda t: t.to_sparse(),
        lambda t: t.as_subclass(type("Own", (torch.Tensor,), {})),
    ],
)
def test_what_is_not_as_it_was_is_not_read(other, library):
    """Sharding frees parameters, and a pointer to fewer entries must not be followed."""
    named = {n: p.detach().clone() for n, p in perceptron().named_parameters()}
    assert left_out(named) == set()
    named["2.weight"] = other(named["2.weight"])
    assert left_out(named) == {"2.weight"}
    named["0.bias"] = other(named["0.bias"])
    assert left_out(named) == {"2.weight", VECTORS}


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_of_our_own_where_torch_has_none(threads, library, monkeypatch):
    named, slopes, velocities = drawn(attention()[0])
    sums = sums_of(laws_of(attention).laws, named, Probes(1.0, 0))
    held = {"x": named, "g": slopes, "b": velocities}
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = [look(sums, WANTED, **held)]
        monkeypatch.setattr(together, "_openmp", lambda process: None)
        found.append(look(sums, WANTED, **held))
    finally:
        torch.set_num_threads(before)
    for what in WANTED:
        np.testing.assert_array_equal(found[0][what], found[1][what])


FORKED = """
import os, torch
import conserved as cq
from conserved.watching.look import matrices
from tests.watching.runs import mlp, mlp_laws, train
matrices.LEAST = 0
torch.set_num_threads(2)
model = mlp().float()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
watched = cq.watch(model, optimizer, laws=mlp_laws())
train(model, optimizer, 3)
child = os.fork()
train(model, optimizer, 3)
if child:
    assert os.waitpid(child, 0)[1] == 0
assert (watched.steps, watched.violated) == (6, [])
os._exit(0)
"""


@pytest.mark.slow
def test_a_forked_process_has_threads_of_its_own(library):
    """Those of OpenMP are gone there, and it would wait for them."""
    told = [sys.executable, "-c", FORKED]
    ended = subprocess.run(told, capture_output=True, text=True, check=False, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")


AT_THE_END = """
import atexit, torch
import conserved as cq
from conserved.watching.look import matrices
from tests.watching.runs import mlp, mlp_laws, train
matrices.LEAST = 0
torch.set_num_threads(2)
model = mlp().float()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
watched = cq.watch(model, optimizer, laws=mlp_laws(), log={log!r})
train(model, optimizer, 3)
atexit.register(watched.close)
"""


@pytest.mark.slow
def test_a_run_that_is_closed_at_exit_has_its_last_line(tmp_path, library):
    log = tmp_path / "run.jsonl"
    told = [sys.executable, "-c", AT_THE_END.format(log=str(log))]
    ended = subprocess.run(told, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "step"] == [1, 2, 3]


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


@pytest.mark.parametrize(
    "told, arguments",
    [("env cc -DA='b c'", ["cc", "-DA=b c"]), ("", []), ("cc 'no end", None), ("none", None)],
)
def test_a_compiler_may_have_arguments(told, arguments, monkeypatch):
    monkeypatch.setattr(compiler.shutil, "which", {"env": "/env", "cc": "/cc"}.get)
    monkeypatch.setenv("CC", told)
    command = compiler._compiler()
    assert command == (None if arguments is None else [f"/{(told or 'cc').split()[0]}", *arguments])


@pytest.fixture
def quick(monkeypatch):
    """What is made matters, not how fast it is."""
    monkeypatch.setattr(compiler, "_FLAGS", ("-O0", "-shared", "-fPIC"))


def kept_in(folder):
    (kept,) = folder.glob("compiled/sums-*.so")
    return kept


def test_a_library_that_is_damaged_is_made_anew(monkeypatch, tmp_path, library, quick):
    assert not refused(monkeypatch, tmp_path)
    kept = kept_in(tmp_path)
    whole, stem = kept.read_bytes(), kept.stem.rpartition("-")[0]
    assert compiler._kept(kept.parent, stem) == kept
    for damaged in (b"", whole[::-1], whole[: len(whole) // 2]):
        kept.unlink()  # the loader has the old one
        kept.write_bytes(damaged)
        kept.chmod(0o700)
        assert compiler._kept(kept.parent, stem) is None
    assert not refused(monkeypatch, tmp_path)
    assert kept_in(tmp_path).read_bytes() == whole


def test_a_library_that_others_may_write_is_not_loaded(monkeypatch, tmp_path, library, quick):
    before = os.umask(0o002)  # as where each user has a group
    try:
        assert not refused(monkeypatch, tmp_path / "new")
    finally:
        os.umask(before)
    kept = kept_in(tmp_path / "new")
    assert kept.stat().st_mode & 0o077 == 0
    kept.chmod(0o722)
    assert not refused(monkeypatch, tmp_path / "new")  # but made anew
    assert kept.stat().st_mode & 0o077 == 0
    kept.parent.chmod(0o777)
    assert refused(monkeypatch, tmp_path / "new")


def test_where_nothing_can_be_kept_nothing_is_compiled(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    assert refused(monkeypatch, tmp_path / "file")
    homeless(monkeypatch)
    assert compiler.compiled("sums.c") is None
