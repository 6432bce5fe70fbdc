"""Label matrices of continuous groups: true representations pass, all others are refused."""

from __future__ import annotations

import json
from time import process_time

import numpy as np
import pytest

from conserved.errors import InputError
from conserved.symmetry import parse_symmetry

J = np.array([[0, -1], [1, 0]])
MIRROR = np.diag([1, -1])
E1, E2, E3 = (
    np.array(rows)
    for rows in (
        [[0, 0, 0], [0, 0, -1], [0, 1, 0]],
        [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
        [[0, -1, 0], [1, 0, 0], [0, 0, 0]],
    )
)
# half of the left multiplications by i, j, k on the quaternions: so(3), but not SO(3)
LEFT = [
    np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]]),
    np.array([[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]]),
    np.array([[0, 0, 0, -1], [0, 0, -1, 0], [0, 1, 0, 0], [1, 0, 0, 0]]),
]
ONE = [[1]]
ZERO = [[0]]


def symmetric_traceless(x: np.ndarray) -> np.ndarray:
    """Of a rotation generator on R³: S ↦ X S + S Xᵀ on the 9 entries of S."""
    return np.kron(x, np.eye(3, dtype=int)) + np.kron(np.eye(3, dtype=int), x)


def texts(matrices) -> list:
    return [[[str(v) for v in row] for row in np.asarray(m).tolist()] for m in matrices]


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(generators, infinitesimal, labels, label_infinitesimal):
        document = {
            "schema": "conserved.group/1",
            "generators": texts(generators),
            "infinitesimal": texts(infinitesimal),
            "labels": texts(labels),
            "label_infinitesimal": texts(label_infinitesimal),
        }
        (tmp_path / "g.json").write_text(json.dumps(document), encoding="utf-8")
        size = len((list(generators) + list(infinitesimal))[0])
        return parse_symmetry("g.json", size)

    return read


def halves(matrices) -> list:
    return [[[f"{v}/2" for v in row] for row in m.tolist()] for m in matrices]


TRUE = {
    "turns twice as fast": ([], [J], [], [2 * J]),
    "turns and rests": ([], [J], [], [np.zeros((2, 2), int)]),
    "O(2) by itself": ([MIRROR], [J], [MIRROR], [J]),
    "O(2) by its determinant": ([MIRROR], [J], [[[-1]]], [ZERO]),
    "O(2) by double angles": ([MIRROR], [J], [MIRROR], [3 * J]),
    "SO(3) by itself": ([], [E1, E2, E3], [], [E1, E2, E3]),
    "SO(3) from two planes": ([], [E1, E2], [], [E1, E2]),
    "SO(3) on symmetric matrices": (
        [],
        [E1, E2],
        [],
        [symmetric_traceless(E1), symmetric_traceless(E2)],
    ),
    "O(3) by axial vectors": ([-np.eye(3, dtype=int)], [E1, E2], [np.eye(3, dtype=int)], [E1, E2]),
    "U(1) and a shift of its copies": (
        [np.kron([[0, 1], [1, 0]], np.eye(2, dtype=int))],
        [np.kron(np.eye(2, dtype=int), J)],
        [[[-1, 0], [0, -1]]],
        [J],
    ),
    "a dense rotation": (
        [[["3/5", "-4/5"], ["4/5", "3/5"]]],
        [],
        [[["-7/25", "-24/25"], ["24/25", "-7/25"]]],
        [],
    ),
    "a quarter turn inside SO(2)": ([J], [J], [J], [J]),
    "SU(2) by its double cover of SO(3)": ([], LEFT[:2], [], [2 * E1, 2 * E2]),
}

FALSE = {
    "[X1, X2] = X3 only on inputs": (
        ([], [E1, E2, E3], [], [E1, E2, 2 * E3]),
        "the bracket of infinitesimal generator 2 with infinitesimal generator 1 is a combination",
    ),
    "a sign of a structure constant": (
        ([], [E1, E2, E3], [], [E1, E2, -E3]),
        "the bracket of infinitesimal generator 2 with infinitesimal generator 1 is a combination",
    ),
    "a combination": (
        ([], [J, 2 * J], [], [J, 3 * J]),
        "infinitesimal generator 2 is a combination of those before it",
    ),
    "commute only on inputs": (
        (
            [],
            [np.kron(np.diag([1, 0]), J), np.kron(np.diag([0, 1]), J)],
            [],
            [E1, E2],
        ),
        "the bracket of infinitesimal generator 2 with infinitesimal generator 1 vanishes",
    ),
    "the mirror does not turn labels round": (
        ([MIRROR], [J], [np.eye(2, dtype=int)], [J]),
        "infinitesimal generator 1, turned by generator 1,",
    ),
    "half a turn": (
        ([], [J], [], halves([J])),
        "a full turn along infinitesimal generator 1 is the identity, along",
    ),
    "an irrational turn": (([], [J], [], [[[0, "-sqrt(2)"], ["sqrt(2)", 0]]]), "a full turn along"),
    "spinors": (
        ([], [E1, E2], [], halves(LEFT[:2])),
        "a full turn along infinitesimal generator 1",
    ),
    "a quarter turn that is none on labels": (
        ([J], [J], [np.eye(2, dtype=int)], [J]),
        "its generators and quarter turns make 4 elements, with labels 16 elements",
    ),
    "a mirror of order four": (
        ([MIRROR], [J], [np.kron(J, np.eye(2, dtype=int))], [np.kron(np.diag([1, -1]), J)]),
        "with labels",
    ),
    "commuting turns without end": (
        (
            [
                [["3/5", "-4/5"], ["4/5", "3/5"]],
                [["5/13", "-12/13"], ["12/13", "5/13"]],
            ],
            [],
            [MIRROR, [["3/5", "-4/5"], ["4/5", "3/5"]]],
            [],
        ),
        "the commutator of generator 1 and generator 2 has order 1, for its label",
    ),
}


@pytest.mark.parametrize("case", TRUE)
def test_true_representations_are_read(read, case):
    assert read(*TRUE[case]).label_moves is not None


@pytest.mark.parametrize("case", FALSE)
def test_false_ones_are_refused_with_the_generators(read, case):
    keys, words = FALSE[case]
    with pytest.raises(InputError) as caught:
        read(*keys)
    message = str(caught.value)
    assert message.startswith("symmetry 'g.json': the label matrices do not represent the group: ")
    assert words in message
    assert message.isprintable()
    assert len(message) < 300


@pytest.mark.parametrize("n", [4, 6])
def test_one_changed_entry_of_so_n_is_refused(read, n):
    planes = []
    for i in range(n - 1):
        x = np.zeros((n, n), dtype=int)
        x[i, i + 1], x[i + 1, i] = -1, 1
        planes.append(x)
    flip = np.diag([-1] + [1] * (n - 1))
    assert read([flip], planes, [flip], planes).label_turns is not None
    for at in (0, n - 2):
        wrong = [x.copy() for x in planes]
        wrong[at] = wrong[at] * 2
        with pytest.raises(InputError, match="do not represent the group"):
            read([flip], planes, [flip], wrong)


def test_large_groups_take_no_time(read):
    n = 16
    planes = []
    for i in range(n - 1):
        x = np.zeros((n, n), dtype=int)
        x[i, i + 1], x[i + 1, i] = -1, 1
        planes.append(x)
    start = process_time()
    read([np.roll(np.eye(n, dtype=int), 1, axis=0)], planes, [[[-1]]], [ZERO] * (n - 1))
    assert process_time() - start < 5
