"""Sweeps: resumed, extended, killed, crashed; nothing lost and nothing repeated."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from importlib import import_module
from multiprocessing import active_children

import pytest

from conserved import Problem
from conserved.atlas import Atlas, Case, cases, local, sweep
from conserved.atlas.store import Store
from conserved.errors import ConservedError, InputError
from tests.atlas import workers
from tests.cli.shell import hearing_ctrl_c

SMALL = cases(["linear:2-1-1"], ["mse"], ["rotation:3", "rotation:4"])
# some hundredths of a second each: the rank of some hundred columns, whatever the engine
SLOW_NETWORKS = "linear:16-16-{3..22}"
SLOW_PROBLEMS = 2 * 20


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.sqlite"


class Steps(list):
    def __call__(self, done, everything):
        self.append((done, everything))


def once(path):
    return {result.computations for result in Atlas.open(path).results} == {1}


def test_a_second_sweep_computes_nothing(path, monkeypatch):
    first = sweep(SMALL, path, jobs=1)
    monkeypatch.setattr(
        import_module("conserved.atlas.sweep"), "compute", None
    )  # nothing is to be done at all
    steps = Steps()
    assert sweep(SMALL, path, jobs=1, progress=steps) == first
    assert steps == [(3, 3)]
    assert [cell.added_upper for cell in first.cells] == [1, 1]


def test_a_larger_sweep_computes_what_is_new(path):
    sweep(SMALL, path, jobs=1)
    steps = Steps()
    more = cases(["linear:2-1-1"], ["mse"], ["rotation:4", "rotation:5"])
    assert len(sweep(more, path, jobs=1, progress=steps).results) == 3
    assert steps == [(2, 3), (3, 3)]
    assert len(Atlas.open(path).results) == 4
    assert once(path)


def test_another_seed_is_another_result(path):
    sweep(SMALL, path, jobs=1)
    assert {result.seed for result in sweep(SMALL, path, jobs=1, seed=5).results} == {5}
    assert len(Atlas.open(path).results) == 6


def test_what_a_small_budget_left_open_is_computed_with_a_larger_one(path):
    wanted = [Case("linear:20-20-20")]
    assert not sweep(wanted, path, jobs=1, budget=1e-9).results[0].closed
    steps = Steps()
    sweep(wanted, path, jobs=1, budget=1e-10, progress=steps)
    assert steps == [(1, 1)]
    (found,) = sweep(wanted, path, jobs=1).results
    assert found.sure
    assert found.computations == 2


def test_problems_travel_and_misfits_become_reasons(path):
    problem = Problem.from_text("linear:2-1-1", symmetry="rotation:3")
    misfit = Case("linear:3-1-1", symmetry="rotation:3")
    found = sweep([problem, misfit], path, jobs=1)
    good, bad = found.cells
    assert good.added_upper == 1
    assert bad.failed
    assert "acts on 2 coordinates" in bad.weakness
    steps = Steps()
    sweep([misfit], path, jobs=1, progress=steps)
    assert steps == [(2, 2)]
    sweep([misfit], path, jobs=1, retry=True, progress=steps)
    assert steps[1:] == [(1, 2), (2, 2)]


@pytest.mark.slow
def test_a_problem_that_kills_its_worker_takes_nobody_along(path, monkeypatch):
    monkeypatch.setattr(local, "compute", workers.die_on_rotation_3)
    wanted = cases(["linear:2-1-1"], ["mse"], [f"rotation:{k}" for k in range(2, 7)])
    found = sweep(wanted, path, jobs=2)
    assert [cell.failed for cell in found.cells] == [False, True, False, False, False]
    assert "the processes that tried it died" in found.cells[1].weakness
    assert once(path)


@pytest.mark.slow
def test_a_worker_killed_from_outside_costs_nothing(path):
    killed = []

    def kill_once(done, everything):
        if done == 1 and not killed:
            killed.append(active_children()[0])
            os.kill(killed[0].pid, signal.SIGKILL)

    wanted = cases([f"linear:12-12-{n}" for n in (8, 9, 10)], ["mse"], ["negation"])
    found = sweep(wanted, path, jobs=2, progress=kill_once)
    assert killed
    assert all(cell.sure for cell in found.cells)


@pytest.mark.slow
def test_workers_have_one_blas_thread_and_we_keep_ours(path, monkeypatch):
    monkeypatch.setattr(local, "compute", workers.environment)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = sweep(SMALL, path, jobs=2)
    assert {result.note for result in found.results} == {"1,1,1"}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


@pytest.mark.slow
def test_no_worker_is_left_over(path):
    before = set(active_children())
    sweep(SMALL, path, jobs=2)
    assert set(active_children()) <= before


@pytest.mark.parametrize(
    "options,named",
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"jobs": 0}, "jobs"),
        ({"budget": 0.0}, "budget"),
        ({"budget": float("nan")}, "budget"),
    ],
)
def test_unusable_arguments_are_named_and_make_no_file(path, options, named):
    with pytest.raises(InputError, match=named):
        sweep(SMALL, path, **options)
    assert not path.exists()


def test_what_is_no_problem_is_refused(path):
    with pytest.raises(InputError, match="problems"):
        sweep(["linear:2-1-1"], path)


@pytest.mark.slow
def test_a_script_needs_no_main_guard(path, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from conserved.atlas import Case, sweep\n"
        f"sweep([Case('linear:2-1-1'), Case('linear:2-1-2')], {str(path)!r}, jobs=2)\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert run.stderr == ""
    assert [result.upper for result in Atlas.open(path).results] == [1, 1]


def test_an_error_of_the_file_system_is_one_line(path, monkeypatch):
    class Full:
        def execute(self, *_):
            raise sqlite3.OperationalError("database or disk is full")

        def close(self):
            pass

    with Store(path) as store:
        store._database.close()
        monkeypatch.setattr(store, "_database", Full())
        with pytest.raises(ConservedError, match=r"results\.sqlite': database or disk is full"):
            store.results()


def command(path, *more):
    return [
        *(sys.executable, "-m", "conserved", "atlas", str(path), "--network", SLOW_NETWORKS),
        *("--symmetry", "negation", "--loss", "mse", "--jobs", "2", *more),
    ]


def wait_for_rows(path, count, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be stopped"
        if path.exists() and path.stat().st_size and rows(path) >= count:
            return
        time.sleep(0.01)
    raise AssertionError(f"no {count} rows in a minute")


def rows(path):
    try:
        return len(Atlas.open(path).results)
    except ConservedError:  # the table is just being made
        return 0


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def gone(pids):
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for orphans in /proc")
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_is_stopped_goes_on(path, sign):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with hearing_ctrl_c():
        process = subprocess.Popen(command(path), start_new_session=True, **quiet)
    with process:
        wait_for_rows(path, 5, process)
        workers_of_it = children(process.pid)
        if sign == signal.SIGINT:
            os.killpg(process.pid, sign)  # as a terminal does
        else:
            process.send_signal(sign)
        said = process.communicate()[1]
    assert gone(workers_of_it)
    kept = rows(path)
    assert 5 <= kept < SLOW_PROBLEMS
    if sign == signal.SIGINT:
        assert process.returncode == 130
        assert said.startswith("conserved: interrupted;")
        assert said.count("\n") == 1
    again = subprocess.run(command(path), capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    assert f"{SLOW_PROBLEMS - kept} computed" in again.stderr
    assert rows(path) == SLOW_PROBLEMS
    assert once(path)


@pytest.mark.slow
def test_two_programs_may_share_a_file(path):
    both = [
        subprocess.Popen(
            [*(sys.executable, "-m", "conserved", "atlas", str(path), "--jobs", "1")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    first, second = (process.communicate(timeout=120) for process in both)
    assert [process.returncode for process in both] == [0, 0], (first[1], second[1])
    assert first[0] == second[0]
    assert rows(path) == 225 + 15
