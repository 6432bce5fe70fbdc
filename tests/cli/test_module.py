"""PyTorch modules on the command line: counted, certified, checked without torch, or refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="modules are PyTorch's")

from conserved.cli import run
from tests.cli.shell import environment

CODE = """
import torch
from torch import nn
from torch.nn import functional as F


def made(forward, *shapes, **kwargs):
    class Made(nn.Module):
        def __init__(self):
            super().__init__()
            for k, shape in enumerate(shapes):
                setattr(self, f"w{k}", nn.Parameter(torch.ones(shape, **kwargs)))

        def forward(self, x):
            return forward(x, *(getattr(self, f"w{k}") for k in range(len(shapes))))

    return Made()


def relu():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def norm():
    return nn.Sequential(
        nn.Linear(3, 3, bias=False), nn.RMSNorm(3, eps=1e-5), nn.Linear(3, 2, bias=False)
    )


def frozen():
    net = relu()
    net[0].bias.requires_grad_(False)
    return net


def tied():
    net = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Tanh(), nn.Linear(3, 3, bias=False))
    net[2].weight = net[0].weight
    return net


def words():
    return nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2, bias=False))


def several():
    return made(lambda x, w: {"first": x @ w, "second": (x @ w).tanh()}, (3, 2))


def branches():
    return made(lambda x, w: x @ w if x.sum() > 0 else x @ w * 2, (3, 2))


def dropout():
    return nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))


def noise():
    return made(lambda x, w: x @ w + torch.randn(2), (3, 2))


def half():
    return nn.Linear(3, 2).half()


def complex_weights():
    return made(lambda x, w: (x @ w).real, (3, 2), dtype=torch.complex64)


def meta():
    return nn.Linear(3, 2, device="meta")


def bessel():
    return nn.Sequential(nn.Linear(3, 2), nn.Sequential(made(lambda x: torch.special.bessel_j0(x))))


def batch_norm():
    return nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2))


def stopped():
    return made(lambda x, w: (x @ w).detach() * (x @ w), (3, 2))


def broken():
    raise RuntimeError("no weights here")


def unused():
    return made(lambda x, w, u: x @ w, (3, 2), (2,))


def constant():
    return made(lambda x, w: x * 2, (3,))


def shrunk(x, w):
    with torch.no_grad():
        w.mul_(0.9)
    return x @ w


def in_place():
    return made(shrunk, (3, 2))


def data():
    return made(lambda x, w: x @ w.data.clamp_(-1, 1), (3, 2))


def counter():
    module = made(lambda x, w: x @ w + module.steps.add_(1), (3, 2))
    module.register_buffer("steps", torch.zeros(2))
    return module


def silent():
    return made(torch.no_grad()(lambda x, w: x @ w), (3, 2))


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, slope):
        return slope


def straight_through():
    return made(lambda x, w: Sign.apply(x @ w), (3, 2))


def hooked():
    module = relu()
    module[2].bias.register_hook(lambda slope: 2 * slope)
    return module


def lazy():
    return nn.LazyLinear(2)


def rounded():
    return made(lambda x, w: (x.bfloat16() @ w.bfloat16()).float(), (3, 2))


def selected():
    return made(lambda x, w: x[x > 0].sum() * w, (1, 2))


def text():
    return made(lambda x, w: "no tensor", (3, 2))


Module = nn.Linear
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(CODE, "utf-8")
    yield tmp_path
    sys.modules.pop("nets", None)


def test_counted_certified_and_checked_without_torch(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["analyze", "nets.py:relu", "--input-shape", "3", "--json", "--certificate", "c.json"]
    assert run(asked) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["count"] == {"lower": 4, "upper": 4, "certified": True, "written": 4}
    assert answer["problem"]["network"] == "nets.py:relu"
    assert answer["laws"][0]["text"].startswith("‖0.weight[j,:]‖² + 0.bias[j]²")
    (folder / "nets.py").unlink()
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom conserved.cli import run\n"
        "sys.exit(run(['check', 'c.json']))"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True)


def test_both_counts_where_eps_matters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "nets.py:norm", "--input-shape", "3"]) == 0
    told = capsys.readouterr().out
    assert "laws for eps → 0  4" in told
    assert "eps: 1e-05" in told
    assert run(["analyze", "nets.py:norm", "--input-shape", "3", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["count"]["upper"] == 3
    assert answer["without_eps"]["upper"] == 4
    assert answer["constants"] == ["eps: 1e-05"]


@pytest.mark.parametrize(
    "name, options, laws, said",
    [
        ("frozen", ["--input-shape", "3"], 0, "frozen at their values: 0.bias 4"),
        ("words", ["--tokens", "5"], 6, "0.weightᵀ 0.weight − 1.weightᵀ 1.weight"),
        ("words", ["--tokens", "5", "--input-shape", "2"], 6, "0.weightᵀ 0.weight"),
        ("several", ["--input-shape", "3", "--output", "second"], 0, "w0 3×2"),
        ("batch_norm", ["--input-shape", "1,3,3", "--batch", "2"], 2, "laws for eps → 0  4"),
        ("unused", ["--input-shape", "3"], 0, "left out: w1 is not used"),
        ("tied", ["--input-shape", "3"], 0, "2.weight is 0.weight"),
    ],
)
def test_what_is_special_is_said(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: list[str],
    laws: int,
    said: str,
) -> None:
    status = run(["analyze", f"nets.py:{name}", *options])
    told = capsys.readouterr().out
    assert said in told
    assert re.search(rf"^  laws +{laws} ", told, re.MULTILINE)
    assert status == 0


@pytest.mark.parametrize(
    "name, options, words",
    [
        ("relu", [], "--input-shape '': a PyTorch module needs it"),
        ("relu", ["--input-shape", "3x4"], "--input-shape '3x4': give sizes with commas"),
        ("relu", ["--input-shape", "5"], "forward on an input of shape 1×5"),
        ("relu", ["--input-shape", "3", "--output", "logits"], "--output 'logits'"),
        ("relu", ["--input-shape", "3", "--tokens", "5"], "it is given token indices"),
        (
            "several",
            ["--input-shape", "3"],
            "the module returns several: name one of first, second",
        ),
        ("branches", ["--input-shape", "3"], "control flow depends on the values of its data"),
        ("dropout", ["--input-shape", "3"], "is random: module.eval()"),
        ("noise", ["--input-shape", "3"], "is random"),
        ("half", ["--input-shape", "3"], "float16"),
        ("complex_weights", ["--input-shape", "3"], "is complex"),
        ("meta", ["--input-shape", "3"], "meta device"),
        (
            "bessel",
            ["--input-shape", "3"],
            "'1.0 (Made)': aten.special_bessel_j0.default of shape 1×2: not covered",
        ),
        ("batch_norm", ["--input-shape", "1,3,3"], "a datum is a batch: give batch=B (--batch B)"),
        ("stopped", ["--input-shape", "3"], "where gradients stop"),
        ("in_place", ["--input-shape", "3"], "changes its parameter w0 in place"),
        ("data", ["--input-shape", "3"], "replaces data of its tensors"),
        ("counter", ["--input-shape", "3"], "its buffer steps changes with every forward"),
        ("silent", ["--input-shape", "3"], "no gradient reaches its parameters"),
        ("straight_through", ["--input-shape", "3"], "backward is not the derivative"),
        ("hooked", ["--input-shape", "3"], "derivative of its forward, seen at 2.bias"),
        ("lazy", ["--input-shape", "3"], "has no shape yet: run the module once"),
        ("rounded", ["--input-shape", "3"], "rounds to bfloat16"),
        ("selected", ["--input-shape", "3"], "its indices depend on data"),
        ("text", ["--input-shape", "3"], "the module returns no tensor"),
        ("broken", ["--input-shape", "3"], "RuntimeError: no weights here (nets.py, line"),
        ("constant", ["--input-shape", "3"], "does not depend on a trainable parameter"),
        ("words", ["--tokens", "7"], "tokens are below 7, the table has 5 rows"),
    ],
)
def test_one_line_says_what_cannot_be_read(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, options: list[str], words: str
) -> None:
    assert run(["analyze", f"nets.py:{name}", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert words in err


def test_options_of_modules_are_for_modules(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["analyze", "linear:3-2", "--tokens", "5"]) == 2
    assert "--tokens '5': is for PyTorch modules" in capsys.readouterr().err


def test_coverage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["coverage", "nets.py:frozen", "--input-shape", "3"]) == 0
    told = capsys.readouterr().out
    assert "0.bias    4    frozen" in told
    assert "Sequential: covered. 3 covered (22 numbers), 1 frozen (4 numbers)." in told
    assert run(["coverage", "nets.py:bessel", "--input-shape", "3", "--json"]) == 3
    answer = json.loads(capsys.readouterr().out)
    assert not answer["complete"]
    for name in ("hooked", "straight_through"):
        assert run(["coverage", f"nets.py:{name}", "--input-shape", "3"]) == 3
        assert "not covered: its backward is not the derivative" in capsys.readouterr().out
    assert answer["uncovered"] == [
        "aten.special_bessel_j0.default of shape 1×2: not covered in 1.0 (Made)"
    ]
    assert run(["coverage", "nets.py:tied", "--input-shape", "3"]) == 0
    assert "2.weight  3×3  tied     to 0.weight" in capsys.readouterr().out
    assert run(["coverage", "linear:3-2", "--input-shape", "3"]) == 2
    assert "no module" in capsys.readouterr().err
