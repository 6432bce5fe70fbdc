"""Certificates with the names that people use: each is shown to be what is stated under it.

The kernel proves what a program, matrices and numbers say. Here the network's text has to build
that program, the group's name those matrices, and each law as people read it that law's program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from conserved._version import __version__
from conserved.certificate.laws import program_of
from conserved.certificate.statement import symmetry_of
from conserved.data import Inputs
from conserved.dynamics import parse_flow
from conserved.errors import ConservedError, InputError
from conserved.files import write_whole
from conserved.kernel import reading
from conserved.kernel.certificate import Certificate as Stated
from conserved.kernel.certificate import Claim, StatedLaw, dumped
from conserved.kernel.data import DataClass, Row
from conserved.kernel.group import Symmetry
from conserved.kernel.program import Program
from conserved.kernel.reader import Reader
from conserved.kernel.statement import Statement
from conserved.law import Law, Layout, law_from_json
from conserved.losses import LOSSES
from conserved.networks import FAMILIES, Given, Network, parse_network
from conserved.problem import Problem
from conserved.symmetry import Files, files_of

_TEXTS = ("network", "loss", "symmetry", "labels", "flow")


@dataclass(frozen=True)
class Certificate:
    """A two-sided proof of a count of laws, or of an interval, that anyone can check.

    Attributes:
        problem: what was counted.
        laws: those of the lower bounds.
        claims: one for each class of data, that of the problem first.
        symmetry: the group as matrices.
        version: of the program that made it.
    """

    problem: Problem
    laws: tuple[Law, ...]
    claims: tuple[Claim, ...]
    symmetry: Symmetry | None = None
    version: str = __version__

    @property
    def certified(self) -> bool:
        """Whether every claim is."""
        return all(claim.certified for claim in self.claims)

    @cached_property
    def stated(self) -> Stated:
        """What is proved, and the names beside it."""
        words = {"problem": self.problem.to_json(), "groups": files_of(self.problem.group)}
        laws = (StatedLaw(program_of(law), law.origin, law.to_json()) for law in self.laws)
        problem = self.problem
        statement = Statement(
            problem.network.program, problem.loss, self.symmetry, problem.moves, problem.stated
        )
        return Stated(statement, tuple(laws), self.claims, self.version, words)

    def to_json(self) -> dict[str, Any]:
        """The object of ``docs/certificate.md``."""
        return self.stated.to_json()

    def text(self) -> str:
        """The content of the file: JSON, one law and one claim a line."""
        return self.stated.text()

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all; folders on the way are made.

        Raises:
            InputError: it cannot be written.
        """
        content = self.text().encode()
        try:
            Path(path).resolve().parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        except (OSError, TypeError, ValueError) as error:  # the latter two: no name of a file
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError("path", path, f"cannot be written: {reason}") from error

    def require_portable(self) -> None:
        """Refuse problems that their texts and the network's program do not build again.

        Raises:
            InputError: naming the part that is not from the grammar.
        """
        problem, group = self.problem, self.problem.group
        advice = (
            "a certificate can hold what the grammar builds (conserved list {}), and this is not"
        )
        try:
            program, metric = problem.network.program, problem.moves.metric
            rebuilt = rebuild(problem.to_json(), program, files_of(group), problem.stated, metric)
        except InputError as error:
            if error.argument == "network":
                raise
            raise InputError("symmetry", group.name, advice.format("symmetries")) from error
        if type(rebuilt.loss) is not type(problem.loss) or rebuilt.loss != problem.loss:
            raise InputError("loss", problem.loss.spec, advice.format("losses"))
        if rebuilt.group != group or rebuilt.labels != problem.labels:
            raise InputError("symmetry", group.name, advice.format("symmetries"))
        inputs = problem.inputs
        if inputs is not None and not inputs.is_named(problem.network.input_shape):
            raise InputError("inputs", inputs.name, "is the name of other inputs; take another")


def read_file(path: str | Path) -> Certificate:
    """The certificate in a file.

    Raises:
        InputError: an unreadable file, one that is no certificate, or names that do not belong to
            what it states, with the place.
    """
    LOSSES.complete()
    stated = reading.read_file(path)
    try:
        return named(stated)
    except InputError as error:
        raise InputError("path", path, f"is no valid certificate: {error}") from error


def read_text(text: str) -> Certificate:
    """The certificate that the content of a file is.

    Raises:
        InputError: as ``read_file``.
    """
    LOSSES.complete()
    return named(reading.read_text(text))


def read_json(document: Any) -> Certificate:
    """The certificate that a JSON object is.

    Raises:
        InputError: as ``read_file``.
    """
    LOSSES.complete()
    return named(reading.read_json(document))


def named(stated: Stated) -> Certificate:
    """A certificate with its names, each shown to be right.

    Raises:
        InputError: with the name that is not.
    """
    words = Reader(dict(stated.words), "certificate.words")
    words.keys("problem", "groups")
    problem = _problem(words["problem"], words["groups"], stated.statement)
    if problem.loss != stated.statement.loss:
        raise words["problem"]["loss"].error(f"what is stated is {stated.statement.loss.spec}")
    if problem.moves != stated.statement.flow:
        raise words["problem"]["flow"].error("what is stated is another flow")
    if _uncounted(_symmetry(problem, words)) != _uncounted(stated.statement.symmetry):
        raise words["problem"]["symmetry"].error("its matrices are not those stated")
    laws = tuple(_law(k, law, problem.state) for k, law in enumerate(stated.laws))
    for index, law in enumerate(laws):
        used = sum(row[0] == index for row in stated.claims[0].lower.minor.rows)
        if law.independent != used:
            place = Reader(law.independent, f"certificate.laws[{index}].words.independent")
            raise place.error(f"the minor of claims[0] has {used} rows of this law")
    return Certificate(problem, laws, stated.claims, stated.statement.symmetry, stated.version)


def rebuild(
    texts: Mapping[str, str],
    program: Program,
    files: Files,
    data: DataClass | None = None,
    metric: tuple[Row, ...] = (),
) -> Problem:
    """The problem of a certificate: its network from the grammar, or else from its program.

    Data and a metric have a name, and are what is stated.

    Raises:
        InputError: texts that build nothing, or another network than the program is.
    """
    name = texts["network"]
    if name.partition(":")[0] in FAMILIES:
        network: Network = parse_network(name)
        if network.program != program:
            advice = "its program is another network's, and this name is for what it builds"
            raise InputError("network", name, advice)
    else:
        network = Given(name, program)
    words = {key: text for key, text in texts.items() if key in ("loss", "symmetry", "labels")}
    problem = Problem.around(network, files=files, **words)  # type: ignore[arg-type]
    problem = replace(problem, flow=parse_flow(texts["flow"], metric))
    return problem if data is None else replace(problem, inputs=Inputs(texts["inputs"], data))


def _symmetry(problem: Problem, words: Reader) -> Symmetry | None:
    try:
        return symmetry_of(problem)
    except ConservedError as error:
        raise words["problem"]["symmetry"].error(str(error)) from error


def _uncounted(symmetry: Symmetry | None) -> Symmetry | None:
    """Without the number of averages, which the kernel counts."""
    if symmetry is None or symmetry.lift is None:
        return symmetry
    return replace(symmetry, lift=replace(symmetry.lift, averages=(0, 0)))


def _problem(reader: Reader, groups: Reader, stated: Statement) -> Problem:
    keys = _TEXTS if stated.data is None else (*_TEXTS, "inputs")
    reader.keys(*keys)
    texts = {key: reader[key].text(400) for key in keys}
    if not texts["network"] or texts["network"] != texts["network"].strip():
        raise reader["network"].error("a name without spaces around it is needed")
    if not isinstance(groups.value, dict):
        raise groups.error("an object is needed, matrices by the name of their file")
    for name, document in groups.value.items():
        if not isinstance(document, dict):
            raise Reader(document, f"{groups.path}.{name}").error("an object is needed")
    try:
        metric = stated.flow.metric
        problem = rebuild(texts, stated.program, groups.value, stated.data, metric)
    except InputError as error:
        if error.argument == "network" and error.given == texts["network"]:
            raise reader["network"].error(error.advice) from error
        raise
    if problem.inputs is not None and not problem.inputs.is_named(problem.network.input_shape):
        raise reader["inputs"].error("names other inputs than are stated")
    _same(reader, problem.to_json())
    _same(groups, files_of(problem.group))
    return problem


def _law(index: int, stated: StatedLaw, layout: Layout) -> Law:
    path = f"certificate.laws[{index}].words"
    law = law_from_json(dict(stated.words), layout, path)
    words = Reader(dict(stated.words), path)
    if law.origin != stated.origin:
        raise words["origin"].error(f"what is stated is {stated.origin}")
    if program_of(law) != stated.program:
        raise words["text"].error("is not the law of the program beside it")
    return law


def _same(reader: Reader, expected: Any) -> None:
    """Refuse what is not exactly this value, types included."""
    given, wanted = dumped(reader.value), dumped(expected)
    if given != wanted:
        shown = wanted if len(wanted) < 200 else "something else"
        raise reader.error(f"{shown} belongs here")
