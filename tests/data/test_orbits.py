"""Listed inputs under a symmetry: counts by two roads, certificates, and what does not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import conserved as cq
from conserved.certificate import check_certificate, check_file, read_text
from conserved.cli import run
from conserved.data import Inputs
from conserved.errors import InputError
from conserved.symmetry import Equivariant, parse_symmetry
from tests.data.road import Given
from tests.data.test_counts import LABELS, POINTS, both, floats
from tests.road.forward import Model, group_of, layers, loss_of

# torch's own: it makes its rules for forward mode with torch.jit
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

LINEAR = ("linear:3-2-1", layers([3, 2, 1], lambda z: z))
SQUARE = ("linear:3-2-3", layers([3, 2, 3], lambda z: z))
FOUR = [[1, 2, -1, 0.5], [0.25, 1, 1, -3]]
WIDE = ("linear:4-1-1", layers([4, 1, 1], lambda z: z))


def road(model: Model, group: str, equivariant: bool = False, **data: object) -> Given:
    plain = floats(model, **data)
    kept = {key: getattr(plain, key) for key in ("points", "labels", "basis", "own")}
    every = group_of(group, model.inputs[-1])
    return Given(model, loss_of("mse"), every, equivariant, **kept)


def problem(text: str, group: str, inputs: Inputs, equivariant: bool = False) -> cq.Problem:
    network = cq.Problem.from_text(text).network
    more = {"labels": Equivariant()} if equivariant else {}
    symmetry = parse_symmetry(group, network.input_shape[-1])
    return cq.Problem(network, symmetry=symmetry, inputs=inputs, **more)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(
    "case, group, known",
    [(LINEAR, "shift", (3, 3)), (LINEAR, "negation", (7, 5)), (WIDE, "permutation", (3, 3))],
)
def test_orbits_of_these_inputs(
    case: tuple[str, Model], group: str, n: int, known: tuple[int, int]
) -> None:
    text, model = case
    rows = (FOUR if model.inputs == (4,) else POINTS[3])[:n]
    question = problem(text, group, cq.data.points(rows))
    assert both(question, road(model, group, points=rows)) == known[n - 1]


@pytest.mark.parametrize("n, known", [(1, 7), (2, 3)])
def test_orbits_of_these_samples(n: int, known: int) -> None:
    rows, labels = POINTS[3][:n], LABELS[1][:n]
    question = problem(LINEAR[0], "shift", cq.data.samples(rows, labels))
    assert both(question, road(LINEAR[1], "shift", points=rows, labels=labels)) == known


def test_orbits_that_are_their_own_labels() -> None:
    own = cq.data.autoencoding()
    question = problem(SQUARE[0], "shift", own, equivariant=True)
    assert both(question, road(SQUARE[1], "shift", equivariant=True, own=True)) == 3


@pytest.mark.slow
def test_orbits_of_these_that_are_their_own_labels() -> None:
    rows = POINTS[3][:1]
    own = cq.data.autoencoding(cq.data.points(rows))
    question = problem(SQUARE[0], "shift", own, equivariant=True)
    listed = road(SQUARE[1], "shift", equivariant=True, points=rows, own=True)
    assert both(question, listed) == cq.analyze(question).count.upper


def test_all_of_an_orbit_is_more_than_one_of_its_points() -> None:
    """An orbit pulls with all its points at once: fewer fields than its points one by one."""
    whole = [list(row) for row in permutations(FOUR[0])]
    network = cq.Problem.from_text("linear:4-1-1").network
    orbit = cq.lie_closure(problem("linear:4-1-1", "permutation", cq.data.points(FOUR[:1])))
    apart = cq.lie_closure(cq.Problem(network, inputs=cq.data.points(whole)))
    assert (orbit.upper, apart.upper) == (3, 1)


def test_certificates_hold_both(tmp_path: Path) -> None:
    analysis = cq.analyze(problem(LINEAR[0], "shift", cq.data.points(POINTS[3][:1])))
    assert analysis.count.certified
    text = analysis.certificate.text()
    assert check_certificate(read_text(text)).status == "CERTIFIED"
    path = tmp_path / "orbits.json"
    path.write_text(text)
    assert check_file(path).status == "CERTIFIED"
    document = json.loads(text)
    document["data"]["basis"] = document["data"]["points"]
    document["data"]["points"] = None
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="no orbits here"):
        check_file(path)


def test_laws_say_what_they_are_owed_to() -> None:
    analysis = cq.analyze(problem(LINEAR[0], "shift", cq.data.points(POINTS[3][:1])))
    assert analysis.from_data_symmetry == analysis.count.upper - 3
    assert {law.origin for law in analysis.laws} <= {"architecture", "data"}


@pytest.mark.parametrize(
    "words, told",
    [
        (["--inputs", "FILE", "--symmetry", "orthogonal"], "orbits that cannot be listed"),
        (["--inputs", "subspace:FILE", "--symmetry", "shift"], "list the inputs"),
        (["--inputs", "FILE", "--symmetry", "permutation:4"], "acts on 4 coordinates"),
        (["--autoencoding", "--symmetry", "shift"], "take equivariant labels"),
    ],
)
def test_what_does_not_fit(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "points.csv"
    path.write_text("1,2,-1\n3,0.5,2\n")
    given = [word.replace("FILE", str(path)) for word in words]
    assert run(["analyze", "linear:3-2-3", *given]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_too_many_points() -> None:
    rows = [[1, 2, 3, 4, 5, 6, 7, k] for k in range(2)]
    with pytest.raises(InputError, match="orbits of 80,640 points; the limit is 50,000"):
        problem("linear:8-1-1", "permutation", cq.data.points(rows))


@pytest.mark.parametrize("more", [{}, {"labels": "equivariant"}])
def test_the_page_names_both(more: Mapping[str, str]) -> None:
    from conserved.report.content import question

    network = cq.Problem.from_text("linear:3-2-3", symmetry="shift", **more)
    asked = cq.Problem(
        network.network,
        symmetry=network.symmetry,
        labels=network.labels,
        inputs=cq.data.points(POINTS[3][:2]),
    )
    told = "".join(question(cq.analyze(asked, laws=False)))
    assert "on these 2 inputs, any labels, closed under shift" in told
