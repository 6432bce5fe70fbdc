"""What the inputs of a question mean, for those who meet them for the first time."""

from __future__ import annotations

from collections.abc import Iterator

from conserved.problem import Problem

ALL_DATA = "Any inputs, any labels, however many: a law has to hold on every dataset."
# by the name of a dynamics, or of a part of one
DYNAMICS = {
    "gradient": (
        "Gradient flow is gradient descent in the limit of small steps. Steps of a certain size "
        "move a quadratic law a little, by as much as is known beforehand."
    ),
    "momentum": (
        "Heavy-ball momentum in the limit of small steps, with friction τ. Laws are functions of "
        "time, parameters and velocity."
    ),
    "nesterov": (
        "Nesterov's momentum in the limit of small steps. Laws are functions of time, parameters "
        "and velocity."
    ),
    "decay": (
        "Weight decay λ pulls parameters to 0. Laws are functions of time and parameters: a power "
        "of e makes up for what decays."
    ),
    "rates": "Tensors have learning rates of their own; in a law each counts by one over its rate.",
    "rates:entries": "Every entry of a tensor has a learning rate of its own.",
    "mirror": (
        "Mirror descent with entropy (exponentiated gradient) in the limit of small steps: entries "
        "move in proportion to themselves, and stay positive."
    ),
    "mirror-momentum": "Mirror descent with entropy and momentum, in the limit of small steps.",
    "metric": (
        "A constant matrix P, symmetric and positive definite, multiplies the gradient. With "
        "P = B Bᵀ this is gradient flow of the parameters φ, θ = B φ."
    ),
    "natural": (
        "Natural gradient, with the exact Fisher matrix of the same data. It turns the gradient, "
        "but never out of the directions that gradients span: laws are those of gradient flow."
    ),
    "sign": (
        "Every entry moves at one speed, by the sign of its slope, as in sign descent and in an "
        "idealised Adam. Laws hold as long as ratios of slopes that are always "
        "proportional keep their signs."
    ),
    "outputs": "Parameters move along the outputs of the network itself, whatever the input.",
}


def explained(problem: Problem) -> dict[str, str]:
    """A sentence or two for the rows of the question that need some, by the row's name.

    Example:
        >>> told = explained(Problem.from_text("linear:4-2-1", symmetry="permutation"))
        >>> sorted(told), told["labels"]
        (['data', 'flow', 'labels'], 'All images of a sample under the group have the same label.')
    """
    told = {"data": _data(problem), "flow": " ".join(_flow(problem))}
    if problem.symmetric:
        told["labels"] = _labels(problem)
    return {name: words for name, words in told.items() if words}


def _flow(problem: Problem) -> Iterator[str]:
    for part in problem.flow.name.split("+"):
        family = part.partition(":")[0]
        if words := DYNAMICS.get(part) or DYNAMICS.get(family):
            yield words


def _data(problem: Problem) -> str:
    if problem.symmetric:
        given = " of these inputs" if problem.inputs is not None else ""
        return (
            f"A dataset of this class{given} holds with every sample all its images under the "
            "group, with equal weight: what full augmentation makes of any data. Augmentation that "
            "draws some of the images has it on average only."
        )
    if problem.inputs is None:
        return ALL_DATA
    if isinstance(problem.inputs.stated.labels, str):
        return "Any dataset of these inputs, each as often as one likes."
    return "Any dataset of these samples, each as often as one likes."


def _labels(problem: Problem) -> str:
    return {
        "invariant": "All images of a sample under the group have the same label.",
        "equivariant": "The label of an image is the image of the label.",
        "sign": "The label of an image is that of the sample, or minus that.",
    }.get(problem.labels.name, "")
