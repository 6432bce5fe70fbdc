"""What reads PyTorch modules says in one line how to install it; with it, what to give."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

import conserved as cq
from conserved.errors import InputError

READERS: dict[str, Callable[..., Any]] = {
    "from_torch": cq.from_torch,
    "block_laws": cq.block_laws,
    "coverage": cq.coverage,
    "watch": lambda model, example: cq.watch(model, None, example),  # type: ignore[arg-type]
    "check_gradients": lambda model, example: cq.check_gradients(model, example=example),
    "imbalance": cq.imbalance,
    "rebalance": cq.rebalance,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("model, example", [(None, None), (object(), [1])])
def test_it_is_said_how_to_install_it(
    reader: str, model: Any, example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    told = r"(module|model) '\w+': needs PyTorch: pip install 'conserved\[torch\]'"
    with pytest.raises(InputError, match=told):
        READERS[reader](model, example)


@pytest.mark.parametrize("reader", ["from_torch", "block_laws", "coverage"])
@pytest.mark.parametrize("example, kind", [(None, "NoneType"), (3, "int")])
def test_an_example_is_asked_for(reader: str, example: Any, kind: str) -> None:
    nn = pytest.importorskip("torch", reason="needs the extra torch").nn
    with pytest.raises(InputError, match=f"example '{kind}': give an input of the module"):
        READERS[reader](nn.Linear(2, 2), example)
    with pytest.raises(InputError, match=f"module '{kind}': give a torch.nn.Module"):
        READERS[reader](example, example)
