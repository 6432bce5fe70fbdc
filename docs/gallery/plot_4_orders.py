"""
How much symmetry a loss sees
=============================

Data that are symmetric under k rotations of the plane add laws once k passes what the loss can tell
apart: a network of degree r under the loss of degree Q sees moments up to order r Q.
"""

import matplotlib.pyplot as plt
import numpy as np

import conserved as cq

orders, losses = range(2, 13), range(2, 6)
added = np.empty((len(losses), len(orders)), dtype=int)
for row, degree in enumerate(losses):
    for column, order in enumerate(orders):
        problem = cq.Problem.from_text(
            "poly:2-1-1,power=2", loss=f"poly:{degree}", symmetry=f"rotation:{order}"
        )
        upper = cq.lie_closure(problem).upper
        added[row, column] = upper - cq.lie_closure(problem.architecture()).upper
print(added)

fig, ax = plt.subplots(figsize=(7, 2.8))
ax.imshow(added, cmap="Blues", vmin=0, vmax=2)
for (row, column), count in np.ndenumerate(added):
    ax.text(column, row, count, ha="center", va="center")
ax.set_xticks(range(len(orders)), orders)
ax.set_yticks(range(len(losses)), losses)
ax.set_xlabel("rotations in the symmetry group of the data")
ax.set_ylabel("degree of the loss")
ax.set_title("laws that the symmetry adds")
fig.tight_layout()
