"""Results in notebooks and scripts: cards, tables, files, copies, comparisons, citations."""

from __future__ import annotations

import copy
import json
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import conserved as cq
from conserved.citation import PAPERS
from conserved.errors import ConservedError, InputError
from conserved.simulate import GradientDescent, simulate
from tests.documents import read

PROBLEMS = {
    "all data": cq.Problem.from_text("linear:3-2-2"),
    "symmetry": cq.Problem.from_text("linear:4-2-1", symmetry="permutation"),
    "existence": cq.Problem.from_text("linear:2-2-2", symmetry="rotation:4"),
    "open": cq.Problem.from_text("linear:1-1-1-1", loss="poly:3"),
    "inputs": cq.Problem.from_text("linear:3-1", inputs="one-hot"),
    "momentum": cq.Problem.from_text("linear:2-2-1", flow="momentum:1/2"),
    "formal": cq.Problem.from_text("mlp:3-4-1,act=tanh", symmetry="permutation"),
}


@pytest.fixture(scope="module")
def analyses() -> dict[str, Any]:
    return {name: cq.analyze(problem, seed=3) for name, problem in PROBLEMS.items()}


@pytest.fixture(scope="module")
def run(analyses: dict[str, Any]) -> Any:
    found = analyses["symmetry"]
    return simulate(found.problem, found.laws, dynamics=GradientDescent(rate=0.02, steps=20))


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_saved_analysis_comes_back(name: str, analyses: dict[str, Any], tmp_path: Path) -> None:
    found = analyses[name]
    found.save(tmp_path / "new" / "a.json")
    again = cq.Analysis.load(tmp_path / "new" / "a.json")
    assert again == found
    assert again.to_json() == found.to_json()
    assert (again.count, again.verdict) == (found.count, found.verdict)


def test_a_module_comes_back_as_its_program(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    problem = cq.from_torch(torch.nn.Linear(3, 2, bias=False), torch.zeros(1, 3))
    found = cq.analyze(problem)
    found.save(tmp_path / "a.json")
    again = cq.Analysis.load(tmp_path / "a.json")
    assert again.problem.network.program == problem.network.program
    assert again.laws == found.laws


@pytest.mark.parametrize(
    "path, value, words",
    [
        (["schema"], "conserved.analysis/1", "schema"),
        (["closures", 0, "upper"], 4, "contradict each other"),
        (["closures", 0, "ranks"], [2, "x"], "closures[0].ranks[1]"),
        (["analysis", "count", "lower"], 9, "contradict each other"),
        (["analysis", "laws", 0, "terms", 0, "coefficient"], "2", "laws[0]"),
        (["analysis", "problem", "network"], "linear:4-2-2", "its program is another network's"),
        (["seconds"], -1, "seconds"),
        (["existence", 0], 3, "existence[0]"),
    ],
)
def test_a_file_that_was_changed_is_refused(
    path: list[Any], value: Any, words: str, analyses: dict[str, Any], tmp_path: Path
) -> None:
    analyses["symmetry"].save(tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text("utf-8"))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (tmp_path / "a.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(InputError, match=re.escape(words)) as error:
        cq.Analysis.load(tmp_path / "a.json")
    assert error.value.argument == "path"


@pytest.mark.parametrize("content", ["", "[]", "{}", "nonsense", "[" * 100_000])
def test_what_is_no_saved_analysis_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content, "utf-8")
    with pytest.raises(InputError, match="path"):
        cq.Analysis.load(tmp_path / "a.json")


def test_places_that_cannot_be_read_or_written(analyses: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        cq.Analysis.load(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be written"):
        analyses["symmetry"].save(tmp_path)


def test_results_are_copied_and_pickled(analyses: dict[str, Any], run: Any) -> None:
    found = analyses["symmetry"]
    results = [found, found.count, found.closure, found.problem, *found.laws]
    results += [cq.compare(analyses["all data"], found), cq.estimate(found.problem)]
    for result in results:
        assert pickle.loads(pickle.dumps(result)) == result
        assert copy.deepcopy(result) == result
        assert copy.copy(result) == result
    again = pickle.loads(pickle.dumps(run))  # it holds arrays, which have no one equality
    assert again.to_json() == run.to_json()
    loaded = pickle.loads(pickle.dumps(found))
    assert loaded.certificate.text() == found.certificate.text()


def test_a_comparison_says_what_came_and_went(analyses: dict[str, Any]) -> None:
    plain = cq.analyze(cq.Problem.from_text("linear:4-2-1"))
    found = cq.compare(plain, analyses["symmetry"])
    assert found.gained == 2
    assert [law.text for law in found.both] == ["W1 W1ᵀ − W2ᵀ W2"]
    assert found.only_first == ()
    assert [law.kind for law in found.only_second] == ["range"]
    assert [name for name, _, _ in found.changed] == ["data"]
    back = cq.compare(analyses["symmetry"], plain)
    assert (back.gained, back.only_first) == (-2, found.only_second)
    assert cq.compare(plain, plain).changed == ()
    assert "−2" in str(back)
    with pytest.raises(InputError, match="second"):
        cq.compare(plain, "linear:4-2-1")  # type: ignore[arg-type]


def test_cards_have_the_look_of_the_report_and_escape(analyses: dict[str, Any], run: Any) -> None:
    sheet = read("src/conserved/report/assets/report.css")
    names = re.findall(r"(--ink: #\w+);", sheet)
    for result in (analyses["symmetry"], run, cq.compare(analyses["open"], analyses["symmetry"])):
        html = result._repr_html_()
        assert all(name in html for name in names)
        assert html.startswith("<div class='conserved-card'>")
        assert "<math" in html
        assert ":root" not in html
        assert "http" not in html.replace("http://www.w3.org", "")
    named = cq.networks.Given("<b>&x", cq.networks.Linear(2, 1).program)
    html = cq.analyze(cq.Problem(network=named))._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;x" in html


@pytest.mark.parametrize(
    "name, words, sure",
    [
        ("all data", "3 independent laws<", True),
        ("existence", "7 independent laws, 3 of them written down", True),
        ("formal", "not proved", False),
    ],
)
def test_a_card_says_how_sure_it_is(
    name: str, words: str, sure: bool, analyses: dict[str, Any]
) -> None:
    html = analyses[name]._repr_html_()
    assert ("<p class='answer sure'>" in html) == sure
    if sure:
        assert words in html


def test_tables_of_pandas(analyses: dict[str, Any], run: Any) -> None:
    pytest.importorskip("pandas")
    table = analyses["symmetry"].to_frame()
    assert list(table["independent"]) == [3, 2]
    assert list(table["origin"]) == ["architecture", "data symmetry"]
    assert list(run.to_frame()["outcome"]) == [v.outcome for v in run.verdicts]
    empty = cq.analyze(cq.Problem.from_text("mlp:2-2-1,act=tanh,bias")).to_frame()
    assert list(empty.columns) == list(table.columns)
    both = cq.compare(analyses["all data"], analyses["all data"]).to_frame()
    assert list(both["first"]) == list(both["second"]) == [3]


def test_without_pandas_one_line_says_so(
    analyses: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConservedError, match=r"pip install 'conserved\[frames\]'"):
        analyses["symmetry"].to_frame()


@pytest.mark.parametrize(
    "name, papers",
    [
        ("all data", {"2307.00144"}),
        ("symmetry", {"2307.00144", "2606.10913"}),
        ("momentum", {"2307.00144", "2405.12888"}),
    ],
)
def test_what_to_cite(name: str, papers: set[str], analyses: dict[str, Any]) -> None:
    text = cq.cite(analyses[name])
    assert set(re.findall(r"eprint +=\s\{(.*)\}", text)) == papers
    assert f"version = {{{cq.__version__}}}" in text
    assert text.count("{") == text.count("}")


def test_citations_add_up(analyses: dict[str, Any], run: Any) -> None:
    both = cq.cite(cq.compare(analyses["momentum"], analyses["symmetry"]))
    assert both.count("@misc") == 3
    assert cq.cite(run) == cq.cite(analyses["symmetry"])
    attention = cq.Problem.from_text("attention:dim=2,tokens=2,head=1")
    assert "2506.06194" in cq.cite(attention)
    with pytest.raises(InputError, match="result"):
        cq.cite("linear:2-1")


def test_papers_are_those_of_the_citation_file() -> None:
    yaml = pytest.importorskip("yaml")
    known = {entry["url"]: entry for entry in yaml.safe_load(read("CITATION.cff"))["references"]}
    assert len(known) == len(PAPERS)
    for paper in PAPERS.values():
        entry = known[f"https://arxiv.org/abs/{paper.arxiv}"]
        assert (entry["title"], entry["year"]) == (paper.title, paper.year)
        names = [author["family-names"] for author in entry["authors"]]
        told = paper.authors.replace("{\\'e}", "é")
        assert [name.partition(",")[0] for name in told.split(" and ")] == names
