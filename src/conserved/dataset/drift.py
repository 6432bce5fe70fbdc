"""How fast laws that a symmetry would add drift on data that only nearly have it (theory §15)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conserved.analysis import analyze
from conserved.dataset.features import Features
from conserved.kernel.real import Reals
from conserved.law import Law
from conserved.losses import Loss
from conserved.networks import Network
from conserved.problem import Problem
from conserved.simulate.breaking import averaged, rates
from conserved.simulate.data import Dataset, check_dataset, initial
from conserved.simulate.objective import make_objective
from conserved.symmetry import Group

STARTS = 16  # random θ at which rates are taken


@dataclass(frozen=True)
class Drift:
    """How fast one law drifts before any training.

    Attributes:
        law: of data closed under the group.
        rate: |ḣ| of the function that drifts most, the mean over random θ.
        share: the same as a share of Σ_i |∂_i h| |∂_i L|, what it could be had nothing cancelled.
    """

    law: Law
    rate: float
    share: float

    def to_json(self) -> dict[str, Any]:
        return {"law": self.law.text, "rate": self.rate, "share": self.share}


def drifts(
    network: Network,
    loss: Loss,
    group: Group,
    inputs: Features,
    labels: Features,
    *,
    seed: int = 0,
) -> tuple[Drift, ...]:
    """The rates of all laws that data closed under a group would add, on these data as they are.

    Args:
        network, loss, group: the problem; labels stay as they are.
        inputs, labels: rows of the data.
        seed: draws the parameters, as a run starts from them.

    Raises:
        InputError: sizes that do not fit, or a loss that trains nothing.
    """
    problem = Problem(network=network, loss=loss, symmetry=group)
    found = analyze(problem, seed=seed)
    laws = [law for law in found.laws if law.origin == "data symmetry"]
    x, y = (np.array([[float(v) for v in row] for row in part.rows]) for part in (inputs, labels))
    data = Dataset(
        "table",
        "a table",
        x.reshape(-1, *network.input_shape),
        y.reshape(-1, *network.output_shape),
    )
    check_dataset(problem, data)
    rng = np.random.default_rng([seed, 15])
    plain, full = make_objective(problem, data, "none", rng), averaged(problem, data, "none")
    if full is None:
        return ()
    thetas = [initial(network, rng) for _ in range(STARTS)]
    out = []
    for law in laws:
        speeds, shares = [], []
        for theta in thetas:
            moved = np.abs(rates(plain, full, law, theta))
            pull = plain.evaluate(theta[None])[1][0]
            gross = np.abs(law.gradients(Reals(), theta)) @ np.abs(pull)
            worst = int(moved.argmax())
            speeds.append(moved[worst])
            shares.append(moved[worst] / gross[worst] if gross[worst] else 0.0)
        out.append(Drift(law, float(np.mean(speeds)), float(np.mean(shares))))
    return tuple(out)
