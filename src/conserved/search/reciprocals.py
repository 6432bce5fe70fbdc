"""One unit of activation z² on signed permutations: reciprocal squares that keep their direction.

The loss sees |w|⁴ and Σ w_i⁴ of the unit's weights w, so every field is w_i′ = w_i(a + b·w_i²) with
a and b the same for all i. Then u_i = 1/w_i² obeys u_i′ = −2a·u_i − 2b, and all differences
u_i − u_j grow by one factor: their n − 2 ratios are conserved, though no rotation is unseen.
"""

from __future__ import annotations

from collections.abc import Iterator

from conserved.law import Law, Polynomial, RationalLaw
from conserved.networks.lift import MonomialLift
from conserved.search.state import State


def reciprocals(state: State) -> Iterator[list[Law]]:
    """(1/w_1² − 1/w_2²) / (1/w_1² − 1/w_k²), k = 3 … n, for a network that may keep them."""
    network = state.problem.network
    axes = [(name, axis) for name, axis, side in network.feature_axes() if side == "input"]
    lift = network.lift() if state.lifted is not None else None
    if not isinstance(lift, MonomialLift) or lift.power != 2 or len(axes) != 1:
        return
    ((name, axis),) = axes
    weights = state.layout.indices(name)
    if weights.size != weights.shape[axis] or weights.size < 3:
        return
    one, two, *others = weights.ravel().tolist()
    components = tuple(  # times w_1² w_2² w_k² above and below
        (
            Polynomial.of({(one, one, k, k): 1, (two, two, k, k): -1}),
            Polynomial.of({(one, one, two, two): 1, (two, two, k, k): -1}),
        )
        for k in others
    )
    title = f"direction of the differences of 1/{name}[i]²"
    yield [RationalLaw(layout=state.layout, components=components, title=title)]
