"""Laws as JSON: what is written is read, and nothing else is."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from time import process_time

import pytest
from hypothesis import strategies as st

from conserved.errors import InputError
from conserved.law import Layout, law_from_json
from tests.cli.shell import environment
from tests.fuzz import fuzzed
from tests.law.strategies import EXAMPLES, LAWS, LAYOUT

JUNK = st.one_of(
    st.sampled_from(
        [None, True, False, -1, 0, 1, 10**30, 1.0, float("nan"), float("inf"), "", "1", "1/0", "-0"]
    ),
    st.sampled_from(["2/4", "W9", "cos(pi/0)", "range", "\x1b[2J", "__import__('os')", "9" * 300]),
    st.sampled_from([[], {}, [[]], [1, 2, 3], {"tensor": "W1"}, [["1", [0]]]]),
)


def places(value, path=()):
    """Every way to a value inside."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


@fuzzed(20, 100, law=LAWS)
def test_round_trip(law):
    text = json.dumps(law.to_json())
    again = law_from_json(json.loads(text), LAYOUT)
    assert again == law
    assert json.dumps(again.to_json()) == text


@fuzzed(100, 400, law=st.sampled_from(list(EXAMPLES.values())), data=st.data())
def test_a_mutation_is_refused_or_read_to_the_letter(law, data):
    """Whatever is accepted says of itself exactly what the file says."""
    document = json.loads(json.dumps(law.to_json()))
    path = data.draw(st.sampled_from(list(places(document))))
    how = data.draw(st.sampled_from(["replace", "delete", "add", "repeat"]))
    if not path:
        document = data.draw(JUNK)
    else:
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        if how == "replace":
            holder[path[-1]] = data.draw(JUNK)
        elif how == "delete":
            del holder[path[-1]]
        elif how == "add" and isinstance(holder, dict):
            holder["colour"] = data.draw(JUNK)
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
    try:
        read = law_from_json(document, LAYOUT)
    except InputError as caught:
        message = str(caught)
    else:
        assert json.dumps(read.to_json(), sort_keys=True) == json.dumps(document, sort_keys=True)
        return
    assert message.startswith("law")
    assert message.isprintable()


@pytest.mark.parametrize("law", EXAMPLES.values(), ids=EXAMPLES.keys())
@pytest.mark.parametrize("key", ["name", "kind", "text", "latex"])
def test_words_belong_to_the_data(law, key):
    document = law.to_json() | {key: "W1 W1ᵀ − W2ᵀ W2"}
    if key == "kind":
        document[key] = "linear"
    with pytest.raises(InputError, match=rf"law\.{key}.*does not belong"):
        law_from_json(document, LAYOUT)


def test_another_layout_is_another_law():
    document = EXAMPLES["gram"].to_json()
    with pytest.raises(InputError, match=r"law\.terms.*equal numbers of rows"):
        law_from_json(document, Layout((("W1", (3, 4)), ("b1", (2,)), ("W2", (2, 3)))))


HUGE = {
    "degree": ("polynomial", ["components"], [[["1", [0] * 100_000]]]),
    "table": (
        "polynomial",
        ["components"],
        [[["1", [0] * 64], *([str(i), [i % 20, i // 20 % 20]] for i in range(1, 90_000))]],
    ),
    "terms": ("polynomial", ["components"], [[["1", [0]]] * 1_000_001]),
    "coefficient": ("polynomial", ["components"], [[["9" * 100_000, [0]]]]),
    "position": ("polynomial", ["components"], [[["1", [10**18]]]]),
    "parts": ("range", ["parts"], [{"tensor": "W1", "axis": 1, "matrix": [["1"] * 4]}] * 5000),
    "rows": (
        "range",
        ["parts"],
        [{"tensor": "W1", "axis": 1, "matrix": [["1"] * 4] * 200_000}],
    ),
    "roots": (
        "range",
        ["parts"],
        [{"tensor": "W1", "axis": 1, "matrix": [["sqrt(9973)", "sqrt(9967)", "1", "1"]] * 3}],
    ),
    "words": (
        "range",
        ["parts"],
        [
            {
                "tensor": "W1",
                "axis": 1,
                "matrix": [[str(4 * i + j) for j in range(4)] for i in range(9000)],
            }
        ],
    ),
    "expression": (
        "range",
        ["parts"],
        [{"tensor": "W1", "axis": 1, "matrix": [["(" * 150 + "1" + ")" * 49, "1", "1", "1"]]}],
    ),
    "vectors": ("range", ["vectors"], list(range(100_000))),
    "title": ("polynomial", ["title"], "x" * 10**6),
    "independent": ("gram", ["independent"], 10**9),
    "nesting": ("gram", ["terms"], None),
}


@pytest.mark.parametrize("name", HUGE)
def test_what_is_too_large_is_refused_at_once(name):
    which, (key,), value = HUGE[name]
    if name == "nesting":
        value = []
        for _ in range(100_000):
            value = [value]
    document = EXAMPLES[which].to_json() | {key: value}
    start = process_time()
    with pytest.raises(InputError) as error:
        law_from_json(document, LAYOUT)
    assert process_time() - start < 3
    assert len(str(error.value)) < 400
    while name == "nesting" and value:  # or the garbage collector would recurse
        value = value.pop()


BLOCKED = """
import sys
sys.modules.update(flint=None, torch=None, scipy=None, sympy=None)
import json, numpy
from conserved.law import Layout, law_from_json
layout = Layout(tuple((name, tuple(shape)) for name, shape in json.loads(sys.argv[1])))
for document in json.loads(sys.stdin.read()):
    law = law_from_json(document, layout)
    theta = numpy.arange(1.0, 1.0 + layout.size) ** 2
    print(law.value(theta).size + law.gradient(theta).shape[0])
"""


def test_laws_load_without_exact_algebra_and_torch():
    """A training node has NumPy; neither python-flint nor, for loading, torch."""
    documents = json.dumps([law.to_json() for law in EXAMPLES.values()])
    command = [sys.executable, "-c", BLOCKED, json.dumps(LAYOUT.tensors)]
    result = subprocess.run(
        command, env=environment(), input=documents, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    sizes = [2 * law.size for law in EXAMPLES.values()]
    assert result.stdout.split() == [str(size) for size in sizes]
