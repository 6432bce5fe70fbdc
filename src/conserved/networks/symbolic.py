"""Vector fields written in SymPy, as the network whose outputs they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import reduce
from operator import add, mul
from typing import Any

from conserved.errors import InputError
from conserved.kernel.program import NAME_LIMIT, Program, Tensors
from conserved.networks.base import Network
from conserved.networks.given import Given
from conserved.networks.tracing import Var, concatenate, trace

_FORMS = "give lists of SymPy expressions, one for each parameter, or a kernel.program.Program"


def network_of_fields(fields: Any, parameters: Any = None) -> Network:
    """The network f with θ' = f(θ, x): its inputs are the symbols that are no parameters.

    Of several fields every combination is one: f = Σ_k x_k w_k.

    Args:
        fields, parameters: as for ``conserved.laws_of``.

    Raises:
        InputError: as there.

    Example:
        >>> from sympy import symbols
        >>> q, p, k = symbols("q p k")
        >>> network = network_of_fields([p, -k * q], [q, p])
        >>> network.spec, network.input_shape, network.output_shape
        ('fields on q, p', (1,), (2,))
    """
    if isinstance(fields, Program):
        if parameters is not None:
            advice = "a program names its own parameters; leave them out"
            raise InputError("parameters", repr(parameters), advice)
        names = [name for name, _ in fields.parameters]
        return Given(_title(names), fields)
    symbols = _symbols(parameters)
    family = _family(fields, len(symbols))
    names = [symbol.name for symbol in symbols]
    free = {s for field in family for entry in field for s in entry.free_symbols} - set(symbols)
    constants = sorted(free, key=lambda symbol: (symbol.name, str(symbol.assumptions0)))
    several = len(family) if len(family) > 1 else 0
    tensors: Tensors = tuple((name, ()) for name in names)
    size = max(len(constants) + several, 1)  # of a field without constants, an input in vain

    def formula(named: Mapping[str, Var], given: Mapping[str, Var]) -> Var:
        x = given["x"]
        known = {symbol: named[symbol.name] for symbol in symbols}
        known |= {symbol: x[k] for k, symbol in enumerate(constants)}
        walk = _Walk(known, x)
        rows = [concatenate([walk(e).reshape(1) for e in field]) for field in family]
        if not several:
            return rows[0]
        return reduce(add, [row * x[len(constants) + k] for k, row in enumerate(rows)])

    return Given(_title(names), trace(tensors, (("x", (size,)),), formula))


class _Walk:
    """SymPy expressions as operations on a trace; equal parts become one."""

    def __init__(self, known: Mapping[Any, Var], any_tensor: Var) -> None:
        self.met: dict[Any, Var] = dict(known)
        self.recording = any_tensor.recording

    def __call__(self, expression: Any) -> Var:
        if expression not in self.met:
            self.met[expression] = self._made(expression)
        return self.met[expression]

    def _made(self, expression: Any) -> Var:
        if expression.is_Rational:
            return self.recording.constant(Fraction(int(expression.p), int(expression.q)))
        if expression.is_Add or expression.is_Mul:
            parts = [self(part) for part in expression.args]
            joined: Var = reduce(add if expression.is_Add else mul, parts)
            return joined
        if expression.is_Pow and expression.exp.is_Integer:
            exponent = int(expression.exp)
            power: Var = self(expression.base) ** abs(exponent)
            return power if exponent > 0 else power.reciprocal()
        if expression.is_Float:
            advice = f"numbers are exact: write Rational({str(expression)[:20]!r}) for it"
            raise InputError("fields", expression, advice)
        advice = "fields are rational: sums, products, quotients and whole powers of symbols"
        raise InputError("fields", _short(expression), advice)


def _symbols(parameters: Any) -> list[Any]:
    """The parameters, each a symbol and all of different names."""
    try:
        from sympy import Symbol
    except ImportError as error:
        advice = "expressions need SymPy (pip install sympy); a program does not"
        raise InputError("parameters", _short(parameters), advice) from error

    listed = _listed(parameters)
    if not listed:
        raise InputError("parameters", _short(parameters), "give a list of SymPy symbols")
    for symbol in listed:
        if not isinstance(symbol, Symbol):
            raise InputError("parameters", _short(symbol), "each is a SymPy symbol")
        if len(symbol.name) > NAME_LIMIT:
            raise InputError("parameters", _short(symbol), f"names have up to {NAME_LIMIT} letters")
    names = [symbol.name for symbol in listed]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError("parameters", twice[0], "stands there twice")
    return listed


def _family(fields: Any, size: int) -> list[list[Any]]:
    """One list of expressions for each field."""
    from sympy import Expr, sympify

    listed = _listed(fields)
    if not listed:
        raise InputError("fields", _short(fields), _FORMS)
    inner = [_listed(field) for field in listed]
    family = [listed] if not any(inner) else inner
    made = []
    for number, field in enumerate(family, 1):
        if len(field) != size:
            which = f"field {number}" if len(family) > 1 else "the field"
            advice = f"{which} has {len(field)} entries, and there are {size} parameters"
            raise InputError("fields", _short(field), advice)
        for entry in field:
            if isinstance(entry, str) or not isinstance(entry, Expr | int | float | Fraction):
                raise InputError("fields", _short(entry), _FORMS)
        made.append([sympify(entry) for entry in field])
    return made


def _listed(value: Any) -> list[Any]:
    """The entries of a list, a tuple or a SymPy matrix; of anything else none."""
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        value = value.tolist()  # a matrix, row by row; one column is one list
        if value and all(isinstance(row, list) and len(row) == 1 for row in value):
            value = [row[0] for row in value]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(value)
    return []


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _title(names: Sequence[str]) -> str:
    text = f"fields on {', '.join(names)}"
    return text if len(text) <= NAME_LIMIT else f"fields on {len(names)} parameters"
