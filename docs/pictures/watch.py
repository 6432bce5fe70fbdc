"""Draw ``watch*.png`` from a real run. Run: python -m docs.pictures.watch in the repository.

A small Llama learns under SGD with momentum; from step 200 on the gradient of a head is scaled. It
needs the extras ``torch`` and ``browser``, Pillow, and Chromium with its driver.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from PIL import Image

import conserved as cq
from conserved.monitor import Run, write_offline
from docs.pictures.report import HERE, browser, shoot
from examples.models import Llama

STEPS, FAULT = 300, 200


def run(log: Path) -> None:
    """The run that the pictures show."""
    torch.manual_seed(0)
    model = Llama(layers=2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    example = torch.zeros(1, 3, dtype=torch.long)
    with cq.watch(model, optimizer, example, loss="cross-entropy", log=log) as watched:
        for step in range(STEPS):
            moves = torch.randint(1, 4, (16, 6)).cumsum(1)
            tokens = (torch.randint(7, (16, 1)) + moves) % 7  # of which a part can be foretold
            logits = model(tokens[:, :-1]).flatten(0, 1)
            loss = torch.nn.functional.cross_entropy(logits, tokens[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            if step >= FAULT:
                model.layers[0].attention.q.weight.grad[:4] *= 1.5
            optimizer.step()
            watched.note(loss=loss.item())


def main() -> None:
    """Train, and take the pictures."""
    with tempfile.TemporaryDirectory() as folder, browser() as driver:
        log, page = Path(folder) / "run.jsonl", Path(folder) / "run.html"
        run(log)
        read = Run(log)
        read.update()
        write_offline(read, page)
        read.close()
        driver.get(page.as_uri())
        shoot(driver, "watch.png", "header", "section[aria-labelledby=chosen]", 960)
    picture = Image.open(HERE / "watch.png")
    picture.quantize(96).save(HERE / "watch.png", optimize=True)


if __name__ == "__main__":
    main()
