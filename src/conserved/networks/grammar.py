"""The text form of networks: families and their options declared as data.

The command-line grammar, ``conserved list networks`` and every error are made from ``FAMILIES``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conserved.errors import InputError, nearest, require_text
from conserved.networks.attention import Attention
from conserved.networks.base import SPEC_LIMIT, Network
from conserved.networks.lightning import Lightning
from conserved.networks.linear import Linear
from conserved.networks.mlp import ACTIVATIONS, MLP
from conserved.networks.polynomial import Polynomial
from conserved.networks.relu import ReLU
from conserved.networks.swiglu import SwiGLU
from conserved.registry import Registry

SIZE_LIMIT = 1_000_000


@dataclass(frozen=True)
class Option:
    """One option of a family: ``name`` (a flag), ``name=INTEGER`` or ``name=CHOICE``."""

    name: str
    kind: str = "integer"
    required: bool = False
    choices: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        value = {"flag": "", "integer": "=N", "choice": "=" + "|".join(self.choices)}[self.kind]
        return f"{self.name}{value}"


@dataclass(frozen=True)
class Family:
    """A network family: its text form and how to build it.

    Args:
        name: what stands before the colon.
        formula: the forward pass as on paper.
        build: called with (*widths, **options).
        widths: (least, most) numbers of dash-separated widths, or None for options only.
        options: the options it takes.
    """

    name: str
    formula: str
    build: Callable[..., Network]
    widths: tuple[int, int] | None
    options: tuple[Option, ...] = ()
    example: str = ""

    @property
    def usage(self) -> str:
        """The grammar of this family on one line."""
        words = [] if self.widths is None else ["WIDTHS"]
        words += [option.usage for option in self.options if option.required]
        rest = [option.usage for option in self.options if not option.required]
        return f"{self.name}:{','.join(words)}" + "".join(f"[,{word}]" for word in rest)


_BIAS = Option("bias", "flag")

_OWN = {
    family.name: family
    for family in (
        Family("linear", "W_L ⋯ W_1 x", Linear, (2, 64), example="linear:4-2-1"),
        Family(
            "relu", "W_L ReLU(⋯ W_1 x + b_1 ⋯) + b_L", ReLU, (3, 64), (_BIAS,), "relu:5-7-4,bias"
        ),
        Family(
            "poly", "W_L (⋯ W_1 x)^r", Polynomial, (3, 64), (Option("power"),), "poly:2-3-1,power=2"
        ),
        Family(
            "mlp",
            "W_L φ(⋯ W_1 x + b_1 ⋯) + b_L",
            MLP,
            (3, 64),
            (Option("act", "choice", choices=tuple(ACTIVATIONS)), _BIAS),
            "mlp:3-4-1,act=tanh",
        ),
        Family("swiglu", "A (SiLU(B x) ⊙ C x)", SwiGLU, (3, 3), example="swiglu:2-3-2"),
        Family(
            "lightning",
            "X Q Kᵀ Xᵀ X V",
            Lightning,
            None,
            (
                Option("dim", required=True),
                Option("tokens", required=True),
                Option("head"),
                Option("out"),
            ),
            "lightning:dim=3,tokens=2,head=1,out=1",
        ),
        Family(
            "attention",
            "Σ_h softmax(X Q_hᵀ K_h Xᵀ) X V_hᵀ O_h",
            Attention,
            None,
            (
                Option("dim", required=True),
                Option("tokens", required=True),
                Option("head", required=True),
                Option("heads"),
                Option("causal", "flag"),
            ),
            "attention:dim=4,tokens=3,head=2",
        ),
    )
}
FAMILIES: Registry[Family] = Registry("networks", Family, _OWN)


def parse_network(text: str) -> Network:
    """Build the network that a text such as ``relu:5-7-4,bias`` names.

    Raises:
        InputError: unknown family or option, widths that are not positive integers.
        LimitError: more parameters than any rank could handle.

    Example:
        >>> parse_network("poly:2-3-1,power=3").size
        9
        >>> parse_network("linaer:3-2")
        Traceback (most recent call last):
        conserved.errors.InputError: network 'linaer:3-2': unknown family 'linaer'; \
did you mean 'linear'?
    """
    text = require_text("network", text, "linear:4-2-1").strip()
    if len(text) > SPEC_LIMIT:
        raise InputError("network", text, f"longer than {SPEC_LIMIT} characters")
    name, colon, rest = text.partition(":")
    family = FAMILIES.get(name)
    if family is None:
        raise InputError("network", text, f"unknown family '{name}'; {nearest(name, FAMILIES)}")
    words = rest.split(",") if colon and rest else []
    widths: list[int] = []
    if family.widths is not None:
        if not words or "=" in words[0]:
            raise _misfit(text, family, "needs widths")
        widths = _widths(text, family, words.pop(0))
    return family.build(*widths, **_options(text, family, words))


def _widths(text: str, family: Family, word: str) -> list[int]:
    assert family.widths is not None
    least, most = family.widths
    widths = [_size(text, "widths", part) for part in word.split("-")]
    if not least <= len(widths) <= most:
        bound = f"{least}" if least == most else f"{least} to {most}"
        raise _misfit(text, family, f"takes {bound} widths, got {len(widths)}")
    return widths


def _options(text: str, family: Family, words: list[str]) -> dict[str, Any]:
    known = {option.name: option for option in family.options}
    given: dict[str, Any] = {}
    for word in words:
        name, equals, value = (part.strip() for part in word.partition("="))
        option = known.get(name)
        if option is None:
            advice = (
                f"unknown option '{name}'; {nearest(name, known)}"
                if known
                else f"{family.name} takes no options"
            )
            raise _misfit(text, family, advice)
        if name in given:
            raise InputError("network", text, f"option '{name}' is given twice")
        if option.kind == "flag":
            if equals:
                raise InputError("network", text, f"'{name}' is a flag and takes no value")
            given[name] = True
        elif option.kind == "integer":
            given[name] = _size(text, name, value)
        elif value in option.choices:
            given[name] = value
        else:
            raise InputError(
                "network", text, f"unknown {name} '{value}'; {nearest(value, option.choices)}"
            )
    missing = [
        option.name for option in family.options if option.required and option.name not in given
    ]
    if missing:
        raise _misfit(text, family, f"needs {', '.join(missing)}")
    return given


def _size(text: str, what: str, word: str) -> int:
    if not (word.isascii() and word.isdigit()) or int(word[:20]) == 0:
        raise InputError("network", text, f"{what}: positive integers, got '{word[:20]}'")
    value = int(word[:20])
    if value > SIZE_LIMIT:
        raise InputError("network", text, f"{what}: at most {SIZE_LIMIT:,}, got {value:,}")
    return value


def _misfit(text: str, family: Family, advice: str) -> InputError:
    return InputError("network", text, f"{advice} (usage: {family.usage})")
