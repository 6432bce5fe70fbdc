"""The text forms: whatever is typed, it parses or it is refused in one clear line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st

import conserved as cq
from conserved.dynamics import FLOWS, parse_flow
from conserved.errors import ConservedError, InputError, LimitError
from conserved.losses import LOSSES, parse_loss
from conserved.networks import FAMILIES, parse_network
from conserved.symmetry import LABELS, SYMMETRIES, parse_labels, parse_symmetry
from tests.cases import CASES
from tests.fuzz import fuzzed

ARGUMENTS = {"network", "loss", "symmetry", "labels", "flow"}


def assert_clear(error: ConservedError, arguments: set[str]) -> None:
    """One printable line that begins with the argument it is about."""
    message = str(error)
    assert message
    assert len(message) < 1000
    assert message.partition(" ")[0] in arguments
    if isinstance(error, InputError):
        assert error.argument in arguments
    assert message.isprintable(), ascii(message)


def assert_parses_or_is_refused(parse: Callable[[], object], *arguments: str) -> object | None:
    """Anything but these two errors escapes and fails the test."""
    try:
        return parse()
    except (InputError, LimitError) as error:
        assert_clear(error, set(arguments))
        return None


# ------------------------------------------------------------------ what to throw

NETWORKS = sorted({case.network for case in CASES} | {f.example for f in FAMILIES.values()})
SYMMETRY_TEXTS = [
    *SYMMETRIES,
    *(form.example for form in SYMMETRIES.values()),
    *(f"{name}:{k}" for name in SYMMETRIES for k in (1, 2, 3, 4, 5)),
    *("grid-flip:2x2", "permutation:2+none:1", "2xshift:2", "2x(permutation:2+none:1)"),
]
LOSS_TEXTS = [f"{n}:{q}" if f.takes_degree else n for n, f in LOSSES.items() for q in (2, 3, 7)]

PIECES = [":", ",", "-", "=", "0", "1", "2", "3", "00", "-1", "1.5", "1e3", "9" * 30, " ", "", "\t"]
PIECES += ["bias", "power=2", "act=tanh", "act=", "dim=2", "head=1", "causal", "tokens=2", "power"]
PIECES += ["²", "٣", "½", "−", "é", "🙂", "\N{RIGHT-TO-LEFT OVERRIDE}", "'", '"', "%", "{}", "\\"]
NAMES = [*FAMILIES, *SYMMETRIES, *LOSSES, *LABELS, *FLOWS]

noise = st.text(max_size=12).filter(str.isprintable)
glued = st.lists(st.sampled_from(PIECES + NAMES), max_size=7).map("".join)


@st.composite
def mutated(draw: st.DrawFn, texts: list[str]) -> str:
    """A good text, damaged in one to three places."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 3)))
        text = text[:start] + draw(st.sampled_from(PIECES) | noise) + text[stop:]
    return text


def specs(texts: list[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(texts), mutated(texts), glued, noise)


@fuzzed(200, 800, text=specs(NETWORKS))
def test_networks(text: str) -> None:
    built = assert_parses_or_is_refused(lambda: parse_network(text), "network")
    if built is not None:
        assert isinstance(built, cq.networks.Network)
        assert parse_network(built.spec) == built
        assert parse_network(built.spec).parameters == built.parameters


@fuzzed(
    200,
    800,
    text=specs(SYMMETRY_TEXTS),
    dimension=st.integers(1, 6) | st.sampled_from([300, 10**6]),
)
def test_symmetries(text: str, dimension: int) -> None:
    group = assert_parses_or_is_refused(lambda: parse_symmetry(text, dimension), "symmetry")
    if group is not None:
        assert isinstance(group, cq.symmetry.Group)
        assert group.dimension == dimension
        for name in (group.name, group.sized):
            assert parse_symmetry(name, dimension) == group
        assert group.describe().isprintable()


@fuzzed(200, 800, text=specs(LOSS_TEXTS))
def test_losses(text: str) -> None:
    loss = assert_parses_or_is_refused(lambda: parse_loss(text), "loss")
    if loss is not None:
        assert parse_loss(loss.spec) == loss


@fuzzed(100, 300, text=specs([*LABELS, *FLOWS]))
def test_labels_and_flows(text: str) -> None:
    labels = assert_parses_or_is_refused(lambda: parse_labels(text), "labels")
    assert labels is None or parse_labels(labels.name) == labels
    flow = assert_parses_or_is_refused(lambda: parse_flow(text), "flow")
    assert flow is None or parse_flow(flow.name) == flow


@fuzzed(
    100,
    300,
    network=st.sampled_from(NETWORKS) | specs(NETWORKS),
    symmetry=st.sampled_from(SYMMETRY_TEXTS) | specs(SYMMETRY_TEXTS),
    loss=st.sampled_from(LOSS_TEXTS) | specs(LOSS_TEXTS),
    labels=st.sampled_from(list(LABELS)) | specs(list(LABELS)),
    flow=st.sampled_from(list(FLOWS)) | noise,
)
def test_problems(network: str, symmetry: str, loss: str, labels: str, flow: str) -> None:
    """All five together: they parse, fit and round-trip, or one of them is named."""
    problem = assert_parses_or_is_refused(
        lambda: cq.Problem.from_text(
            network, symmetry=symmetry, loss=loss, labels=labels, flow=flow
        ),
        *ARGUMENTS,
    )
    if problem is not None:
        assert isinstance(problem, cq.Problem)
        assert cq.Problem.from_text(**problem.to_json()) == problem


@pytest.mark.parametrize("parse", [parse_network, parse_loss, parse_labels, parse_flow])
@pytest.mark.parametrize(
    "text", ["a\nb", "a\x1b[31m", "linear\n:3-2", "linear:3-2,\nx", "a\u2028b"]
)
def test_control_characters_do_not_reach_the_terminal(
    parse: Callable[[str], object], text: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert_clear(caught.value, ARGUMENTS)


@pytest.mark.parametrize("parse", [parse_network, parse_loss, parse_labels, parse_flow])
def test_very_long_text(parse: Callable[[str], object]) -> None:
    with pytest.raises(InputError) as caught:
        parse("linear:" + "3-" * 100_000 + "1")
    assert_clear(caught.value, ARGUMENTS)


# ------------------------------------------------------------------ what to answer

REFUSED = [
    # argument, text, what the line must say
    ("network", "linaer:3-2", "did you mean 'linear'?"),
    ("network", "Linear:3-2", "did you mean 'linear'?"),
    ("network", "rleu:3-2-1", "did you mean 'relu'?"),
    ("network", "atention:dim=2,tokens=2,head=1", "did you mean 'attention'?"),
    ("network", "relu:3-2-1,bais", "did you mean 'bias'?"),
    ("network", "poly:2-3-1,powr=2", "did you mean 'power'?"),
    ("network", "mlp:2-3-1,act=tahn", "did you mean 'tanh'?"),
    ("network", "attention:dim=2,token=2,head=1", "did you mean 'tokens'?"),
    ("network", "zzz", "known: attention, lightning, linear"),
    ("network", "", "known: attention"),
    ("network", "linear", "needs widths"),
    ("network", "linear:", "needs widths"),
    ("network", "linear:3", "takes 2 to 64 widths, got 1"),
    ("network", "relu:3-2", "got 2"),
    ("network", "swiglu:3-2-2-1", "takes 3 widths, got 4"),
    ("network", "linear:3-0-2", "positive integers, got '0'"),
    ("network", "linear:3--2", "positive integers, got ''"),
    ("network", "linear:-3-2", "positive integers"),
    ("network", "linear:3-2.5-1", "positive integers, got '2.5'"),
    ("network", "linear:3-x-1", "positive integers, got 'x'"),
    ("network", "linear:٣-2", "positive integers"),
    ("network", "poly:2-3-1,power=0", "power: positive integers"),
    ("network", "poly:2-3-1,power=65", "power is an integer from 1 to 64"),
    ("network", "poly:2-3-1,power", "power"),
    ("network", "relu:3-2-1,bias,bias", "given twice"),
    ("network", "relu:3-2-1,bias=1", "flag"),
    ("network", "attention:dim=2,tokens=2", "needs head"),
    ("network", "lightning:", "needs dim, tokens"),
    ("network", "linear:3-2,bias", "no options"),
    ("network", "linear:3-99999999999", "at most 1,000,000"),
    ("symmetry", "permutaton", "did you mean 'permutation'?"),
    ("symmetry", "rotatoin:5", "did you mean 'rotation'?"),
    ("symmetry", "rotation", "usage rotation:K"),
    ("symmetry", "rotation:0", "positive whole number"),
    ("symmetry", "rotation:-3", "positive whole number"),
    ("symmetry", "permutation:3", "acts on 3 coordinates but the input has 4 features"),
    ("symmetry", "rotation:5", "acts on 2 coordinates but the input has 4 features"),
    ("loss", "mes", "did you mean 'mse'?"),
    ("loss", "poly", "needs a degree"),
    ("loss", "poly:1", "from 2 to 32"),
    ("loss", "poly:33", "from 2 to 32"),
    ("loss", "poly:x", "needs a degree"),
    ("loss", "mse:2", "takes no argument"),
    ("labels", "equivarant", "did you mean 'equivariant'?"),
    ("labels", "equivariant", "take outputs of width 4"),
    ("flow", "gradeint", "did you mean 'gradient'?"),
]


@pytest.mark.parametrize("argument, text, says", REFUSED)
def test_refusals(argument: str, text: str, says: str) -> None:
    given = {"network": "linear:4-2-1", "symmetry": "permutation", argument: text}
    with pytest.raises(InputError) as caught:
        cq.Problem.from_text(**given)
    assert_clear(caught.value, {argument})
    assert caught.value.argument == argument
    assert says in str(caught.value)
    assert f"'{text}'" in str(caught.value)


@pytest.mark.parametrize(
    "given, argument, sizes",
    [
        ({"network": "linear:9000-9000-9000"}, "network", ["162,000,000", "10,000,000"]),
        ({"network": "linear:4-1", "symmetry": "rotation:99999"}, "symmetry", ["99,999", "10,000"]),
        ({"network": "linear:5000-1", "symmetry": "shift"}, "symmetry", ["5,000", "4,096"]),
    ],
)
def test_limits_name_both_numbers(given: dict[str, str], argument: str, sizes: list[str]) -> None:
    with pytest.raises(LimitError) as caught:
        cq.Problem.from_text(**given)
    assert_clear(caught.value, {argument})
    assert all(size in str(caught.value) for size in sizes)


@pytest.mark.parametrize("case", CASES[::5], ids=lambda case: case.id)
def test_space_around_is_forgiven(case: object) -> None:
    assert parse_network(f"  {case.network} ") == parse_network(case.network)
