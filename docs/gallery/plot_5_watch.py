"""
Watching a training run
=======================

Momentum moves a law by an amount that is known step by step. A bug in a backward pass does not.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

import conserved as cq

torch.manual_seed(0)


def trained(scale: float, steps: int = 60) -> tuple[list[float], list[float], str]:
    """Drift of a law and what was predicted of it, where one gradient is scaled by a bug."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    laws = cq.block_laws(model, torch.zeros(1, 4).double())
    if scale != 1:
        model[2].weight.register_hook(lambda gradient: scale * gradient)
    x, y = torch.randn(32, 4).double(), torch.randn(32, 2).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    drift, predicted = [], []
    with cq.watch(model, optimizer, laws=laws) as watched:
        for _ in range(steps):
            optimizer.zero_grad()
            ((model(x) - y) ** 2).mean().backward()
            optimizer.step()
            law = watched.tracks[0]
            drift.append(law.drift)
            predicted.append(law.predicted - law.start)
    return drift, predicted, watched.verdict()


# %%
# As it should be, and with one gradient ten percent too large.
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for ax, scale, words in zip(
    axes, (1.0, 1.1), ("correct", "one gradient 10 % too large"), strict=True
):
    drift, predicted, verdict = trained(scale)
    ax.plot(drift, lw=3, alpha=0.5, label="drift of the law")
    ax.plot(predicted, "k--", lw=1, label="predicted from the steps")
    ax.set_title(words)
    ax.set_xlabel("step")
    ax.set_ylabel("h − h(0)")
    print(f"{words}:\n  {verdict}")
axes[0].legend()
fig.tight_layout()
