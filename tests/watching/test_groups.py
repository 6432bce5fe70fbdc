"""Parameter groups that are added while a run is under way."""

import pytest

import conserved as cq
from tests.watching.runs import batches, mlp, mlp_laws

torch = pytest.importorskip("torch")


def steps(model, optimizer, count):
    for x, y in batches(count):
        model.zero_grad()
        ((model(x) - y) ** 2).mean().backward()
        optimizer.step()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("fault", [False, True])
def test_a_layer_that_is_thawed_at_a_rate_of_its_own(momentum, every, fault):
    """Until then no rate tells how its terms count; laws go on from there."""
    model = mlp()
    late = list(model[2].parameters())
    first = [p for p in model.parameters() if all(p is not q for q in late)]
    optimizer = torch.optim.SGD(first, lr=0.02, momentum=momentum)
    with cq.watch(model, optimizer, laws=mlp_laws(), every=every) as watched:
        steps(model, optimizer, 4)
        optimizer.add_param_group({"params": late, "lr": 0.005})
        if fault:
            model[2].weight.register_hook(lambda g: 1.01 * g)
        steps(model, optimizer, 7)
    assert [t.since for t in watched.tracks] == [5 if fault else None] * 2
    assert all(t.residual < 10 for t in watched.tracks) or fault
    assert all(abs(t.value - t.predicted) < 1e-12 for t in watched.tracks) or fault


@pytest.mark.parametrize("fault", [False, True])
def test_a_group_whose_rate_is_0_at_first(fault):
    """Where a tensor stands still there is no common rule; from the first one on there is."""
    model = mlp()
    groups = [{"params": list(model[0].parameters()), "lr": 0.02}]
    groups.append({"params": [*model[2].parameters(), *model[4].parameters()], "lr": 0.0})
    optimizer = torch.optim.SGD(groups, momentum=0.5)
    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        steps(model, optimizer, 4)
        optimizer.param_groups[1]["lr"] = 0.01
        steps(model, optimizer, 3)
        if fault:
            with torch.no_grad():
                model[0].weight.mul_(1.001)
        steps(model, optimizer, 3)
    mixed, alike = watched.tracks
    assert mixed.since == (8 if fault else None)
    assert alike.since is None
    assert mixed.residual < 10


@pytest.mark.parametrize("everything", [False, True])
def test_laws_of_a_parameter_that_no_optimizer_moves_wait(everything):
    """Whoever clears by the optimizer lets its gradient pile up; with it h moves as it likes."""
    model = mlp()
    moved = [*model[0].parameters(), *(model[2].parameters() if everything else ())]
    optimizer = torch.optim.SGD(moved, lr=0.02)
    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        for x, y in batches(4):
            optimizer.zero_grad()
            ((model(x) - y) ** 2).mean().backward()
            optimizer.step()
    outcomes = [track.outcome for track in watched.tracks]
    assert outcomes == ["drifting as predicted" if everything else "not tested", "not tested"]
    assert "frozen, or in no optimizer" in watched.verdict()
