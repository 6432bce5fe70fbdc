"""Random probes of families of laws: parts of what is looked at in full."""

import json
from functools import cache

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.watching.gradient.gradients import sums_of
from conserved.watching.look.looking import look
from conserved.watching.look.probes import Probes
from tests.watching.runs import train
from tests.watching.test_matrices import WANTED, attention, convolutions, drawn, laws_of, tables

torch = pytest.importorskip("torch")


def functions(sums, named, slopes, velocities):
    """h, ⟨∇h, g⟩ and the others of each family, in float64."""
    held = [{n: t.detach().double() for n, t in one.items()} for one in (named, slopes, velocities)]
    found = look(sums, WANTED, **dict(zip("xgb", held, strict=True)))
    totals = {what: sums.total(slots) for what, slots in found.items()}
    return [{w: t[sums.family == k] for w, t in totals.items()} for k in range(len(sums.laws))]


@pytest.mark.parametrize("make", [attention, convolutions, tables])
@pytest.mark.parametrize("share", [0.05, 0.4])
def test_units_are_those_of_a_full_look(make, share):
    drawn_of = drawn(make()[0])
    full, part = (sums_of(laws_of(make).laws, drawn_of[0], Probes(s, 3)) for s in (1.0, share))
    both = functions(part, *drawn_of), functions(full, *drawn_of)
    for law, probe, mine, whole in zip(part.laws, part.looked_at, *both, strict=True):
        assert len(mine["xx"]) == probe.functions
        if law.family.key[2] == 1:
            for what in WANTED:
                np.testing.assert_allclose(mine[what], whole[what][probe.blocks], rtol=1e-12)
    assert part.functions <= full.functions


def test_a_part_of_the_rows_is_a_part_of_the_matrix():
    """rᵀ X Xᵀ r of V–O and Q–K, head by head, against the matrices themselves."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(32, 2, 8, 0.0, norm_first=True, batch_first=True)
    laws = cq.block_laws(layer, torch.ones(2, 3, 32))
    named = {n: p.detach().double() for n, p in layer.named_parameters()}
    sums = sums_of(laws.laws, named, Probes(0.3, 1))
    values = sums.total(look(sums, ("xx",), x=named)["xx"])
    met = 0
    for k, (law, probe) in enumerate(zip(sums.laws, sums.looked_at, strict=True)):
        _, blocks, size = law.family.key
        if size == 1:
            continue
        assert (blocks, size, probe.size) == (2, 16, 5)
        signs = next(
            r.signs for p in sums.plans.values() for r in p.readings.values() if r.kind == "cells"
        )
        wanted = np.zeros(blocks)
        for c, column in law.family.terms:
            x = np.moveaxis(named[column.tensor].numpy(), column.axis, 0)
            rows = x.reshape(len(x), -1)[column.places()][:, 0, probe.rows]
            grams = np.einsum("bin,bjn->bij", rows, rows)
            wanted += float(c) * np.einsum("bi,bij,bj->b", signs[:blocks], grams, signs[:blocks])
        np.testing.assert_allclose(values[sums.family == k], wanted, rtol=1e-10)
        met += 1
    assert met >= 1


def test_of_few_units_all_are_looked_at():
    probes = Probes(0.01, 0)
    assert probes.of(("quadratic", 16, 1)).functions == 16
    assert probes.of(("linear", 17, 1)).functions == 16
    assert probes.of(("quadratic", 3, 64)).size == 4
    assert probes.of(("quadratic", 3, 64)).blocks == slice(0, 3)


@pytest.mark.parametrize("share", [0, -0.5, 1.5, float("nan"), "half", None])
def test_a_share_is_one(share):
    with pytest.raises(InputError, match="probe"):
        Probes(share, 0)


# ------------------------------------------------------------------ a run


def wide():
    torch.manual_seed(0)
    layers = torch.nn.Linear(4, 200), torch.nn.ReLU(), torch.nn.Linear(200, 3)
    return torch.nn.Sequential(*layers).double()


@cache
def wide_laws():
    return cq.block_laws(wide().float(), torch.zeros(1, 4))


def run(probe=0.1, steps=12, before=lambda step, model: None, momentum=0.9, **options):
    model = wide()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=momentum, weight_decay=0.1)
    told = {"laws": wide_laws(), "probe": probe, **options}
    with cq.watch(model, optimizer, **told) as watched:
        train(model, optimizer, steps, before=lambda step: before(step, model))
    return watched


def test_a_part_is_judged_as_the_whole_is():
    part, whole = run(), run(1.0)
    assert (part.tracks[0].followed, whole.tracks[0].followed) == (20, 200)
    assert not part.violated
    assert not whole.violated
    assert part.tracks[0].outcome == whole.tracks[0].outcome == "drifting as predicted"
    assert part.tracks[0].residual < 10
    assert "random part is looked at, 0.1 of each" in part.verdict()
    assert "random part" not in whole.verdict()


def test_a_fault_of_all_units_is_seen_in_some():
    def scaled(step, model):
        if step >= 5:
            model[2].weight.grad.mul_(1.5)

    (track,) = run(before=scaled).violated
    assert track.since == 5
    assert "2.weight is 1.5 times what it should be" in track.reason


def test_a_unit_is_told_by_its_number_and_one_that_is_not_looked_at_is_not_seen():
    start = Probes(0.1, 0).of(("quadratic", 200, 1)).blocks.start
    for unit, seen in ((start + 3, True), ((start + 50) % 200, False)):

        def scaled(step, model, unit=unit):
            model[0].weight.grad[unit] *= 3

        found = run(before=scaled, steps=3)
        assert bool(found.violated) == seen
        if seen:
            assert f"unit {unit + 1} of 200" in found.verdict()


def test_a_log_goes_on_with_the_same_part(tmp_path):
    log = tmp_path / "run.jsonl"
    run(log=log, steps=5)
    assert run(log=log, steps=5).steps == 10
    head = json.loads(log.read_text().splitlines()[0])
    assert (head["probe"], head["seed"], head["laws"][0]["followed"]) == (0.1, 0, 20)
    for told, words in (({"probe": 0.2}, "probe=0.1"), ({"seed": 3}, "seed=0")):
        with pytest.raises(InputError, match=words):
            run(log=log, **told)
