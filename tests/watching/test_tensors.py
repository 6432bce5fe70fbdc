"""Parameters by name, look after look."""

import pytest

torch = pytest.importorskip("torch")

from conserved.watching.tensors import Parameters, parameters  # noqa: E402


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(3, 3)
        self.b = torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False), torch.nn.ReLU())
        self.n = torch.nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False)


def fresh(*shape):
    return torch.nn.Parameter(torch.ones(*shape))


def test_they_are_those_of_the_model_whatever_became_of_it():
    model = Model()
    again = Parameters(model)

    def replaced():
        model.a.weight = fresh(3, 3)

    def tied():
        model.b[0].weight = model.a.weight

    def tied_no_more():
        model.b[0].weight = fresh(3, 3)

    def with_a_bias():
        model.b[0].register_parameter("bias", fresh(3))

    def another_part():
        model.b[0] = torch.nn.Linear(3, 3)

    def one_more():
        model.c = torch.nn.Linear(1, 1)

    def gone():
        del model.c

    def real():
        model.n = fresh(2)

    def parametrized():
        torch.nn.utils.parametrizations.weight_norm(model.a)

    changes = (replaced, tied, tied_no_more, with_a_bias, another_part, one_more, gone, real)
    counts = []
    for change in (lambda: None, *changes, parametrized):
        change()
        for _ in range(2):
            found, wanted = again(), parameters(model)
            assert list(found) == list(wanted), change
            assert all(found[name] is wanted[name] for name in wanted), change
        counts.append(len(found))
    assert counts == [3, 3, 2, 3, 4, 4, 6, 4, 5, 6]
