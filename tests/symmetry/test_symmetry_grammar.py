"""The text form of symmetries: what it builds, what it refuses, and that nothing else escapes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conserved.errors import InputError, LimitError
from conserved.symmetry import (
    SYMMETRIES,
    Dihedral,
    Group,
    Hyperoctahedral,
    Negation,
    Permutation,
    Rotation,
    Shift,
    SignFlip,
    Trivial,
    parse_symmetry,
)


@pytest.mark.parametrize(
    "text, dimension, group",
    [
        ("none", 3, Trivial(3)),
        ("none:3", 3, Trivial(3)),
        ("negation", 2, Negation(2)),
        ("signflip", 5, SignFlip(5)),
        ("permutation", 4, Permutation(4)),
        ("permutation:4", 4, Permutation(4)),
        (" permutation ", 1, Permutation(1)),
        ("shift", 200, Shift(200)),
        ("hyperoctahedral", 3, Hyperoctahedral(3)),
        ("rotation:5", 2, Rotation(5)),
        ("rotation:1", 2, Rotation(1)),
        ("dihedral:6", 2, Dihedral(6)),
    ],
)
def test_builds(text, dimension, group):
    built = parse_symmetry(text, dimension)
    assert built == group
    assert parse_symmetry(built.name, dimension) == group
    assert parse_symmetry(built.sized, dimension) == group


@pytest.mark.parametrize(
    "text, dimension, advice",
    [
        ("permutation:4", 3, "acts on 4 coordinates but the input has 3 features"),
        ("negation:1", 2, "acts on 1 coordinate but the input has 2 features"),
        ("rotation:5", 3, "acts on 2 coordinates but the input has 3 features"),
        ("dihedral:5", 1, "acts on 2 coordinates but the input has 1 feature"),
        ("permutaton", 3, "unknown name; did you mean 'permutation'?"),
        ("permutation=3", 3, "did you mean 'permutation'?"),
        ("zzz", 3, "unknown name; known: dihedral, hyperoctahedral, negation, none,"),
        ("", 3, "unknown name; known:"),
        (":", 3, "unknown name; known:"),
        ("rotation", 2, "usage rotation:K, where K, the number of rotations, is a positive"),
        ("rotation:", 2, "usage rotation:K"),
        ("rotation:2.5", 2, "usage rotation:K"),
        ("rotation:-3", 2, "usage rotation:K"),
        ("rotation:0", 2, "usage rotation:K"),
        ("rotation:1e3", 2, "usage rotation:K"),
        ("rotation:٣", 2, "usage rotation:K"),
        ("rotation:3:4", 2, "usage rotation:K"),
        ("permutation:", 4, "usage permutation[:N], where N, the size of the input, is"),
        ("permutation:four", 4, "usage permutation[:N]"),
        ("none:" + "9" * 500, 4, "longer than 400 characters"),
    ],
)
def test_refuses_with_advice(text, dimension, advice):
    with pytest.raises(InputError) as caught:
        parse_symmetry(text, dimension)
    assert caught.value.argument == "symmetry"
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    "text, dimension, message",
    [
        ("rotation:10001", 2, "symmetry 'rotation': size 10,001; the limit is 10,000"),
        ("rotation:1" + 30 * "0", 2, "size about 10^30; the limit is 10,000"),
        ("dihedral:" + 390 * "9", 2, "size about 10^390; the limit is 10,000"),
        ("permutation", 1_000_000, "size 1,000,000; the limit is 4,096"),
        ("signflip", 784, "size 784; the limit is 256"),
    ],
)
def test_refuses_absurd_sizes(text, dimension, message):
    with pytest.raises(LimitError) as caught:
        parse_symmetry(text, dimension)
    assert message in str(caught.value)


def test_the_registry_says_all_that_a_list_needs():
    assert SYMMETRIES["permutation"].usage == "permutation[:N]"
    assert SYMMETRIES["rotation"].usage == "rotation:K"
    for name, symmetry in SYMMETRIES.items():
        assert name == symmetry.name
        assert symmetry.summary
        assert symmetry.meaning
        assert parse_symmetry(name if symmetry.optional else f"{name}:3", 2).name.startswith(name)


names = st.sampled_from([*SYMMETRIES, "icosahedral", "orthogonal", "grid-flip", "2xpermutation"])
separators = st.sampled_from(["", ":", "::", "=", "+", ",", " ", ":-", ":0", "\n", "\0", "x"])
numbers = st.one_of(
    st.integers(-(10**40), 10**40).map(str),
    st.floats().map(str),
    st.text(max_size=8),
    st.sampled_from(["", "³", "५", "0x10", "1_0", "none", "9" * 5000, "1" + "0" * 30]),
)
texts = st.one_of(
    st.text(),
    st.tuples(names, separators, numbers).map("".join),
    st.tuples(names, st.text(max_size=3), names, separators, numbers).map("".join),
    st.tuples(names, st.integers(0, 12)).map(lambda pair: pair[0][: pair[1]]),
)


@settings(max_examples=1000, deadline=None)
@given(text=texts, dimension=st.integers(1, 6))
def test_only_one_line_errors_escape(text, dimension):
    try:
        group = parse_symmetry(text, dimension)
    except (InputError, LimitError) as error:
        message = str(error)
    else:
        message = group.describe()
        assert isinstance(group, Group)
        assert group.dimension == dimension
    assert message.isprintable()
    assert len(message) < 300
