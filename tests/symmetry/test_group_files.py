"""Groups from JSON files: equal to the named ones, and every planted error is named."""

import json
from math import cos, inf, isnan, pi, sin
from time import process_time

import numpy as np
import pytest

from conserved.errors import InputError, LimitError
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import residues
from conserved.symmetry import (
    Copies,
    Icosahedral,
    Permutation,
    Represented,
    Rotation,
    enumerate_group,
    parse_symmetry,
    read_group,
    require_enumerable,
)

TURN = [["cos(2*pi/5)", "-sin(2*pi/5)"], ["sin(2*pi/5)", "cos(2*pi/5)"]]
MIRROR = [[1, 0], [0, -1]]
QUARTER = [[0, -1], [1, 0]]
CYCLE = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
SWAP = [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a document to group.json in the working directory and return that name."""
    monkeypatch.chdir(tmp_path)

    def write(document=None, **keys):
        if document is None:
            document = json.dumps({"schema": "conserved.group/1", **keys})
        (tmp_path / "group.json").write_text(document, encoding="utf-8")
        return "group.json"

    return write


def matrices(*generators):
    return [[[str(entry) for entry in row] for row in g] for g in generators]


class TestGroups:
    @pytest.mark.parametrize("index", [0, 1])
    def test_rotations_by_a_fifth_of_a_turn(self, write, index):
        group = parse_symmetry(write(generators=[TURN], name="fivefold"), 2)
        assert (group.order, group.roots, group.signs) == (5, 5, (1,))
        assert group.describe() == "fivefold, 2 coordinates, 5 elements"
        ring = residues(prime_with_roots(5, index=index))
        for scalars in (ring, Reals()):
            ours, named = (enumerate_group(g, scalars) for g in (group, Rotation(5)))
            np.testing.assert_allclose(ours.matrices, named.matrices, atol=1e-12)

    def test_permutations(self, write):
        group = parse_symmetry(write(generators=[SWAP, CYCLE]), 3)
        assert (group.order, group.roots, group.signs) == (6, 1, (-1, 1))
        ours, named = (enumerate_group(g, Reals()) for g in (group, Permutation(3)))
        assert {m.tobytes() for m in ours.matrices} == {m.tobytes() for m in named.matrices}
        assert ours.signs.sum() == named.signs.sum()

    def test_the_icosahedral_group(self, write):
        half, golden = "1/2", "(1+sqrt(5))/4"
        small = "(sqrt(5)-1)/4"
        turn = [
            [small, golden, "-0.5"],
            ["-" + golden, half, small],
            [half, small, golden],
        ]
        group = parse_symmetry(write(generators=[CYCLE, turn]), 3)
        assert (group.order, group.roots) == (60, 5)
        ring = residues(prime_with_roots(5))
        assert (group.generators(ring) == Icosahedral().generators(ring)).all()

    def test_it_is_a_value_that_its_name_builds_again(self, write):
        path = write(generators=[TURN])
        group = parse_symmetry(path, 2)
        assert parse_symmetry(group.name, 2) == parse_symmetry(group.sized, 2) == group
        assert hash(parse_symmetry(path, 2)) == hash(group)
        assert repr(group) == "FileGroup(dimension=2, source='group.json', title='')"
        assert parse_symmetry(f"2x{path}+none:1", 5).order == 5

    def test_continuous(self, write):
        group = parse_symmetry(write(generators=[MIRROR], infinitesimal=[QUARTER]), 2)
        assert group.order == inf
        assert not group.finite
        assert group.signs == (-1,)
        assert group.infinitesimal(Reals()).tolist() == [QUARTER]
        with pytest.raises(LimitError, match=r"symmetry 'group\.json': the group is infinite; "):
            require_enumerable(group)
        only = parse_symmetry(write(generators=[], infinitesimal=[QUARTER]), 2)
        assert only.generators(Reals()).shape == (0, 2, 2)
        assert only.infinitesimal_count == 1

    def test_infinite_without_infinitesimal_generators_is_unknown(self, write):
        group = parse_symmetry(write(generators=[[["3/5", "-4/5"], ["4/5", "3/5"]]]), 2)
        assert isnan(group.order)
        assert not group.finite
        assert not group.trivial
        assert "an unknown number of elements" in group.describe()
        with pytest.raises(LimitError, match="the group is infinite or too large; explicit orbits"):
            enumerate_group(group, Reals())
        assert isnan((group * Permutation(3)).order)

    def test_too_large_to_list_is_unknown_too(self, write):
        identity = np.eye(10, dtype=int)
        swap, cycle = identity[[1, 0, *range(2, 10)]], np.roll(identity, 1, axis=0)
        group = parse_symmetry(write(generators=matrices(swap, cycle)), 10)
        start = process_time()
        assert isnan(group.order)
        assert process_time() - start < 2
        assert group.signs == (-1, -1)

    def test_the_identity_alone_is_trivial(self, write):
        assert parse_symmetry(write(generators=[[[1, 0], [0, "2/2"]]]), 2).trivial

    def test_decimals_count_as_fractions(self, write):
        group = parse_symmetry(write(generators=[[[0.6, -0.8], [0.8, 0.6]]]), 2)
        ring = residues(prime_with_roots(1))
        assert ring.mul(group.generators(ring)[0, 0, 0], ring.from_integers(5)) == 3

    def test_512_coordinates(self, write):
        flip = np.diag([-1] + [1] * 511)
        text = json.dumps({"schema": "conserved.group/1", "generators": [flip.tolist()]})
        assert parse_symmetry(write(text.replace(" ", "")), 512).order == 2


class TestLabels:
    def test_a_second_representation(self, write):
        path = write(generators=[TURN, MIRROR], labels=[CYCLE_5, FLIP_5])
        group, labels = parse_symmetry(path, 2), Represented()
        assert group.order == 10
        labels.check(group, (5,))
        ring = residues(prime_with_roots(5))
        elements = enumerate_group(group, ring)
        y = ring.random(np.random.default_rng(0), (3, 5))
        orbit = labels.act(elements, y, ring)
        assert orbit.shape == (3, 10, 5)
        assert (orbit[:, 0] == y).all()
        index = {ring.canonical(g).tobytes(): i for i, g in enumerate(elements.matrices)}
        moves = labels.matrices(group, ring, 5)
        for g, move in zip(group.generators(ring), moves, strict=True):
            assert (orbit[:, index[ring.canonical(g).tobytes()]] == ring.matmul(y, move.T)).all()
        for a, b in np.ndindex(10, 10):
            product = ring.matmul(elements.matrices[a], elements.matrices[b])
            together = elements.labels[index[ring.canonical(product).tobytes()]]
            assert (ring.matmul(elements.labels[a], elements.labels[b]) == together).all()

    def test_copies_keep_it(self, write):
        group = parse_symmetry("2x" + write(generators=[TURN], labels=[CYCLE_5]), 4)
        Represented().check(group, (5,))
        assert enumerate_group(group, Reals()).labels.shape == (5, 5, 5)
        assert isinstance(group, Copies)

    def test_continuous(self, write):
        twice = [[0, -2], [2, 0]]
        path = write(infinitesimal=[QUARTER], label_infinitesimal=[twice])
        group = parse_symmetry(path, 2)
        assert Represented().infinitesimal(group, Reals(), 2).tolist() == [twice]
        assert Represented().matrices(group, Reals(), 2).shape == (0, 2, 2)

    def test_outputs_of_another_width(self, write):
        group = parse_symmetry(write(generators=[TURN], labels=[CYCLE_5]), 2)
        with pytest.raises(InputError, match=r"have width 2 but the label matrices .* 5;"):
            Represented().check(group, (2,))

    def test_no_representation(self, write):
        path = write(generators=[TURN], labels=[QUARTER])
        with pytest.raises(InputError) as caught:
            parse_symmetry(path, 2)
        assert "do not represent the group: it has 5 elements, with labels 20 elements" in str(
            caught.value
        )


CYCLE_5 = np.roll(np.eye(5, dtype=int), 1, axis=0).tolist()
FLIP_5 = np.eye(5, dtype=int)[[0, 4, 3, 2, 1]].tolist()
COS, SIN = round(cos(2 * pi / 5), 3), round(sin(2 * pi / 5), 3)


class TestRefusals:
    def refused(self, path):
        with pytest.raises(InputError) as caught:
            parse_symmetry(path, 2)
        message = str(caught.value)
        assert caught.value.argument == "symmetry"
        assert message.startswith("symmetry '")
        assert message.isprintable()
        assert len(message) < 300
        return message

    def test_rounded_matrices_show_the_residual(self, write):
        message = self.refused(write(generators=[MIRROR, [[COS, -SIN], [SIN, COS]]]))
        residual = abs(COS**2 + SIN**2 - 1)
        assert message == (
            "symmetry 'group.json': generator 2 is not orthogonal: largest entry of g gᵀ − 1 is "
            f'{residual:.1e}; give exact entries such as "cos(2*pi/5)" '
            "(it is [[0.309, -0.951], [0.951, 0.309]])"
        )

    def test_sixteen_digits_are_still_not_exact(self, write):
        turn = [[cos(2), -sin(2)], [sin(2), cos(2)]]
        assert "generator 1 is not orthogonal" in self.refused(write(generators=[turn]))

    @pytest.mark.parametrize(
        "keys, advice",
        [
            ({"generators": [[[1, 1], [0, 1]]]}, "generator 1 is not orthogonal: largest entry"),
            ({"generators": [[[2, 0], [0, 2]]]}, "of g gᵀ − 1 is 3.0e+00 (it is [[2, 0], [0, 2]])"),
            ({"generators": [MIRROR, [[1, 0]]]}, "generator 2 is not square, with 1 to 512 rows"),
            ({"generators": [[]]}, "generator 1 is not square"),
            ({"generators": [MIRROR, CYCLE]}, "generator 2 has size 3, generator 1 has 2"),
            ({"generators": [[1, 2], [3, 4]]}, "generator 1 is not a list of rows"),
            ({"generators": {"a": 1}}, '"generators" is a list of at most 64 matrices'),
            ({"generators": [MIRROR] * 65}, '"generators" is a list of at most 64 matrices'),
            ({"generators": []}, '"generators" needs at least one matrix'),
            ({}, '"generators" needs at least one matrix'),
            (
                {"generators": [[[1, "x"], [0, 1]]]},
                "generator 1, row 1, column 2, 'x': an entry is",
            ),
            ({"generators": [[["\n", 0], [0, 1]]]}, "row 1, column 1, '?': an entry is made from"),
            ({"generators": [[[True, 0], [0, 1]]]}, "row 1, column 1: an entry is a number or a"),
            ({"generators": [[[[1], 0], [0, 1]]]}, "row 1, column 1: an entry is a number or a"),
            ({"generators": [[["1e0", 0], [0, 1]]]}, "row 1, column 1, '1e0': an entry is made"),
            ({"generators": [[["1/(2*cos(pi/3)-1)"]]]}, "'1/(2*cos(pi/3)-1)' divides by zero"),
            (
                {
                    "generators": [
                        [["cos(2*pi/9973)/cos(2*pi/9973)"]],
                        [["-cos(2*pi/9967)/cos(2*pi/9967)"]],
                    ]
                },
                "together the entries need roots of unity of order 99,400,891; the limit",
            ),
            ({"infinitesimal": [[[0, 1], [1, 0]]]}, "infinitesimal generator 1 is not antisymm"),
            ({"infinitesimal": [[[0, 0], [0, 0]]]}, "infinitesimal generator 1 is zero: leave it"),
            ({"generators": [CYCLE], "infinitesimal": [QUARTER]}, "generator 1 has size 3, infini"),
            ({"generators": [MIRROR], "labels": [[[2]]]}, "label matrix 1 is not orthogonal"),
            (
                {"generators": [MIRROR], "labels": [[[1]], [[1]]]},
                '"labels" has length 2, "generators" 1: labels need',
            ),
            (
                {"generators": [MIRROR], "label_infinitesimal": [[[0]]]},
                '"labels" has length 0, "generators" 1: labels need',
            ),
            (
                {"infinitesimal": [QUARTER], "label_infinitesimal": [[[0, 1], [1, 0]]]},
                "infinitesimal label matrix 1 is not antisymmetric",
            ),
            (
                {"generators": [MIRROR], "generator": 1},
                "unknown key 'generator'; did you mean 'gen",
            ),
            (
                {"generators": [MIRROR], "name": ["a"]},
                '"name" is one line of at most 80',
            ),
            ({"generators": [MIRROR], "name": "a\nb"}, '"name" is one line of at most 80'),
        ],
    )
    def test_contents(self, write, keys, advice):
        assert advice in self.refused(write(**keys))

    @pytest.mark.parametrize(
        "document, advice",
        [
            ("", "no JSON: Expecting value at line 1, column 1"),
            ('{"schema": ', "no JSON: Expecting value at line 1"),
            ("[1]", 'a JSON object with "schema" and "generators" is needed'),
            ("{}", 'its "schema" is not "conserved.group/1"'),
            ('{"schema": "conserved.group/2"}', 'its "schema" is not "conserved.group/1"'),
            ('{"schema": NaN}', "no JSON: NaN is no number"),
            ("[" * 100_000, "no JSON in UTF-8 of reasonable depth"),
            (" " * 1_000_001, "longer than 1,000,000 bytes"),
        ],
        ids=lambda value: value[:20],
    )
    def test_documents(self, write, document, advice):
        assert advice in self.refused(write(document))

    def test_bytes_that_are_no_text(self, write, tmp_path):
        write("")
        (tmp_path / "group.json").write_bytes(b"\xff\xfe")
        assert "no JSON in UTF-8" in self.refused("group.json")

    def test_paths(self, write, tmp_path):
        write("{}")
        (tmp_path / "folder.json").mkdir()
        assert "no such file" in self.refused("missing.json")
        assert "not a file" in self.refused("folder.json")
        assert "cannot be read" in self.refused("a" * 300 + ".json")
        for name in ("a+b.json", "2xa.json", "a(1).json", " a.json", "a\nb.json"):
            with pytest.raises(InputError, match=r"the path of a group file has no \+"):
                read_group(name)

    def test_dimensions(self, write):
        path = write(generators=[CYCLE])
        assert "acts on 3 coordinates but the input has 2 features" in self.refused(path)
