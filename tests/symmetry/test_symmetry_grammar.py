"""The text form of symmetries: what it builds, what it refuses, and that nothing else escapes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conserved.errors import InputError, LimitError
from conserved.symmetry import (
    SYMMETRIES,
    Copies,
    Dihedral,
    DirectSum,
    GridDihedral,
    GridFlip,
    GridRotation,
    GridShift,
    Group,
    Hyperoctahedral,
    Icosahedral,
    Negation,
    Octahedral,
    Orthogonal,
    Permutation,
    Rotation,
    Shift,
    SignFlip,
    SpecialOrthogonal,
    Tetrahedral,
    Trivial,
    parse_symmetry,
)
from tests.fuzz import fuzzed


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
        ("tetrahedral", 3, Tetrahedral()),
        ("octahedral", 3, Octahedral()),
        ("icosahedral", 3, Icosahedral()),
        ("orthogonal", 8, Orthogonal(8)),
        ("special-orthogonal:1", 1, SpecialOrthogonal(1)),
        ("grid-rotation:3x3", 9, GridRotation(3, 3)),
        ("grid-flip:2x3", 6, GridFlip(2, 3)),
        ("grid-dihedral:3x3", 9, GridDihedral(3, 3)),
        ("grid-dihedral:2x3", 6, GridDihedral(2, 3)),
        ("grid-shift:1x5", 5, GridShift(1, 5)),
        ("permutation:4+none:2", 6, Permutation(4) * Trivial(2)),
        ("orthogonal:7+none:1", 8, Orthogonal(7) * Trivial(1)),
        (" icosahedral + rotation:3 ", 5, Icosahedral() * Rotation(3)),
        ("none:1+(none:2+none:3)", 6, DirectSum(Trivial(1), Trivial(2), Trivial(3))),
        ("2xpermutation:5", 10, Copies(2, Permutation(5))),
        ("2xpermutation", 10, Copies(2, Permutation(5))),
        ("2x3xrotation:4", 12, Copies(2, Copies(3, Rotation(4)))),
        ("1xgrid-flip:2x2", 4, Copies(1, GridFlip(2, 2))),
        ("2xshift:2+none:1", 5, Copies(2, Shift(2)) * Trivial(1)),
        ("2x(shift:2+none:1)", 6, Copies(2, Shift(2) * Trivial(1))),
        ("(permutation)", 3, Permutation(3)),
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
        (
            "zzz",
            3,
            "unknown name; known: dihedral, grid-dihedral, grid-flip, grid-rotation,",
        ),
        ("icosahedral:3", 3, "usage icosahedral; it takes no number"),
        ("icosahedral:", 3, "usage icosahedral; it takes no number"),
        ("icosahedral", 4, "acts on 3 coordinates but the input has 4 features"),
        ("grid-flip", 4, "usage grid-flip:HxW, where HxW, the height and width of the image, are"),
        ("grid-flip:4", 4, "usage grid-flip:HxW"),
        ("grid-flip:2x2x2", 8, "usage grid-flip:HxW"),
        ("grid-flip:0x2", 8, "usage grid-flip:HxW"),
        ("rotation:2x2", 4, "usage rotation:K"),
        ("permutation+none:2", 4, "'permutation': a part of a sum needs its size, as in permutati"),
        ("none:2+2xshift", 4, "'shift': a part of a sum needs its size, as in shift:4"),
        ("permutation:2+none:1", 4, "acts on 3 coordinates but the input has 4 features"),
        ("permutation:2+nune:1", 3, "symmetry 'nune:1': unknown name; did you mean 'none'?"),
        ("permutation:2+", 3, "symmetry 'permutation:2+': nothing stands beside a +; + joins"),
        (
            "permutation+none",
            3,
            "as in permutation:4; + joins groups on features of their own",
        ),
        ("grid-rotation:2x2+grid-flip:2x2", 4, "on 8 coordinates but the input has 4 features; +"),
        ("2xpermutation", 5, "acts on 4 coordinates but the input has 5 features"),
        ("2xpermutation", 1, "acts on 2 coordinates but the input has 1 feature"),
        ("0xpermutation:2", 2, "usage COUNTxSYMMETRY, such as 2xpermutation:5"),
        ("2x", 2, "symmetry '': unknown name"),
        ("(none:2", 2, "its parentheses do not match"),
        (")none:2(", 2, "its parentheses do not match"),
        ("(none:1)(none:1)", 2, "its parentheses do not match"),
        ("1x" * 100 + "none:2", 2, "nested more than 8 deep"),
        ("(" * 150 + "none:2" + ")" * 150, 2, "nested more than 8 deep"),
        ("nowhere.json", 2, "no such file"),
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
        ("orthogonal", 784, "size 784; the limit is 256"),
        ("grid-shift:100x100", 10_000, "size 10,000; the limit is 4,096"),
        ("100000xpermutation:4", 400_000, "2 generators on 400,000 coordinates would take more"),
        ("9" * 300 + "xnone:1", 1, "size about 10^300; the limit is 10,000,000"),
        ("none:9999999+none:2", 1, "acts on 10,000,001 coordinates; the limit is 10,000,000"),
    ],
)
def test_refuses_absurd_sizes(text, dimension, message):
    with pytest.raises(LimitError) as caught:
        parse_symmetry(text, dimension)
    assert message in str(caught.value)


def test_the_registry_says_all_that_a_list_needs():
    assert SYMMETRIES["permutation"].usage == "permutation[:N]"
    assert SYMMETRIES["rotation"].usage == "rotation:K"
    assert SYMMETRIES["icosahedral"].usage == "icosahedral"
    assert SYMMETRIES["grid-shift"].usage == "grid-shift:HxW"
    assert {"sum", "copies", "file"} < set(SYMMETRIES)
    for name, symmetry in SYMMETRIES.items():
        assert name == symmetry.name
        assert symmetry.summary
        assert symmetry.usage


SIZES = {"tetrahedral": 3, "octahedral": 3, "icosahedral": 3, "sum": 6, "copies": 10}


@pytest.mark.parametrize("name", [name for name in SYMMETRIES if name != "file"])
def test_examples_work(name):
    example = SYMMETRIES[name].example
    size = 16 if name.startswith("grid") else SIZES.get(name, 2)
    assert parse_symmetry(example, size).name == example


names = st.sampled_from([*SYMMETRIES, "group.json", "2xpermutation"])
separators = st.sampled_from(["", ":", "::", "=", "+", ",", " ", ":-", ":0", "\n", "\0", "x", "("])
numbers = st.one_of(
    st.integers(-(10**40), 10**40).map(str),
    st.floats().map(str),
    st.text(max_size=8),
    st.sampled_from(["", "³", "५", "0x10", "1_0", "none", "9" * 5000, "1" + "0" * 30, "2x3"]),
)
leaves = st.one_of(
    st.tuples(st.sampled_from([*SYMMETRIES]), st.integers(1, 5)).map("{0[0]}:{0[1]}".format),
    st.tuples(st.integers(1, 3), st.integers(1, 3)).map("grid-shift:{0[0]}x{0[1]}".format),
    st.sampled_from(["tetrahedral", "icosahedral", "none", "./1x1.json"]),
)
compounds = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("+".join),
        st.tuples(st.integers(0, 3), inner).map("{0[0]}x{0[1]}".format),
        inner.map("({})".format),
    ),
    max_leaves=6,
)


@st.composite
def mutated(draw):
    """A well-formed text with one character changed, left out or put in."""
    text = draw(compounds)
    place = draw(st.integers(0, len(text)))
    piece = draw(st.one_of(st.sampled_from("x+():.1024 "), st.characters(), st.just("")))
    return text[:place] + piece + text[place + draw(st.integers(0, 1)) :]


texts = st.one_of(
    st.text(),
    st.tuples(names, separators, numbers).map("".join),
    st.tuples(names, st.text(max_size=3), names, separators, numbers).map("".join),
    st.tuples(names, st.integers(0, 12)).map(lambda pair: pair[0][: pair[1]]),
    compounds,
    mutated(),
)


@fuzzed(100, 400, text=texts, dimension=st.integers(1, 12))
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
    assert len(message) < 400  # an unknown name is cut at 80, and all known ones follow


groups = st.recursive(
    st.one_of(
        st.builds(Permutation, st.integers(1, 5)),
        st.builds(Orthogonal, st.integers(1, 5)),
        st.builds(Dihedral, st.integers(1, 5)),
        st.builds(GridFlip, st.integers(1, 3), st.integers(1, 3)),
        st.just(Icosahedral()),
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: DirectSum(*parts)),
        st.builds(Copies, st.integers(1, 3), inner),
    ),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(group=groups)
def test_names_build_the_same_group_again(group):
    assert parse_symmetry(group.name, group.dimension) == group
    assert parse_symmetry(group.sized, group.dimension) == group
