"""Operations entry by entry: sums, products, powers, and functions of one variable."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from conserved.networks.torch.values import EPS_LIMIT, MINUS_INFINITY, Chosen, Context, Masked
from conserved.networks.tracing import Var

Value = Any  # a Var, a torch constant, a number, or one of conserved.networks.torch.values
Unary = Callable[[Context, Value], Value]

_HALF = Fraction(1, 2)
_UNDER_ROOTS = {"aten.sqrt.default", "aten.rsqrt.default"}


def is_number(value: Value) -> bool:
    """Whether it is one constant number."""
    return isinstance(value, bool | int | float) or (
        not hasattr(value, "recording") and hasattr(value, "numel") and value.ndim == 0
    )


def scaled(c: Context, x: Value, factor: Value) -> Var:
    """A tensor times one number."""
    return c.var(x).scale(c.exact(factor))


def add(c: Context, x: Value, y: Value, *, alpha: float = 1) -> Value:
    if alpha != 1:
        y = scaled(c, y, alpha)
    for one, other in ((x, y), (y, x)):
        if isinstance(one, Masked):
            if isinstance(other, Masked):
                keep = one.keep * other.keep
                return Masked(one.scores + other.scores, keep)
            total = one.scores + c.var(other)
            return Masked(total, np.broadcast_to(one.keep, total.shape))
        if is_number(other) and 0 < float(other) <= EPS_LIMIT and _only_under_roots(c):
            eps = c.eps(float(other))
            return c.var(one) + eps if eps else one
        if (mask := _additive_mask(c, other)) is not None:
            keep, finite = mask
            scores = c.var(one) + c.var(finite) if finite.any() else c.var(one)
            scores = scores.broadcast_to(*np.broadcast_shapes(scores.shape, keep.shape))
            return Masked(scores, np.broadcast_to(keep, scores.shape))
    return c.var(x) + c.var(y)


def _only_under_roots(c: Context) -> bool:
    """Whether the result enters square roots alone: a number added there is an eps."""
    users = list(c.node.users)
    return bool(users) and all(_is_root(user) for user in users)


def _is_root(user: Any) -> bool:
    power = str(user.target) == "aten.pow.Tensor_Scalar" and abs(user.args[1]) == 0.5
    return power or str(user.target) in _UNDER_ROOTS


def _additive_mask(c: Context, value: Value) -> tuple[Any, Any] | None:
    """(where scores are kept, what is added there) of a constant with very negative entries."""
    if hasattr(value, "recording") or not hasattr(value, "numel") or not value.is_floating_point():
        return None
    keep = value > MINUS_INFINITY
    if keep.all():
        return None
    low = value[~keep]
    if not low.isinf().all():
        c.constants.note(f"{float(low.min()):.3g} added to scores is read as −∞")
    finite = value.masked_fill(~keep, 0.0)
    return keep.numpy().astype(np.int64), finite


def sub(c: Context, x: Value, y: Value, *, alpha: float = 1) -> Value:
    return add(c, x, negated(c, y) if alpha == 1 else scaled(c, y, -alpha))


def rsub(c: Context, x: Value, y: Value, *, alpha: float = 1) -> Value:
    return sub(c, y, x, alpha=alpha)


def negated(c: Context, x: Value) -> Value:
    if isinstance(x, bool | int | float) or not isinstance(x, Var):
        return -x if not isinstance(x, Masked | Chosen) else c.var(x)
    return -x


def mul(c: Context, x: Value, y: Value) -> Value:
    for one, other in ((x, y), (y, x)):
        if is_number(other):
            if isinstance(one, Masked) and float(other) > 0:
                return Masked(scaled(c, one.scores, other), one.keep)
            return scaled(c, one, other)
    return c.var(x) * c.var(y)


def div(c: Context, x: Value, y: Value, *, rounding_mode: str | None = None) -> Value:
    if rounding_mode is not None:
        raise c.refused("rounding is no function with a derivative")
    if is_number(y):
        return mul(c, x, 1 / float(y))
    if is_number(x) and float(x) == 1:
        return c.var(y).reciprocal()
    return c.var(x) * c.var(y).reciprocal()


def power(c: Context, x: Value, exponent: Value) -> Value:
    """Whole and half powers of a tensor."""
    if not is_number(exponent):
        raise c.refused("an exponent is a number; write exp(y log x)")
    twice = 2 * float(exponent)
    if not twice.is_integer():
        raise c.refused(f"the power {float(exponent):g} is no whole or half number")
    if not twice:
        return c.var(x).scale(0) + 1
    base = c.var(x) if twice % 2 == 0 else c.var(x).sqrt()
    whole = abs(int(twice) if twice % 2 else int(twice) // 2)
    raised = base**whole
    return raised if twice > 0 else raised.reciprocal()


def function(name: str) -> Unary:
    """An elementary function of the kernel."""
    return lambda c, x: c.var(x).function(name)


def sigmoid(c: Context, x: Value) -> Var:
    return c.var(x).function("sigmoid")


def silu(c: Context, x: Value) -> Var:
    return c.var(x) * sigmoid(c, x)


def gelu(c: Context, x: Value, *, approximate: str = "none") -> Var:
    """z Φ(z), or z/2 · (1 + tanh(√(2/π) (z + 0.044715 z³)))."""
    z = c.var(x)
    if approximate == "none":
        return z * z.function("normal") + z.scale(_HALF)
    inner = z + (z**3).scale(Fraction(44715, 1_000_000))
    return (z * inner.scale("√(2/π)").function("tanh") + z).scale(_HALF)


def softplus(c: Context, x: Value, beta: float = 1, threshold: float = 20) -> Var:
    """log(1 + exp(βz))/β; torch goes over to z above a threshold, which is rounding."""
    inner = scaled(c, x, beta) if beta != 1 else c.var(x)
    value = inner.function("softplus")
    return value if beta == 1 else scaled(c, value, 1 / beta)


def mish(c: Context, x: Value) -> Var:
    z = c.var(x)
    return z * z.function("softplus").function("tanh")


def glu(c: Context, x: Value, dim: int = -1) -> Var:
    z = c.var(x)
    axis = dim % len(z.shape)
    half = z.shape[axis] // 2
    before = (slice(None),) * axis
    front, back = (z[(*before, slice(k * half, (k + 1) * half))] for k in (0, 1))
    return front * back.function("sigmoid")


def log1p(c: Context, x: Value) -> Var:
    return (c.var(x) + 1).function("log")


def expm1(c: Context, x: Value) -> Var:
    return c.var(x).function("exp") - 1


def log_sigmoid(c: Context, x: Value) -> Var:
    return -(-c.var(x)).function("softplus")


def addcmul(c: Context, x: Value, a: Value, b: Value, *, value: float = 1) -> Value:
    return add(c, x, mul(c, mul(c, a, b), value))


def addcdiv(c: Context, x: Value, a: Value, b: Value, *, value: float = 1) -> Value:
    return add(c, x, mul(c, div(c, a, b), value))


def lerp(c: Context, x: Value, y: Value, weight: Value) -> Value:
    return add(c, x, mul(c, weight, sub(c, y, x)))


ELEMENTWISE: dict[str, Callable[..., Value]] = {
    "add": add,
    "sub": sub,
    "rsub": rsub,
    "neg": negated,
    "mul": mul,
    "div": div,
    "pow": power,
    "square": lambda c, x: c.var(x) ** 2,
    "reciprocal": lambda c, x: c.var(x).reciprocal(),
    "sqrt": lambda c, x: c.var(x).sqrt(),
    "rsqrt": lambda c, x: c.var(x).rsqrt(),
    "exp": function("exp"),
    "log": function("log"),
    "tanh": function("tanh"),
    "sigmoid": sigmoid,
    "erf": function("erf"),
    "sin": function("sin"),
    "cos": function("cos"),
    "tan": lambda c, x: c.var(x).function("sin") / c.var(x).function("cos"),
    "silu": silu,
    "gelu": gelu,
    "softplus": softplus,
    "mish": mish,
    "glu": glu,
    "log1p": log1p,
    "expm1": expm1,
    "log_sigmoid": log_sigmoid,
    "addcmul": addcmul,
    "addcdiv": addcdiv,
    "lerp": lerp,
}
