"""The same sweep on a Dask cluster: a local one with two workers."""

import socket
import subprocess
import sys
from importlib import import_module

import pytest

from conserved.atlas import Atlas, cases, sweep
from conserved.atlas.cluster import require_distributed
from conserved.errors import InputError
from tests.atlas.test_sweep import SLOW_PROBLEMS, command, once, rows, wait_for_rows

SMALL = cases(["linear:2-1-1", "linear:2-1-2"], ["mse"], ["rotation:3"], ["equivariant"])
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.sqlite"


@pytest.fixture(scope="module")
def address():
    distributed = pytest.importorskip("distributed", reason="the extra `atlas` is not installed")
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "processes": True}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
def test_the_cluster_finds_what_local_processes_find(address, path, tmp_path):
    there = sweep(SMALL, path, scheduler=address)
    here = sweep(SMALL, tmp_path / "local.sqlite", jobs=1)
    assert [cell.added_upper for cell in there.cells] == [None, 0]
    assert [r.upper for r in there.results] == [r.upper for r in here.results]
    assert "outputs have width 1" in there.cells[0].weakness


@pytest.mark.slow
def test_a_client_that_is_killed_loses_and_repeats_nothing(address, path):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command(path, "--scheduler", address), **quiet) as process:
        wait_for_rows(path, 5, process)
        process.kill()
    kept = {result.case: result for result in Atlas.open(path).results}
    assert 5 <= len(kept) < SLOW_PROBLEMS
    again = subprocess.run(
        command(path, "--scheduler", address), capture_output=True, text=True, timeout=120
    )
    assert again.returncode == 0, again.stderr
    assert f"{SLOW_PROBLEMS - len(kept)} computed" in again.stderr
    assert rows(path) == SLOW_PROBLEMS
    assert once(path)
    now = {result.case: result for result in Atlas.open(path).results}
    assert all(now[case] == result for case, result in kept.items())


@pytest.mark.slow
def test_a_cluster_that_goes_away_is_said_so_and_what_arrived_is_kept(path):
    distributed = pytest.importorskip("distributed", reason="the extra `atlas` is not installed")
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "processes": True}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **options) as cluster:
        process = subprocess.Popen(
            command(path, "--scheduler", cluster.scheduler_address),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_rows(path, 3, process)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 2
    assert said.splitlines()[-1].startswith(f"conserved: scheduler '{cluster.scheduler_address}'")
    assert "Traceback" not in said
    assert 3 <= rows(path) < SLOW_PROBLEMS
    assert once(path)


@pytest.mark.slow
def test_nobody_at_the_address_is_said_within_a_quarter_of_a_minute(path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    run = subprocess.run(
        command(path, "--scheduler", address), capture_output=True, text=True, timeout=15
    )
    assert run.returncode == 2
    assert run.stderr.splitlines() == [
        f"conserved: --scheduler '{address}': no Dask scheduler answers there within 10 s"
    ]


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'conserved\[atlas\]'"):
        require_distributed("tcp://127.0.0.1:8786")


def test_one_job_needs_no_loky_and_more_say_so(monkeypatch, path):
    monkeypatch.setattr(import_module("conserved.atlas.sweep"), "installed", lambda: False)
    assert [cell.added_upper for cell in sweep(SMALL, path).cells] == [None, 0]
    with pytest.raises(InputError, match=r"jobs '2': more than one needs loky"):
        sweep(SMALL, path, jobs=2)


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:8786", "http://x:1", "tcp://127.0.0.1"])
def test_what_is_no_address_is_refused_at_once(address, path):
    with pytest.raises(InputError, match=r"looks like tcp://127\.0\.0\.1:8786"):
        sweep(SMALL, path, scheduler=address)
    assert not path.exists()
