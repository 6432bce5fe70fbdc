"""The benchmarks themselves: what is drawn, what is refused, what a result file says."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import growth_group, lifted, modules, scale
from benchmarks.__main__ import BENCHMARKS
from benchmarks.dynamics import check_answers
from benchmarks.growth_parameters import SIZES
from benchmarks.machine import in_words
from benchmarks.measure import Measurement, Result, WrongCountError, finished, preamble, read, write
from benchmarks.plots import draw
from benchmarks.published_suite import check_counts, run
from benchmarks.tables import BEGIN, DOCUMENT, END, aligned, markdown
from benchmarks.worker import Answer, Task
from conserved.zoo.dynamics_suite import draw_dynamics_suite
from conserved.zoo.suite import SuiteCase, balancedness_rank, draw_suite
from tests.cases import CASES

MACHINE = {
    "cpu",
    "cores",
    "memory_gib",
    "os",
    "python",
    "numpy",
    "blas",
    "blas_threads",
    "python_flint",
    "load_average_at_start",
}


@pytest.fixture(scope="module")
def suite() -> list[SuiteCase]:
    return draw_suite()


def widths_of(network: str) -> list[int]:
    return [int(w) for w in network.partition(":")[2].removesuffix(",bias").split("-")]


def test_the_suite_is_drawn_the_same_every_time(suite: list[SuiteCase]) -> None:
    assert suite == draw_suite()
    assert suite != draw_suite(seed=1)


def test_the_suite_has_the_stated_shapes(suite: list[SuiteCase]) -> None:
    linear = [case for case in suite if case.network.startswith("linear:")]
    relu = [case for case in suite if case.network.startswith("relu:")]
    assert len(linear) == len(relu) == 50
    for cases, most in ((linear, 5), (relu, 9)):
        widths = [widths_of(case.network) for case in cases]
        assert {len(w) - 1 for w in widths} == {2, 3, 4}
        assert {width for w in widths for width in w} == set(range(2, most + 1))
    biased = sum(case.network.endswith(",bias") for case in relu)
    assert 10 < biased < 40


def test_balancedness_gives_the_solved_counts() -> None:
    solved = [
        (widths_of(case.network), case.laws)
        for case in CASES
        if case.network.startswith("linear:") and case.symmetry == "none"
    ]
    # with one input and one output there are more laws than balancedness (theory §7)
    solved = [(widths, laws) for widths, laws in solved if max(widths[0], widths[-1]) > 1]
    assert len(solved) > 20
    for widths, laws in solved:
        assert balancedness_rank(widths, np.random.default_rng(0)) == laws, widths


def test_a_wrong_count_under_a_flow_is_refused() -> None:
    cases = draw_dynamics_suite()[:2]
    right = [Answer(0.1, case.laws, case.laws, 9, (1,), 1, True) for case in cases]
    check_answers(cases, right)
    for wrong in (replace(right[1], lower=0), replace(right[1], closed=False)):
        with pytest.raises(WrongCountError, match=cases[1].network):
            check_answers(cases, [right[0], wrong])


@pytest.mark.parametrize("name", modules.CASES)
def test_a_wrong_count_of_a_module_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(arguments: Sequence[str]) -> tuple[float, str]:
        laws = [k + (arguments[-1] == name) for k in modules.CASES[arguments[-1]].laws]
        told = {"laws": laws, "seconds": 1.0, "processor": 1.0, "first": 1.0, "peak": 1.0}
        return 1.0, json.dumps(told)

    monkeypatch.setattr(modules, "command", said)
    with pytest.raises(WrongCountError, match=re.escape(modules.CASES[name].title)):
        modules.run(1)


@pytest.mark.parametrize("off_by", [-1, 1])
@pytest.mark.parametrize("place", [0, 49, 50, 99])
def test_one_wrong_count_is_refused(suite: list[SuiteCase], place: int, off_by: int) -> None:
    counts = [case.laws for case in suite]
    check_counts(suite, counts)
    counts[place] += off_by
    with pytest.raises(WrongCountError, match=f"{suite[place].network} has"):
        check_counts(suite, counts)


def test_a_missing_count_is_refused(suite: list[SuiteCase]) -> None:
    with pytest.raises(ValueError, match="shorter"):
        check_counts(suite, [case.laws for case in suite[:-1]])


def test_a_tiny_run_is_refused_when_its_expected_count_is_wrong(suite: list[SuiteCase]) -> None:
    wrong = replace(suite[0], laws=suite[0].laws + 1)
    with pytest.raises(WrongCountError):
        run(1, [wrong])


def test_a_tiny_run_writes_the_machine_and_every_sample(
    tmp_path: Path, suite: list[SuiteCase]
) -> None:
    start = preamble("published_suite", 2)
    path = write(finished(start, run(2, [suite[0], suite[-1]])), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["published_suite.json"]
    document = json.loads(path.read_text(encoding="utf-8"))
    assert set(document["machine"]) == MACHINE
    assert document["machine"]["cores"] >= 1
    assert {"commit", "source_changed", "date", "load_average_at_end"} <= set(document)
    total = document["measurements"][0]
    assert len(total["samples"]) == document["repetitions"] == 2
    assert total["median"] == pytest.approx(sum(total["samples"]) / 2, abs=1e-5)
    assert (total["target"], total["met"]) == (1.0, total["median"] < 1.0)
    assert [n["laws"] for n in document["details"]["networks"]] == [suite[0].laws, suite[-1].laws]
    assert read("published_suite", tmp_path) == document
    assert in_words(document["machine"]) in markdown([document])


def test_a_missed_target_shows() -> None:
    met, missed = Measurement("a", "s", (1.0, 9.0, 2.0), 3.0), Measurement("b", "s", (3.0,), 3.0)
    assert (met.met, missed.met) == (True, False)
    assert replace(missed, strict=False).met
    table = aligned([finished(preamble("x", 3), Result([met, missed]))]).splitlines()
    assert table[2].endswith("yes")
    assert table[3].endswith("NO")


def test_results_stay_small(tmp_path: Path) -> None:
    document = finished(preamble("x", 1), Result([], {"text": "x" * 50_000}))
    with pytest.raises(ValueError, match="50,000 bytes"):
        write(document, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_issue_targets_are_set() -> None:
    targets = {s.network: (s.seconds, s.ratio, s.megabytes) for s in SIZES if s.seconds}
    assert targets == {
        "linear:30-30-30": (6.0, 2.5, None),
        "linear:50-50-50": (120.0, None, 4000.0),
        "attention:dim=16,tokens=3,head=4": (3.0, None, None),
    }


def test_the_lifted_targets_are_set() -> None:
    targets = {c.problem.network: (c.laws, c.seconds) for c in lifted.CASES}
    assert targets == {
        "linear:10-3-2": (24, 1.0),
        "linear:200-3-1": (594, 20.0),
        "lightning:dim=8,tokens=5,head=1,out=1": (17, 30.0),
        "linear:7-3-7": (12, 60.0),
    }
    assert lifted.ATLAS_SECONDS == 60.0


def test_the_formulas_give_the_solved_counts() -> None:
    solved = {(c.network, c.symmetry, c.labels): c.laws for c in CASES if c.loss == "mse"}
    families = [problem for family in growth_group.FAMILIES for problem in family.problems]
    wanted = [*families, *((case.problem, case.laws) for case in lifted.CASES)]
    problems = {
        (task.network, task.symmetry, task.labels): laws
        for task, laws in wanted
        if laws is not None
    }
    shared = problems.keys() & solved.keys()
    assert {("linear:4-2-1", "permutation", "invariant")} < shared
    assert ("linear:7-3-7", "hyperoctahedral", "equivariant") in shared
    for problem in shared:
        assert problems[problem] == solved[problem], problem


@pytest.mark.parametrize(
    "change", [{"upper": 25}, {"upper": 23}, {"lower": 17}, {"lower": 0}, {"closed": False}]
)
def test_a_wrong_lifted_answer_is_refused(change: dict[str, Any]) -> None:
    case = lifted.CASES[0]
    right = Answer(0.1, 18, 24, 36, (3, 6, 12), 2, True)
    lifted.check(case, right, named=18)
    with pytest.raises(WrongCountError, match=r"linear:10-3-2"):
        lifted.check(case, replace(right, **change), named=18)


@pytest.mark.slow
def test_a_tiny_lifted_run_is_right_and_a_wrong_one_refused() -> None:
    case = lifted.Case(Task("linear:4-2-1", "permutation"), 5, 1.0)
    result = lifted.run(1, [case], commands=False)
    assert [m.details["written_down"] for m in result.measurements] == [0, 5]
    with pytest.raises(WrongCountError):
        lifted.run(1, [replace(case, laws=6)], commands=False)


def atlas_cells() -> list[dict[str, object]]:
    return [
        {
            "problem": {
                "network": f"poly:2-1-1,power={power}",
                "loss": f"poly:{degree}",
                "symmetry": f"rotation:{k}",
            },
            "architecture_upper": 1,
            "added_upper": lifted.rotation_laws(k, power, degree),
            "closed": True,
        }
        for power in (2, 3, 4)
        for degree in range(2, 7)
        for k in range(2, 17)
    ]


def test_rotations_add_laws_where_the_theory_says() -> None:
    # theory §6: squared error, r = 2: k = 3 or k ≥ 5; r = 3: k = 5 or k ≥ 7
    for power, orders in ((2, {3, *range(5, 17)}), (3, {5, *range(7, 17)})):
        assert {k for k in range(2, 17) if lifted.rotation_laws(k, power, 2)} == orders


@pytest.mark.parametrize("key", ["added_upper", "architecture_upper", "closed"])
def test_one_wrong_atlas_cell_is_refused(key: str) -> None:
    cells = atlas_cells()
    lifted.check_atlas(cells)
    cells[100][key] = False if key == "closed" else 2
    with pytest.raises(WrongCountError, match="atlas"):
        lifted.check_atlas(cells)


def test_a_missing_or_doubled_atlas_cell_is_refused() -> None:
    cells = atlas_cells()
    for wrong in (cells[1:], [*cells, cells[0]]):
        with pytest.raises(WrongCountError, match="225"):
            lifted.check_atlas(wrong)


def small_families(laws: int | None) -> list[growth_group.Family]:
    problems = ((Task("linear:4-1-1", "permutation"), laws),)
    return [growth_group.Family("x", route, problems) for route in ("orbits", "moments")]


def test_both_routes_are_timed_and_drawn(tmp_path: Path) -> None:
    result = growth_group.run(1, small_families(3))
    routes = [(point["route"], point["order"]) for point in result.details["points"]]
    assert routes == [("orbits", 24), ("moments", 24)]
    pytest.importorskip("matplotlib")
    assert draw(finished(preamble("growth_group", 1), result), tmp_path) is not None


def test_a_wrong_count_on_a_route_is_refused() -> None:
    with pytest.raises(WrongCountError, match="4 laws"):
        growth_group.run(1, small_families(4))
    points = [{"network": "a", "symmetry": "b", "upper": upper} for upper in (3, 4)]
    with pytest.raises(WrongCountError, match="the other"):
        growth_group._check_routes(points)


def test_large_orders_are_short() -> None:
    assert [growth_group.in_short(n) for n in (6, 3_628_800, 8 * 10**47, 3_715_891_200)] == [
        "6",
        "3,628,800",
        "8.0e47",
        "3.7e9",
    ]


def test_the_document_shows_the_result_files() -> None:
    documents = [read(name) for name in BENCHMARKS]
    shown = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == markdown([d for d in documents if d is not None])


@pytest.mark.slow
def test_a_tiny_run_at_scale() -> None:
    tiny = Task("linear:3-2-2")
    result = scale.run(1, sizes=(64,), large=tiny, laws=3)
    assert [m.unit for m in result.measurements] == ["s", "s", "×", "MB", "s", "s", "MB"]
    assert result.measurements[4].target == scale.SECONDS
    with pytest.raises(WrongCountError, match="has 4 laws, not 3, CERTIFIED"):
        scale.run(1, sizes=(), large=tiny, laws=4)
