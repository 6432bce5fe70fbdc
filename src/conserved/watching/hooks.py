"""Where a watch is called: hooks of a model and of its optimizers, and of all other optimizers."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.optim import Optimizer


class Hook:
    """What is called where it was hooked; in copies of a model, and in files, nothing is."""

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return None if self._function is None else self._function(*args, **kwargs)

    def __deepcopy__(self, memo: Any) -> Hook:
        return Hook()

    def __reduce__(self) -> Any:
        return Hook, ()

    def rest(self) -> None:
        """Call nothing any more."""
        self._function = None


class Hooks:
    """Those of one watch."""

    def __init__(self) -> None:
        self._hooks: list[Hook] = []
        self._handles: list[Any] = []

    def add(self, register: Callable[[Hook], Any], function: Callable[..., Any]) -> None:
        """Hook a function where ``register`` does."""
        hook = Hook(function)
        self._hooks.append(hook)
        self._handles.append(register(hook))

    def rest(self) -> None:
        """Call nothing any more; also while hooks are gone through, when none may be removed."""
        for hook in self._hooks:
            hook.rest()

    def remove(self) -> None:
        """Take them off."""
        self.rest()
        for handle in self._handles:
            handle.remove()
        self._hooks, self._handles = [], []


class Strangers:
    """Tells of an optimizer that steps parameters of a model and is not watched.

    Args:
        optimizers: that are watched.
        parameters: of the model.
        met: called with the first that is met; held weakly.
    """

    def __init__(
        self,
        optimizers: Sequence[Optimizer],
        parameters: Sequence[Any],
        met: Callable[[Optimizer], None],
    ) -> None:
        from torch.optim.optimizer import register_optimizer_step_post_hook

        self._known: weakref.WeakSet[Any] = weakref.WeakSet(optimizers)
        self._watched = list(optimizers)
        self._own = {id(p) for p in parameters}
        self._met = weakref.WeakMethod(met)
        mine = weakref.ref(self)

        def stepped(optimizer: Any, args: Any, kwargs: Any) -> None:
            if (alive := mine()) is not None:
                alive._stepped(optimizer)

        handle = register_optimizer_step_post_hook(stepped)
        self.close = weakref.finalize(self, handle.remove)

    def _stepped(self, optimizer: Any) -> None:
        if optimizer in self._known:
            return
        self._known.add(optimizer)
        steps = (p for group in optimizer.param_groups for p in group["params"])
        mine = any(id(p) in self._own for p in steps) and not self._around(optimizer)
        if mine and (met := self._met()) is not None:
            met(optimizer)

    def _around(self, optimizer: Any) -> bool:
        """Whether it is made of one that is watched, whose steps are told of there."""
        held = list(vars(optimizer).values())
        parts = [x for one in held for x in (one if isinstance(one, (list, tuple)) else [one])]
        return any(part is one for part in parts for one in self._watched)
