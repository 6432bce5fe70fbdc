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
