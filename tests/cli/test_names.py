"""An error names what the caller wrote: the library its argument, the command line its option."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pytest

import conserved as cq
from conserved.atlas import Atlas, draw
from conserved.certificate import check_file, read_text
from conserved.cli import commands, run
from conserved.cli.command import Command
from conserved.dynamics import parse_flow
from conserved.errors import InputError, naming
from conserved.law import Layout
from conserved.losses import parse_loss
from conserved.networks import MLP, Given, Linear, Parameter, parse_network
from conserved.report import write_report
from conserved.simulate import GradientFlow, simulate
from conserved.symmetry import Permutation, parse_labels, parse_symmetry, read_group
from conserved.testing import check_network
from tests.simulate.planted import gram

PROBLEM = cq.Problem(network=Linear(2, 1))
OTHER = gram(Layout.of(Linear(3, 2, 1).parameters), "symmetric: W1.0 -1*W2.1")
NOWHERE = "/dev/null/file.json"

LIBRARY = {
    "certificate.save(path)": ("path", lambda: cq.analyze(PROBLEM).certificate.save(NOWHERE)),
    "write_report(path)": ("path", lambda: write_report(cq.analyze(PROBLEM), NOWHERE)),
    "check_file(path)": ("path", lambda: check_file("none.json")),
    "Atlas.open(path)": ("path", lambda: Atlas.open("none.sqlite")),
    "draw(path)": ("path", lambda: draw(Atlas(()), "map.gif")),
    "Problem(symmetry)": (
        "symmetry",
        lambda: cq.Problem(network=Linear(2, 1), symmetry=Permutation(3)),
    ),
    "Problem(symmetry), no group": (
        "symmetry",
        lambda: cq.Problem(network=Linear(2, 1), symmetry="shift"),
    ),
    "from_text(symmetry)": (
        "symmetry",
        lambda: cq.Problem.from_text("linear:2-1", symmetry="permutation:3"),
    ),
    "parse_symmetry": ("symmetry", lambda: parse_symmetry("permutation:3", 2)),
    "simulate(laws)": ("laws", lambda: simulate(PROBLEM, [OTHER], dynamics=GradientFlow())),
    "simulate(data)": (
        "data",
        lambda: simulate(PROBLEM, [], dynamics=GradientFlow(), data="tacher"),
    ),
    "simulate(start)": (
        "start",
        lambda: simulate(PROBLEM, [], dynamics=GradientFlow(), start=np.zeros(3)),
    ),
    "certificate.save(None)": ("path", lambda: cq.analyze(PROBLEM).certificate.save(None)),
    "certificate.save, no name": ("path", lambda: cq.analyze(PROBLEM).certificate.save("a\0")),
    "write_report, no name": ("path", lambda: write_report(cq.analyze(PROBLEM), "a\0.html")),
    "check_file(None)": ("path", lambda: check_file(None)),
    "check_file, no certificate": ("path", lambda: check_file("pyproject.toml")),
    "read_text(None)": ("text", lambda: read_text(None)),
    "Atlas.open(3)": ("path", lambda: Atlas.open(3)),
    "parse_symmetry(None)": ("symmetry", lambda: parse_symmetry(None, 2)),
    "parse_network(None)": ("network", lambda: parse_network(None)),
    "parse_network(3)": ("network", lambda: parse_network(3)),
    "parse_loss(None)": ("loss", lambda: parse_loss(None)),
    "parse_flow(2.5)": ("flow", lambda: parse_flow(2.5)),
    "parse_labels([])": ("labels", lambda: parse_labels([])),
    "read_group(None)": ("symmetry", lambda: read_group(None)),
    "read_group(3)": ("symmetry", lambda: read_group(3)),
    "from_text(None)": ("network", lambda: cq.Problem.from_text(None)),
    "from_text(loss)": ("loss", lambda: cq.Problem.from_text("linear:2-1", loss=None)),
    "around(None)": ("network", lambda: cq.Problem.around(None)),
    "around, a text": ("network", lambda: cq.Problem.around("linear:2-1")),
    "lift_report(None)": ("problem", lambda: cq.lift_report(None)),
    "verify(laws)": ("laws", lambda: cq.verify(PROBLEM, None)),
    "Given(program)": ("program", lambda: Given("mine", None)),
    "MLP(act)": ("network", lambda: MLP(2, 2, 1, act=["tanh"])),
    "Parameter(name)": ("parameter", lambda: Parameter(None, (2, 2))),
    "Parameter(shape)": ("parameter", lambda: Parameter("W", 3)),
    "Parameter, an empty axis": ("parameter", lambda: Parameter("W", (2, 0))),
    "simulate(problem)": ("problem", lambda: simulate("linear:2-1", [])),
    "simulate(laws), no list": ("laws", lambda: simulate(PROBLEM, 3)),
    "simulate(dynamics)": ("dynamics", lambda: simulate(PROBLEM, [], dynamics=3)),
    "simulate(data), no data": ("data", lambda: simulate(PROBLEM, [], data=3)),
    "simulate(data), no name": ("data", lambda: simulate(PROBLEM, [], data="a\0.csv")),
    "simulate(start), no numbers": ("start", lambda: simulate(PROBLEM, [], start="x")),
    "GradientFlow(decay)": ("decay", lambda: GradientFlow(decay=-1.0)),
    "check_network(network)": ("network", lambda: check_network(None)),
    "check_network(seed)": ("seed", lambda: check_network(Linear(2, 1), seed=-1)),
    "GradientFlow(rtol)": ("rtol", lambda: GradientFlow(rtol=1.0)),
    "analyze(seed)": ("seed", lambda: cq.analyze(PROBLEM, seed=-1)),
}


@pytest.mark.parametrize("call", LIBRARY)
def test_the_library_names_its_argument(call: str) -> None:
    argument, wrong = LIBRARY[call]
    with pytest.raises(InputError) as caught:
        wrong()
    assert caught.value.argument == argument
    assert "--" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


ANALYZE, SIMULATE = "analyze linear:2-1", "simulate linear:2-1"
COMMAND_LINE = {
    f"{ANALYZE} --certificate /dev/null/c.json": "--certificate '/dev/null/c.json'",
    f"{ANALYZE} --report /dev/null/r.html": "--report '/dev/null/r.html'",
    f"{ANALYZE} --symmetry permutation:3": "--symmetry 'permutation:3'",
    f"{ANALYZE} --symmetry none.json": "--symmetry 'none.json'",
    f"{ANALYZE} --labels equal": "--labels 'equal'",
    f"{ANALYZE} --loss mes": "--loss 'mes'",
    f"{ANALYZE} --flow up": "--flow 'up'",
    f"{ANALYZE} --seed -1": "--seed '-1'",
    f"{ANALYZE} --budget 0": "--budget '0.0'",
    f"{ANALYZE} --degree 99": "--degree '99'",
    "analyze linaer:2-1": "network 'linaer:2-1'",
    f"{SIMULATE} --data tacher": "--data 'tacher'",
    f"{SIMULATE} --symmetry permutation:3": "--symmetry 'permutation:3'",
    f"{SIMULATE} --rtol 1": "--rtol '1.0'",
    f"{SIMULATE} --dynamics gd --lr -1": "--lr '-1.0'",
    f"{SIMULATE} --weight-decay -1": "--weight-decay '-1.0'",
    f"{SIMULATE} --dynamics walk": "--dynamics 'walk'",
    f"{SIMULATE} --scale 0": "--scale '0.0'",
    f"{SIMULATE} --samples 0": "--samples '0'",
    f"{SIMULATE} --augment random": "--augment 'random'",
    f"{SIMULATE} --output /dev/null/o.json": "--output '/dev/null/o.json'",
    "check none.json": "file 'none.json'",
    "reproduce liner": "name 'liner'",
    "reproduce linear --output /dev/null/x": "--output '/dev/null/x'",
    "atlas /dev/null/a.sqlite": "results '/dev/null/a.sqlite'",
    "atlas a.sqlite --figure map.gif": "--figure 'map.gif'",
    "atlas a.sqlite --jobs 0": "--jobs '0'",
    "atlas a.sqlite --symmetry {": "--symmetry '{'",
}


@pytest.mark.parametrize("line", COMMAND_LINE)
def test_the_command_line_names_its_option(
    line: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(line.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"conserved: {COMMAND_LINE[line]}: ")
    assert said.count("\n") == 1


def test_every_command_speaks_of_its_options() -> None:
    for command in commands.commands.values():
        assert isinstance(command, Command)
        options = [p for p in command.params if isinstance(p, click.Option)]
        assert {option.opts[0] for option in options} <= set(command.names.values())


def test_what_has_no_other_name_keeps_its_own() -> None:
    for names, told in (({}, "path"), ({"file": "--file"}, "path"), ({"path": "--to"}, "--to")):
        with pytest.raises(InputError, match=f"^{told} 'a': is wrong$") as caught, naming(names):
            raise InputError("path", "a", "is wrong")
        assert (caught.value.argument, caught.value.given) == (told, "a")
    with pytest.raises(KeyError), naming({"path": "--to"}):
        raise KeyError("path")
