"""One of each from another package, a file each: found by entry points, counted and checked."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import conserved as cq
from conserved.networks import Family
from conserved.registry import Registry
from tests.cli.shell import SOURCE, shell

HERE = Path(__file__).parent / "outside"
POINTS = {
    "networks": "bilinear = bilinear:FAMILY",
    "symmetries": "reversal = reversal:GROUP",
    "losses": "quartic = quartic:LOSS",
    "dynamics": "cooling = cooling:DYNAMICS",
}


def installed(folder: Path, points: dict[str, str]) -> str:
    """A package as pip leaves it in a folder; the path to find it and us by."""
    for file in HERE.glob("*.py"):
        shutil.copy(file, folder)
    told = folder / "outside-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    text = "".join(f"[conserved.{kind}]\n{line}\n" for kind, line in points.items())
    (told / "entry_points.txt").write_text(text)
    return f"{SOURCE}:{folder}"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return installed(tmp_path_factory.mktemp("outside"), POINTS)


def upper(path: str, *arguments: str) -> tuple[int, int, str]:
    """(laws, parameters, how the data entered), certified."""
    result = shell("analyze", *arguments, "--json", PYTHONPATH=path)
    assert result.stderr == "" or "Traceback" not in result.stderr
    found = json.loads(result.stdout)
    assert found["count"]["certified"]
    return found["count"]["upper"], found["parameters"], found["closure"]["route"]


def ours(network: str, **options: str) -> tuple[int, int, str]:
    """The same of a problem of our own."""
    found = cq.analyze(cq.Problem.from_text(network, **options))
    return found.count.upper, found.problem.network.size, found.closure.route


@pytest.mark.slow
def test_each_is_listed_and_suggested(path: str) -> None:
    for kind, name in (
        ("networks", "bilinear:2-2-1"),
        ("symmetries", "reversal"),
        ("losses", "quartic"),
        ("flows", "cooling"),
    ):
        assert f"\n{name} " in shell("list", kind, PYTHONPATH=path).stdout
    assert "bilinear" not in shell("list", "networks").stdout
    refused = shell("analyze", "bilinaer:2-2-1", PYTHONPATH=path)
    assert "did you mean 'bilinear'?" in refused.stderr


def test_a_network_family(path: str) -> None:
    """One hidden unit: a product of three vectors has two laws, ‖U‖² − ‖V‖² and ‖U‖² − ‖W‖²."""
    assert upper(path, "bilinear:2-1-2")[:2] == (2, 6)


@pytest.mark.slow
def test_a_group(path: str) -> None:
    """Of two coordinates it is all permutations."""
    known = ours("linear:2-2-1", symmetry="permutation")
    assert upper(path, "linear:2-2-1", "--symmetry", "reversal") == known
    assert known != ours("linear:2-2-1")


@pytest.mark.slow
def test_a_loss(path: str) -> None:
    asked = ("linear:2-1-1", "--symmetry", "rotation:3", "--loss", "quartic")
    known = ours("linear:2-1-1", symmetry="rotation:3", loss="poly:4")
    assert upper(path, *asked) == known
    assert known != ours("linear:2-1-1", symmetry="rotation:3")


@pytest.mark.slow
def test_a_loss_is_trained_with(path: str) -> None:
    """The same run as under the name that we know it by."""
    asked = ("simulate", "linear:2-1-1", "--time", "0.5", "--json", "--loss")
    theirs, ours = (
        json.loads(shell(*asked, loss, PYTHONPATH=path).stdout) for loss in ("quartic", "poly:4")
    )
    assert theirs["problem"].pop("loss") == "quartic"
    assert ours["problem"].pop("loss") == "poly:4"
    assert theirs["laws"] == ours["laws"]
    assert theirs["trajectory"] == ours["trajectory"]


@pytest.mark.slow
def test_a_dynamics(path: str) -> None:
    known = ours("linear:2-2-1", flow="momentum:2")
    assert upper(path, "linear:2-2-1", "--flow", "cooling") == known
    assert known != ours("linear:2-2-1")


def test_all_at_once_are_certified_and_checked(path: str, tmp_path: Path) -> None:
    """With the package; without it the loss is unknown, and one line says so."""
    file = str(tmp_path / "c.json")
    asked = ("--symmetry", "reversal", "--loss", "quartic", "--certificate", file)
    made = shell("analyze", "bilinear:2-1-1", *asked, PYTHONPATH=path)
    assert made.returncode == 0, made.stderr
    checked = shell("check", file, "--seed", "1", PYTHONPATH=path)
    assert checked.returncode == 0, checked.stderr
    assert "CERTIFIED" in checked.stdout
    refused = shell("check", file)
    assert refused.returncode == 2
    assert "quartic" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "points, words",
    [
        ({"networks": "linear = bilinear:FAMILY"}, "this name is taken"),
        pytest.param(
            {"networks": "cubic = bilinear:FAMILY"},
            "a Family named 'cubic' is needed",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"networks": "bilinear = quartic:LOSS"},
            "a Family named 'bilinear' is needed",
            marks=pytest.mark.slow,
        ),
        ({"networks": "bilinear = nowhere:FAMILY"}, "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_package_that_is_wrong_is_named(
    points: dict[str, str], words: str, tmp_path: Path
) -> None:
    wrong = installed(tmp_path, points)
    refused = shell("list", "networks", PYTHONPATH=wrong)
    assert refused.returncode == 2
    assert words in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert shell("analyze", "linear:2-1", PYTHONPATH=wrong).returncode == 0  # ours need no other


def test_packages_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def found(group: str) -> list[object]:
        calls.append(group)
        return []

    monkeypatch.setattr("importlib.metadata.entry_points", found)
    registry: Registry[Family] = Registry("networks", Family, {})
    assert "linear" not in registry
    assert list(registry) == []
    with pytest.raises(KeyError):
        registry["linear"]
    assert calls == ["conserved.networks"]


def test_contributing_names_the_entry_points() -> None:
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text("utf-8")
    assert set(re.findall(r'entry-points\."conserved\.(\w+)"', text)) == set(POINTS)
