"""Laws at the size of the example: many tokens, whole batches, and what shorter ones claim."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

import conserved as cq  # noqa: E402
from conserved import blocks  # noqa: E402
from conserved.blocks.document import from_document, to_document  # noqa: E402
from conserved.blocks.identities import hold  # noqa: E402
from conserved.blocks.patterns import Column, Pattern  # noqa: E402
from conserved.blocks.probe import Probe, probe  # noqa: E402
from conserved.blocks.reading import Read  # noqa: E402
from conserved.blocks.sketch import Family  # noqa: E402
from conserved.errors import DegenerateSampleError, InputError  # noqa: E402
from conserved.kernel.losses import parse_loss  # noqa: E402
from conserved.kernel.primes import BLAS_PRIMES  # noqa: E402
from conserved.kernel.residues import residues  # noqa: E402
from conserved.networks import Given, trace  # noqa: E402
from conserved.networks.torch import whole  # noqa: E402
from examples.gpt import GPT  # noqa: E402
from examples.models import Llama, RMSNorm  # noqa: E402

ONE = Fraction(1)


def tokens(rows: int, count: int) -> torch.Tensor:
    return torch.zeros(rows, count, dtype=torch.long)


def texts(found: cq.BlockLaws) -> dict[str, int]:
    return {text: count for text, count, _ in found.lines}


def norms(count: int, *, eps: int = 0) -> cq.Network:
    """Two norms of so many tokens, the weights between them shared, then a bilinear layer."""

    def normed(y: Any) -> Any:
        return y * ((y * y).sum(1) + eps).rsqrt()

    def forward(p: dict[str, Any], x: dict[str, Any]) -> Any:
        y = normed(normed(x["x"] @ p["W1"]) @ p["W2"])
        return y @ p["V"] + (y * y) @ p["W3"] + p["b"]

    shapes = (("W1", (3, 3)), ("W2", (3, 2)), ("V", (2, 2)), ("W3", (2, 2)), ("b", (2,)))
    return Given("norms", trace(shapes, (("x", (count, 3)),), forward))


def at(network: cq.Network, *, exact: bool) -> Probe:
    rng = np.random.default_rng(0)
    scalars = residues(BLAS_PRIMES[0])
    return probe(network.program, parse_loss("mse"), scalars, rng, exact=exact)


def trace_of(tensor: str, size: int) -> Column:
    return Column(tensor, 0, Pattern((size,), ("sum",)))


EACH = Pattern((2,), ("each",))
SCALE = Family(((ONE, trace_of("W1", 3)),))  # ‖W1‖²
UNIT = Family(  # Σ_i W3[i,j] − b[j], since the squares of a norm's output add up to 1
    ((ONE, Column("W3", 1, EACH, 1)), (-ONE, Column("b", 0, EACH, 1, vector=True)))
)
FALSE = Family(((ONE, trace_of("V", 2)), (-ONE, trace_of("W3", 2))))


class TestFreeRoots:
    """√(c q) for each q, c a constant: no root has to exist."""

    def test_a_scale_is_conserved_at_many_tokens(self) -> None:
        probed = at(norms(200), exact=False)
        assert hold([SCALE, FALSE], probed, np.random.default_rng(1)) == [True, False]

    def test_not_with_eps(self) -> None:
        probed = at(norms(200, eps=1), exact=False)
        assert hold([SCALE], probed, np.random.default_rng(1)) == [False]

    def test_that_a_norm_is_1_needs_its_root(self) -> None:
        rng = np.random.default_rng(1)
        assert hold([UNIT, SCALE], at(norms(2), exact=False), rng) == [False, True]
        assert hold([UNIT, SCALE, FALSE], at(norms(2), exact=True), rng) == [True, True, False]

    def test_roots_of_many_tokens_are_not_looked_for_long(self) -> None:
        with pytest.raises(DegenerateSampleError, match="no point drawn"):
            at(norms(200), exact=True)

    @pytest.mark.slow
    def test_such_a_law_is_found_where_its_roots_exist(self) -> None:
        few, many = (texts(cq.block_laws(norms(count))) for count in (2, 200))
        only = few.keys() - many.keys()
        assert [(text, few[text]) for text in only] == [("W3[1,j] + W3[2,j] − b[j], j = 1 … 2", 2)]
        assert many["‖W2‖²"] == 1


def test_no_value_anywhere_is_one_line() -> None:
    def forward(p: dict[str, Any], x: dict[str, Any]) -> Any:
        nothing = p["W"] - p["W"]
        return (x["x"] @ p["W"]) / nothing.sum(0)

    never = Given("never", trace((("W", (2, 2)),), (("x", (2,)),), forward))
    with pytest.raises(InputError, match=r"example '2': a division by zero"):
        cq.block_laws(never)


class TestTokens:
    @pytest.mark.slow
    def test_as_many_as_of_three(self) -> None:
        """A batch as in training; the laws of 3 tokens are counted elsewhere."""
        torch.manual_seed(0)
        found = cq.block_laws(Llama(), tokens(8, 128), loss="cross-entropy")
        assert (found.lower, found.lower_without_eps) == (118, 119)
        assert (found.inputs, found.batch) == (((128,),), None)
        assert "for inputs of shape 128, at 4 random points" in found.text()

    def test_positions_that_are_not_reached_are_not_called_constant(self) -> None:
        torch.manual_seed(0)
        model = GPT(5, 4, 2, 1, 8)
        short, full = (cq.block_laws(model, tokens(1, n), loss="cross-entropy") for n in (4, 8))
        assert texts(short) == texts(full)
        assert any("16 of the 32 numbers of positions" in note for note in short.notes)
        assert not any("positions" in note for note in full.notes)


class Late(torch.nn.Module):
    """Tokens and, six places later, what a second matrix makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (torch.nn.Linear(2, 2, bias=False) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        later = torch.nn.functional.pad(self.second(x), (0, 0, 6, 0))
        return torch.sin(self.first(x)) + later[:, : x.shape[1]]


class TestShorter:
    """The search on a shorter input proposes, and the full one decides."""

    @pytest.fixture(autouse=True)
    def always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(whole, "_LARGE", 0)

    def test_what_a_short_input_keeps_is_no_law(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Planted: all rows of the search from 4 tokens, where the second matrix never acts."""
        reads: list[Read] = []
        own = blocks._searched

        def searched(read: Read, *rest: object) -> list[Family]:
            reads.append(read)
            first = read if read.short is None else replace(read, program=read.short)
            return own(first, *rest)

        monkeypatch.setattr(blocks, "_searched", searched)
        assert cq.block_laws(Late(), torch.zeros(1, 4, 2)).lower == 4
        found = cq.block_laws(Late(), torch.zeros(1, 16, 2))
        assert found.lower == 0
        assert [read.short is None for read in reads] == [True, False, True]

    @pytest.mark.slow
    def test_the_full_input_decides_at_once(self) -> None:
        assert whole.read_whole(Late(), torch.zeros(1, 16, 2)).short is not None
        assert cq.block_laws(Late(), torch.zeros(1, 16, 2)).lower == 0

    @pytest.mark.slow
    def test_same_laws_either_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        torch.manual_seed(0)
        model = Llama(layers=1)
        with_short = cq.block_laws(model, tokens(2, 16), loss="cross-entropy")
        monkeypatch.setattr(whole, "_LARGE", 10**9)
        assert texts(cq.block_laws(model, tokens(2, 16), loss="cross-entropy")) == texts(with_short)


class Centred(torch.nn.Module):
    """The mean of the batch taken away."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.a(x)
        return self.b(torch.relu(y - y.mean(0)))


def batch_normed() -> torch.nn.Module:
    nn = torch.nn
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


class TestBatches:
    def test_examples_that_act_on_one_another_are_one_datum(self) -> None:
        found = cq.block_laws(Centred(), torch.zeros(8, 3))
        assert texts(found) == {
            "a.bias[j], j = 1 … 4": 4,
            "‖a.weight[j,:]‖² − ‖b.weight[:,j]‖², j = 1 … 4": 4,
        }
        assert found.batch == 8
        assert "for batches of 8 inputs of shape 3" in found.text()

    def test_one_example_is_none(self) -> None:
        """Its mean is itself: all 26 parameters but the last bias would be constant."""
        assert cq.block_laws(Centred(), torch.zeros(1, 3), batch=1).lower == 24
        with pytest.raises(InputError, match="example '1×3': its examples act on one another"):
            cq.block_laws(Centred(), torch.zeros(1, 3))

    @pytest.mark.slow
    def test_batch_norm_of_two_examples(self) -> None:
        """What it makes of two is ±1, so that nothing before it moves; of eight it is not."""
        torch.manual_seed(0)
        two = cq.block_laws(batch_normed(), torch.zeros(8, 3), batch=2)
        eight = cq.block_laws(batch_normed(), torch.zeros(8, 3))
        assert two.lower_without_eps > eight.lower_without_eps
        assert (two.batch, eight.batch) == (2, 8)
        same = cq.block_laws(batch_normed(), torch.zeros(1, 3), batch=8)
        assert texts(same) == texts(eight)

    def test_independent_examples_are_data_of_their_own(self) -> None:
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        assert cq.block_laws(net, torch.zeros(8, 3)).batch is None
        evaluated = batch_normed().eval()
        assert cq.block_laws(evaluated, torch.zeros(8, 3)).batch is None

    def test_a_batch_too_large_is_cut_and_said_to_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(whole, "_MOST", 500)
        found = cq.block_laws(Centred(), torch.zeros(64, 3))
        assert found.batch is not None
        assert 2 <= found.batch < 64
        assert f"a datum is {found.batch} of the 64 examples" in found.text()

    @pytest.mark.slow
    def test_too_large_at_all_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(whole, "_LIMIT", 100)
        with pytest.raises(InputError, match=r"example '2×16': makes .* numbers on the way"):
            cq.block_laws(Llama(), tokens(2, 16))


def test_the_size_is_written_and_read() -> None:
    found = cq.block_laws(Centred(), torch.zeros(5, 3))
    assert (found.to_json()["inputs"], found.to_json()["batch"]) == ([[3]], 5)
    again = from_document(to_document(found))
    assert (again.inputs, again.batch) == (((3,),), 5)


class Deep(torch.nn.Module):
    """Two norms, one after attention that sees all tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = RMSNorm(4), RMSNorm(4)
        self.attend = torch.nn.MultiheadAttention(4, 2, batch_first=True)
        self.head = torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.before(x)
        return self.head(self.after(x + self.attend(z, z, z, need_weights=False)[0]))


@pytest.fixture(scope="module")
def deep() -> tuple[torch.nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    return Deep(), torch.randn(8, 96, 4)


def test_laws_of_96_tokens_hold_in_torch(deep: tuple[torch.nn.Module, torch.Tensor]) -> None:
    """Another road: torch's own gradient of a loss on a real batch."""
    model, batch = deep
    laws = cq.block_laws(model, batch)
    assert laws.lower >= 8
    report = cq.check_gradients(model, lambda: model(batch).square().mean(), laws=laws)
    assert report.checked == len(laws.laws)
