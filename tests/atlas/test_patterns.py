"""Brace patterns: what they stand for, and one clear line for those that stand for nothing."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserved.atlas import SWEEP_LIMIT, expand, expand_all
from conserved.errors import ConservedError, InputError, LimitError

WORDS = st.text(alphabet="abz019:-=.", min_size=1, max_size=4).filter(lambda word: ".." not in word)
RANGES = st.tuples(st.integers(0, 12), st.integers(0, 4)).map(lambda r: (r[0], r[0] + r[1]))
ALTERNATIVES = st.one_of(WORDS, RANGES)
PIECES = st.lists(
    st.tuples(
        st.text(alphabet="ab:,-", max_size=3), st.lists(ALTERNATIVES, min_size=1, max_size=3)
    ),
    max_size=3,
)


def written(alternative):
    return alternative if isinstance(alternative, str) else "{}..{}".format(*alternative)


def meant(alternative):
    if isinstance(alternative, str):
        return [alternative]
    return [str(number) for number in range(alternative[0], alternative[1] + 1)]


@given(PIECES, st.text(alphabet="ab:,-", max_size=3))
def test_a_pattern_stands_for_the_product_of_its_braces(pieces, tail):
    pattern = "".join(f"{text}{{{','.join(map(written, items))}}}" for text, items in pieces) + tail
    choices = [[text + word for item in items for word in meant(item)] for text, items in pieces]
    assert expand(pattern) == tuple("".join(words) + tail for words in product(*choices))


@given(st.text(alphabet="ab{},.019", max_size=20))
def test_any_text_expands_or_is_refused_in_one_line(text):
    try:
        said = "".join(expand(text, "--loss"))
    except ConservedError as error:
        said = str(error).removeprefix("--loss ").replace(text, "")
        said = said.replace("'{'", "").replace("'}'", "").replace("{a,b} or {2..16}", "")
        said = said.replace("{2..16}", "")
    assert not {"{", "}", "\n"} & set(said)


@given(st.text(alphabet="ab:-,=.019", max_size=20))
def test_text_without_braces_stands_for_itself(text):
    assert expand(text) == (text,)


@pytest.mark.parametrize(
    "pattern,advice",
    [
        ("rotation:{2..16", "a '{' without its '}'"),
        ("rotation:2}", "a '}' without its '{'"),
        ("a{b{c}}", "braces do not nest"),
        ("rotation:{}", "an alternative is empty"),
        ("poly:{2,,3}", "an alternative is empty"),
        ("poly:{2..x}", "'2..x' is no range"),
        ("poly:{2...4}", "'2...4' is no range"),
        ("poly:{-1..4}", "'-1..4' is no range"),
        ("poly:{6..2}", "the range 6..2 goes down"),
        ("x" * 401, "longer than 400 characters"),
    ],
)
def test_bad_patterns_say_why(pattern, advice):
    with pytest.raises(InputError, match="--network") as caught:
        expand(pattern, "--network")
    assert advice in str(caught.value)


@pytest.mark.parametrize("pattern", ["rotation:{1..999999999}", "{1..999}-{1..999}-{1..999}"])
def test_a_pattern_that_is_too_large_names_the_number(pattern):
    with pytest.raises(LimitError, match=f"99[0-9,]+ texts; the limit is {SWEEP_LIMIT:,}"):
        expand(pattern)


def test_ranges_and_words_mix_and_repeats_are_dropped():
    assert expand("{2..4,8}") == ("2", "3", "4", "8")
    assert expand_all(["r:{2..4}", "r:{4,3,9}"], "--symmetry") == ("r:2", "r:3", "r:4", "r:9")
