"""The page as a file: whole, offline, inert, accessible, small, and true to the analysis."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from time import process_time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserved._version import __version__
from conserved.analysis import Analysis, Count, analyze
from conserved.dynamics.grammar import FLOWS, parse_flow
from conserved.errors import InputError
from conserved.modules import from_torch
from conserved.problem import Problem
from conserved.report import content, render, watch, write_report
from conserved.report.explained import explained
from conserved.report.inline import embedded
from tests.cli.shell import environment
from tests.report import samples
from tests.report.reading import (
    Element,
    ancestors,
    assert_accessible,
    assert_offline_and_inert,
    downloads,
    embedded_json,
    parsed,
)

CASES = [
    ("linear:3-2-2", "none"),
    ("mlp:2-2-1,act=tanh", "none"),
    ("linear:3-1", "shift"),
    ("linear:4-2-1", "permutation"),
    ("lightning:dim=2,tokens=2,head=1,out=1", "negation"),
]


@pytest.mark.parametrize("network, symmetry", CASES)
@pytest.mark.parametrize("watched", [False, True])
def test_the_page_is_offline_inert_and_accessible(
    network: str, symmetry: str, watched: bool
) -> None:
    evidence = samples.evidence(300) if watched else None
    page = render(samples.analysis(network, symmetry), evidence, samples.CERTIFICATE)
    assert_offline_and_inert(page)
    assert_accessible(page)


def planted(old: str, new: str) -> str:
    page = render(samples.analysis(), samples.evidence(50))
    assert old in page
    return page.replace(old, new, 1)


@pytest.mark.parametrize(
    "old, new",
    [
        ("<main>", '<main><img src="https://example.org/x.png">'),
        ("<main>", "<main onclick='go()'>"),
        ("<main>", '<main style="color:red">'),
        ("<main>", '<main><a href="javascript:go()">x</a>'),
        ("<main>", '<main><a href="https://example.org/abs/2307.00144">x</a>'),
        ('"use strict";', '"use strict"; fetch("//example.org");'),
        ("body {", "body { background: url(//example.org);"),
        ("default-src &#39;none&#39;", "default-src *"),
        ("</main>", "<script>alert(1)</script></main>"),
    ],
)
def test_the_offline_check_refuses(old: str, new: str) -> None:
    page = planted(old, new)
    with pytest.raises(AssertionError):
        assert_offline_and_inert(page)


@pytest.mark.parametrize(
    "old, new",
    [
        ('lang="en"', ""),
        ("<h2 ", "<h4 "),
        ("<main>", "<main><h1>Another</h1>"),
        ("<main>", '<main><button type="button"></button>'),
        ("<main>", "<main><svg></svg>"),
        ('aria-describedby="plot-0-words', 'aria-describedby="nowhere'),
        ('id="plot-1"', 'id="plot-0"'),
        ('<section aria-labelledby="laws">', "<section>"),
        ('scope="col"', ""),
    ],
)
def test_the_accessibility_check_refuses(old: str, new: str) -> None:
    page = planted(old, new)
    if new == "<h4 ":
        page = page.replace("</h2>", "</h4>", 1)
    with pytest.raises((AssertionError, KeyError)):
        assert_accessible(page)


def test_it_is_small_and_fast() -> None:
    """Long runs are thinned: ten times the records, about the same file."""
    start = process_time()
    page = render(samples.analysis(), samples.evidence(20_000), samples.CERTIFICATE)
    assert process_time() - start < 2
    assert len(page.encode()) < 200_000
    assert len(render(samples.analysis()).encode()) < 50_000  # and no plots, no plotting library


def test_nothing_heavy_until_it_is_used() -> None:
    code = (
        "import conserved.report, sys\n"
        "assert not {'jinja2', 'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True, capture_output=True)


# ------------------------------------------------------------------ what it says


def words(page: str) -> str:
    return " ".join(parsed(page).all("body")[0].text.split())


def test_it_says_what_was_found() -> None:
    analysis = samples.analysis()
    page = render(analysis)
    text = words(page)
    assert "What stays constant while linear:3-2-2 trains" in text
    assert "3 independent conservation laws ✓ certified" in text
    assert "W1 W1ᵀ − W2ᵀ W2" in text
    assert "10 − 7 = 3" in text
    assert parsed(page).all("title")[0].text == "3 conservation laws of linear:3-2-2"
    assert len(parsed(page).all("math")) == len(analysis.laws) == 1


def test_nothing_conserved_is_said() -> None:
    text = words(render(samples.analysis("mlp:2-2-1,act=tanh")))
    assert "0 independent conservation laws ✓ certified" in text
    assert "no function of the parameters survives" in text


def test_symmetry_is_explained() -> None:
    analysis = samples.analysis("linear:4-2-1", "permutation")
    text = words(render(analysis))
    assert "data closed under permutation" in text
    for reason in analysis.explanation.reasons:
        assert reason in text
    assert "so(3)" in text
    for bar in (*analysis.closure.ranks, *analysis.architecture_closure.ranks):
        assert str(bar) in text


@pytest.mark.parametrize(
    "count, shown",
    [(Count(5, 5, True), "5"), (Count(0, 5, False), "≤ 5"), (Count(2, 5, False), "2 – 5")],
)
def test_an_upper_bound_is_never_shown_as_the_count(count: Count, shown: str) -> None:
    assert content.numeral(count) == shown


def test_an_open_count_is_not_called_certified() -> None:
    plain = samples.analysis()
    text = words(render(replace(plain, laws=())))
    assert "≤ 3 independent conservation laws not certified" in text
    assert "✓ certified" not in text
    assert "Room is left for 3 more" in text
    unsure = replace(plain, closure=replace(plain.closure, rigorous=False, note="values repeat"))
    assert "upper bound itself is not a proof. Values repeat." in words(render(unsure))
    early = replace(plain.closure, closed=False, stopped="the budget was used up")
    told = words(render(replace(plain, closure=early, laws=())))
    assert "was not finished (the budget was used up)" in told


def test_bars_and_slices_add_up() -> None:
    for network, symmetry in CASES:
        analysis = samples.analysis(network, symmetry)
        parts = content.directions(analysis)
        assert sum(count for _, _, count in parts) == analysis.closure.parameters


# ------------------------------------------------------------------ reproduce


@pytest.mark.parametrize("network, symmetry", CASES)
def test_the_shell_command_asks_the_same_question(network: str, symmetry: str) -> None:
    analysis = replace(samples.analysis(network, symmetry), seed=3)
    name, command, given, *options = shlex.split(content.shell_command(analysis))
    assert (name, command) == ("conserved", "analyze")
    pairs = dict(zip(options[::2], options[1::2], strict=True))
    assert pairs.pop("--report").endswith(".html")
    assert pairs.pop("--seed") == "3"
    again = Problem.from_text(given, **{key[2:]: value for key, value in pairs.items()})
    assert again.to_json() == analysis.problem.to_json()


def test_the_python_code_gives_the_same_count() -> None:
    analysis = samples.analysis("linear:3-1", "shift")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(content.python_code(analysis), {})
    assert out.getvalue().strip() == str(analysis.count)


def test_a_command_that_is_known_is_shown_as_it_was() -> None:
    text = words(render(samples.analysis(), command="conserved analyze 'my net.py:make' --seed 4"))
    assert "conserved analyze 'my net.py:make' --seed 4" in text
    assert f"conserved {__version__}" in text


def test_downloads_are_whole() -> None:
    analysis = samples.analysis()
    files = downloads(parsed(render(analysis, None, samples.CERTIFICATE)))
    assert files["certificate.json"] == samples.CERTIFICATE
    assert files["analysis.json"] == json.loads(json.dumps(analysis.to_json()))
    assert "certificate.json" not in downloads(parsed(render(analysis)))
    assert "conserved check" not in render(analysis)


@pytest.mark.parametrize("bad", [{"x": float("nan")}, {"x": object()}, {"x": {1, 2}}])
def test_a_certificate_is_json(bad: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"certificate.*JSON"):
        render(samples.analysis(), None, bad)


# ------------------------------------------------------------------ hostile text


@pytest.mark.parametrize("payload", samples.PAYLOADS)
def test_hostile_text_is_only_text(payload: str) -> None:
    analysis, evidence = samples.hostile(payload)
    page = render(analysis, evidence, {"schema": payload}, command=payload)
    assert_offline_and_inert(page)
    root = parsed(page)
    clean = parsed(render(*samples.hostile("plain"), {"schema": "plain"}, command="plain"))
    assert [e.tag for e in root.walk() if not in_math(e)] == [
        e.tag for e in clean.walk() if not in_math(e)
    ], "the payload made or unmade an element"
    assert embedded_json(root, "plot-data")[0]["labels"] == [payload]
    assert downloads(root)["certificate.json"] == {"schema": payload}


def in_math(element: Element) -> bool:
    return any(e.tag == "math" or e.get("class") == "formula" for e in ancestors(element))


def test_hostile_text_would_be_seen() -> None:
    """Planted: the same page with one text left as it came."""
    payload = samples.PAYLOADS[2]
    page = render(*samples.hostile(payload))
    with pytest.raises(AssertionError):
        assert_offline_and_inert(page.replace("&lt;img src=x onerror=alert(3)&gt;", payload, 1))


@given(st.text(max_size=200))
def test_embedded_json_never_leaves_its_element(text: str) -> None:
    inside = embedded([text, {text: text}])
    assert not re.search("[<>&\u2028\u2029]", inside)
    assert json.loads(inside) == [text, {text: text}]


def test_our_own_scripts_stay_in_their_elements() -> None:
    folder = Path(content.__file__).parent
    for path in (*folder.glob("assets/*.js"), *folder.glob("vendor/*.js")):
        assert "</script" not in path.read_text("utf-8").lower()
        assert "<!--" not in path.read_text("utf-8")
        assert "innerHTML" not in path.read_text("utf-8")


# ------------------------------------------------------------------ writing


def write(analysis: Analysis, path: object) -> Path:
    return write_report(analysis, path)  # type: ignore[arg-type]


def test_it_writes_what_it_renders(tmp_path: Path) -> None:
    path = write(samples.analysis(), tmp_path / "new" / "report.html")
    assert path.read_text("utf-8") == render(samples.analysis())
    assert os.listdir(path.parent) == ["report.html"]


def test_two_reports_of_one_analysis_are_the_same() -> None:
    assert render(samples.analysis(), samples.evidence(50)) == render(
        samples.analysis(), samples.evidence(50)
    )


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "report.html", tmp_path / "folder"):
        with pytest.raises(InputError, match=r"^path .*cannot be written"):
            write(samples.analysis(), path)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"], "nothing half-written is left"


@pytest.mark.parametrize(
    "network, loss", [("linear:4-2-1", "mse"), ("relu:16-8-10,bias", "cross-entropy")]
)
def test_with_its_runs_it_is_built_in_time(network: str, loss: str, tmp_path: Path) -> None:
    """Under 2 s and 0.5 MB, the two runs and the certificate included."""
    analysis = analyze(Problem.from_text(network, loss=loss))
    start = process_time()
    runs = watch(analysis)
    path = write_report(analysis, tmp_path / "r.html", runs, analysis.certificate.to_json())
    assert process_time() - start < 2
    assert path.stat().st_size < 500_000
    assert [run.dynamics.name for run in runs][-1] == "gd"
    assert all(verdict.outcome != "violated" for run in runs for verdict in run.verdicts)


def test_laws_that_exist_without_a_formula_are_told() -> None:
    analysis = analyze(Problem.from_text("linear:1-2-2-1"))
    assert content.numeral(analysis.count) == "7"
    counts = [count for _, _, count in content.directions(analysis)]
    assert counts == [1, 6, 0, 1]
    assert content.left_out(analysis)[0].startswith("1 more exists, proved without a formula")


def test_laws_of_a_module_stand_by_block() -> None:
    """Under its block a law names its tensors without it; the text beside it has them in full."""
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from torch import nn

    torch.manual_seed(0)
    branch = [nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))]
    model = nn.Sequential(*branch, nn.Tanh(), nn.Linear(2, 1))
    analysis = analyze(from_torch(model, torch.zeros(1, 2)))
    root = parsed(render(analysis))
    (section,) = [s for s in root.all("section") if s["aria-labelledby"] == "laws"]
    assert [h.text for h in section.all("h3")] == ["0"]
    (card,) = [li for li in section.all("li") if "0.0.weight" in li.text]
    assert card.all("math")[0]["alttext"].startswith("0.weight 0.weightᵀ")
    assert "0.0.weight 0.0.weightᵀ" in card.all("p")[0].text


def test_names_of_one_word_have_no_blocks() -> None:
    cards = content.law_cards(samples.analysis())
    assert {card.block for card in cards} == {""}
    root = parsed(render(samples.analysis()))
    assert "block" not in {h.get("class") for h in root.all("h3")}


def test_many_laws_are_folded_by_block() -> None:
    card = content.law_cards(samples.analysis())[0]
    shown, folded = content.by_block([card], 0)
    assert shown == []
    assert folded == [("", [card])]


@pytest.mark.parametrize("flow", [family.example for family in FLOWS.values()])
def test_every_dynamics_is_explained(flow: str) -> None:
    of_two = ((Fraction(2), Fraction(1)), (Fraction(1), Fraction(3)))  # for those from a file
    asked = SimpleNamespace(flow=parse_flow(flow, of_two), symmetric=False, inputs=None)
    assert explained(asked)["flow"].endswith(".")  # type: ignore[arg-type]


def test_classes_of_data_and_mixed_dynamics_are_explained() -> None:
    told = explained(Problem.from_text("linear:2-2-1", flow="momentum:1/2+decay:3"))
    assert "velocity" in told["flow"]
    assert "decay" in told["flow"]
    assert "every dataset" in told["data"]
    assert "labels" not in told
    one_hot = explained(Problem.from_text("linear:2-2-1", inputs="one-hot"))
    assert "these inputs" in one_hot["data"]
    page = render(samples.analysis("linear:3-1", "shift"))
    assert "all its images under the group" in page
