"""
What an augmentation freezes
============================

Sets that are shown in every order freeze a plane of the weights; training without the augmentation
moves it. Both runs start from the same weights.
"""

import matplotlib.pyplot as plt
import numpy as np

import conserved as cq
from conserved.simulate import GradientDescent, simulate

problem = cq.Problem.from_text("linear:6-2-1", symmetry="permutation")
analysis = cq.analyze(problem)
frozen = [law for law in analysis.laws if law.origin == "data symmetry"]
print(f"{analysis.count} laws, {analysis.from_data_symmetry} of them due to the augmentation:")
print(frozen[0].text)

# %%
# Full augmentation keeps it to rounding. One random order at each step keeps it on average only,
# and none at all lets it go.
fig, ax = plt.subplots(figsize=(7, 3.5))
for augment, words in (
    ("none", "no augmentation"),
    ("random", "one random order a step"),
    ("full", "every order"),
):
    run = simulate(problem, frozen, dynamics=GradientDescent(rate=0.02, steps=200), augment=augment)
    moved = np.abs(run.trajectory.drift(0)).max(axis=1)
    ax.semilogy(run.trajectory.steps, np.maximum(moved, 1e-16), label=words)
    print(f"{words:24} {run.verdicts[0].outcome:21} moved by {moved[-1]:.1e}")
ax.set_xlabel("step")
ax.set_ylabel("how far the plane moved")
ax.legend()
fig.tight_layout()
