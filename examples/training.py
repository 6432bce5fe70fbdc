"""Real runs that are watched: ``python -m examples.training mlp|resnet|gpt|lora|augment``.

Data ship with scikit-learn and Python, or with Debian's ``dataset-fashion-mnist`` where it is
installed. Each run ends in the verdicts, and in a log with ``--log``.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import conserved as cq
from examples.gpt import GPT, Adapted

FASHION = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Run:
    """What is trained, on what, and how.

    Attributes:
        model: with its parameters drawn.
        batches: of inputs and labels, endless.
        optimizer: of torch.
        batch: examples that are one datum, for batch norm.
        loss: of outputs and labels.
        options: how it is watched.
    """

    model: nn.Module
    batches: Iterator[tuple[Tensor, Tensor]]
    optimizer: torch.optim.Optimizer
    batch: int | None = None
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy
    options: Mapping[str, Any] = field(default_factory=lambda: {"loss": "cross-entropy"})


def images() -> tuple[Tensor, Tensor]:
    """(n, 1, side, side) in [0, 1], and labels: Fashion-MNIST, or scikit-learn's digits."""
    if FASHION.is_dir():
        held = gzip.decompress((FASHION / "train-images-idx3-ubyte.gz").read_bytes())[16:]
        told = gzip.decompress((FASHION / "train-labels-idx1-ubyte.gz").read_bytes())[8:]
        x = torch.frombuffer(bytearray(held), dtype=torch.uint8).reshape(-1, 1, 28, 28)
        y = torch.frombuffer(bytearray(told), dtype=torch.uint8).long()
        return F.avg_pool2d(x.float() / 255, 2), y
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return torch.tensor(x, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16, torch.tensor(y)


def text() -> str:
    """Documentation that ships with Python."""
    from pydoc_data.topics import topics

    return "\n".join(topics[key] for key in sorted(topics))


def drawn(x: Tensor, y: Tensor, rows: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    draws = torch.Generator().manual_seed(seed)
    while True:
        chosen = torch.randint(len(x), (rows,), generator=draws)
        yield x[chosen], y[chosen]


def characters(rows: int, length: int, seed: int) -> tuple[int, Iterator[tuple[Tensor, Tensor]]]:
    """How many characters there are, and batches of (characters, the next ones)."""
    words = text()
    known = {c: k for k, c in enumerate(sorted(set(words)))}
    codes = torch.tensor([known[c] for c in words])
    draws = torch.Generator().manual_seed(seed)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            starts = torch.randint(len(codes) - length, (rows, 1), generator=draws)
            window = codes[starts + torch.arange(length + 1)]
            yield window[:, :-1], window[:, 1:]

    return len(known), batches()


class ResNet(nn.Module):
    """A stem and two residual blocks with batch norm."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.first, self.second = ResidualBlock(width), ResidualBlock(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)))
        return self.head(self.second(self.first(x)).mean((2, 3)))


class ResidualBlock(nn.Module):
    """Two convolutions, each with batch norm, and a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.down = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm_up, self.norm_down = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm_down(self.down(F.relu(self.norm_up(self.up(x)))))
        return F.relu(x + y)


def mlp(seed: int = 0) -> Run:
    """ReLU units with biases, SGD with momentum and decay."""
    torch.manual_seed(seed)
    x, y = images()
    size = x[0].numel()
    layers = (nn.Flatten(), nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
    model = nn.Sequential(*layers, nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    return Run(model, drawn(x, y, 64, seed), optimizer)


def resnet(seed: int = 0) -> Run:
    """Batch norm, SGD with Nesterov momentum and decay."""
    torch.manual_seed(seed)
    model = ResNet()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    return Run(model, drawn(*images(), 32, seed), optimizer, batch=2)


def gpt(seed: int = 0) -> Run:
    """Characters of Python's documentation, SGD with momentum."""
    torch.manual_seed(seed)
    count, batches = characters(8, 64, seed)
    model = GPT(count, dim=64, heads=4, layers=2, context=64)
    return Run(model, batches, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))


def lora(seed: int = 0) -> Run:
    """The same, frozen, with adapters of rank 4 in every attention."""
    torch.manual_seed(seed)
    count, batches = characters(8, 64, seed)
    model = Adapted(GPT(count, dim=64, heads=4, layers=2, context=64), rank=4)
    trained = [p for p in model.parameters() if p.requires_grad]
    return Run(model, batches, torch.optim.SGD(trained, lr=0.5, momentum=0.9))


def turned(x: Tensor, how: str, draws: torch.Generator) -> Tensor:
    """Images in all four quarter turns, in one of them at random, or not turned or turned once."""
    if how == "full":
        return torch.cat([torch.rot90(x, k, (-2, -1)) for k in range(4)])
    turns = torch.randint(4 if how == "random" else 2, (len(x),), generator=draws)
    moved = [torch.rot90(image, int(k), (-2, -1)) for image, k in zip(x, turns, strict=True)]
    return torch.stack(moved)


def augment(seed: int = 0, how: str = "full") -> Run:
    """A linear network on the brightness of the quarters of images, which are turned.

    Args:
        how: "full" takes every image in all four turns, "random" in one that is drawn anew at each
            step; "part" draws from two of the four, which is no augmentation by the group.
    """
    torch.manual_seed(seed)
    x, y = images()
    draws = torch.Generator().manual_seed(seed)
    quarters = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    model = nn.Sequential(nn.Linear(4, 1, bias=False), nn.Linear(1, 10, bias=False))

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for some, labels in drawn(x, y, 64, seed):
            moved = turned(some, how, draws)
            classes = F.one_hot(labels, 10).float()
            yield quarters(moved), classes.repeat(len(moved) // len(some), 1)

    read = cq.from_torch(model, torch.zeros(1, 4), symmetry="grid-rotation:2x2")
    laws = cq.analyze(read)
    options = {"laws": laws, "augment": "full" if how == "full" else "random"}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    return Run(model, batches(), optimizer, loss=F.mse_loss, options=options)


RUNS: dict[str, Callable[[int], Run]] = {
    "mlp": mlp,
    "resnet": resnet,
    "gpt": gpt,
    "lora": lora,
    "augment": augment,
}


def train(
    run: Run,
    steps: int = 1000,
    *,
    log: Path | str | None = None,
    told: Callable[[int, float], None] = lambda step, loss: None,
    **options: Any,
) -> cq.watching.Watch:
    """Train, and watch."""
    options = {**run.options, **options}
    if "laws" not in options:
        x, _ = next(run.batches)
        example = x[: run.batch or 1]
        options["example"] = example[:, :4] if not example.is_floating_point() else example
    with cq.watch(run.model, run.optimizer, batch=run.batch, log=log, **options) as watched:
        for step in range(watched.steps, steps):
            x, y = next(run.batches)
            run.optimizer.zero_grad()
            outputs = run.model(x).flatten(0, -2)
            loss = run.loss(outputs, y if y.is_floating_point() else y.flatten())
            loss.backward()
            watched.note(loss=loss.item())
            run.optimizer.step()
            told(step + 1, loss.item())
    return watched


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.training", description=__doc__)
    parser.add_argument("name", choices=RUNS)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--how", choices=("full", "random", "part"), default="full")
    options = parser.parse_args()

    def told(step: int, loss: float) -> None:
        if step % 100 == 0:
            print(f"step {step}: loss {loss:.3f}", flush=True)

    how = {"how": options.how} if options.name == "augment" else {}
    run = RUNS[options.name](options.seed, **how)
    print(train(run, options.steps, log=options.log, told=told).verdict())


if __name__ == "__main__":
    main()
