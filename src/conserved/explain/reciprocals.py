"""One unit of activation z² on signed permutations: reciprocal squares that keep their direction.

The loss sees |w|⁴ and Σ w_i⁴ of the unit's weights w, so every field is w_i′ = w_i(a + b·w_i²) with
a and b the same for all i. Then u_i = 1/w_i² obeys u_i′ = −2a·u_i − 2b, and all differences
u_i − u_j grow by one factor: their n − 2 ratios are conserved, though no rotation is unseen.
"""

from __future__ import annotations

from conserved.law import Layout, Polynomial, RationalLaw
from conserved.networks.base import Network
from conserved.networks.lift import PolynomialLift


def reciprocal_law(network: Network) -> RationalLaw | None:
    """(1/w_1² − 1/w_2²) / (1/w_1² − 1/w_k²), k = 3 … n, for a network that may keep them.

    A candidate: whether the fields are of that form, verification tells.

    Example:
        >>> from conserved.networks import Polynomial as Net
        >>> law = reciprocal_law(Net(3, 1, 1, power=2))
        >>> print(law)  # times w_1² w_2² w_3² above and below
        (W1[1,1]² W1[1,3]² − W1[1,2]² W1[1,3]²) / (W1[1,1]² W1[1,2]² − W1[1,2]² W1[1,3]²)
    """
    lift = network.lift()
    axes = [(name, axis) for name, axis, side in network.feature_axes() if side == "input"]
    if not isinstance(lift, PolynomialLift) or lift.degree != 2 or len(axes) != 1:
        return None
    ((name, axis),) = axes
    layout = Layout.of(network.parameters)
    weights = layout.indices(name)
    if weights.size != weights.shape[axis] or weights.size < 3:
        return None
    one, two, *others = weights.ravel().tolist()
    components = tuple(
        (
            Polynomial.of({(one, one, k, k): 1, (two, two, k, k): -1}),
            Polynomial.of({(one, one, two, two): 1, (two, two, k, k): -1}),
        )
        for k in others
    )
    title = f"direction of the differences of 1/{name}[i]²"
    return RationalLaw(layout=layout, components=components, title=title)
