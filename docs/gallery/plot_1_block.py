"""
A transformer block
===================

Which combinations of the weights of an ``nn.Module`` never change while it trains, and which
tensors they tie together.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import conserved as cq


class Block(nn.Module):
    """Attention, then SwiGLU, each behind an RMSNorm with gains, on a residual stream."""

    def __init__(self, dim: int = 3, hidden: int = 2) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(dim, eps=1e-5), nn.RMSNorm(dim, eps=1e-5)
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(dim, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.norm1(x)
        x = x + self.o(torch.softmax(self.q(z) @ self.k(z).mT, dim=-1) @ self.v(z))
        z = self.norm2(x)
        return x + self.down(nn.functional.silu(self.gate(z)) * self.up(z))


# %%
# One call reads the module, finds the laws and tests each as an identity on the whole program.
block = Block()
laws = cq.block_laws(block, torch.zeros(1, 2, 3))
print(laws)

# %%
# The exact count needs the rank of all brackets too, and proves that there are no others.
analysis = cq.analyze(cq.from_torch(block, torch.zeros(1, 2, 3)))
analysis

# %%
# Each row is a law, each column a tensor: blue where its squares count in the law with one sign,
# red with the other.
names = [name for name, _ in block.named_parameters()]
signs = np.zeros((len(analysis.laws), len(names)))
for row, law in enumerate(analysis.laws):
    for term in law.to_json()["terms"]:
        signs[row, names.index(term["tensor"])] = np.sign(float(term["coefficient"]))

fig, ax = plt.subplots(figsize=(8, 4))
ax.imshow(signs, cmap="coolwarm_r", vmin=-1.5, vmax=1.5, aspect="auto")
ax.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
ax.set_yticks(range(len(analysis.laws)), [law.independent for law in analysis.laws])
ax.set_ylabel("independent laws in the row")
ax.set_title(f"{analysis.count} laws tie {len(names)} tensors together")
fig.tight_layout()
