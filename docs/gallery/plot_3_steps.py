"""
Steps instead of a flow
=======================

A law of gradient flow drifts when the steps are finite, by an amount that is known: in proportion
to the step over a fixed time. What is no law drifts as far however small the step is.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import conserved as cq
from conserved.simulate import GradientDescent, simulate

problem = cq.Problem.from_text("relu:5-4-2,bias")
law = cq.analyze(problem).laws[0]
print("law:    ", law.text)

# %%
# The same without the bias is what one might guess. It is no law.
guess = replace(law, terms=tuple(term for term in law.terms if term.tensor != "b1"))
print("no law: ", guess.text)

rates = 0.04 / 2.0 ** np.arange(6)
drift = np.empty((2, len(rates)))
for column, rate in enumerate(rates):
    run = simulate(
        problem, [law, guess], dynamics=GradientDescent(rate=rate, steps=round(2 / rate)), seed=1
    )
    drift[:, column] = [verdict.drift for verdict in run.verdicts]

fig, ax = plt.subplots(figsize=(7, 3.5))
ax.loglog(rates, drift[0], "o-", label="the law: proportional to the step")
ax.loglog(rates, drift[1], "s-", label="without its bias: does not shrink")
ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
ax.minorticks_off()
ax.set_xlabel("step size η, over the same time")
ax.set_ylabel("drift")
ax.legend()
fig.tight_layout()
slopes = np.polyfit(np.log(rates), np.log(drift.T), 1)[0]
print(f"slopes: {slopes[0]:.2f} and {slopes[1]:.2f}")
