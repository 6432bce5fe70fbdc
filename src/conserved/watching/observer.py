"""What ``Watch`` sees at each step: gradients tested, the ledger kept, faults noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.blocks import BlockLaws
from conserved.dynamics.outcomes import REFUSED, rates_in_words
from conserved.watching.between import Between, Written, changed_between, written_between
from conserved.watching.families import Families
from conserved.watching.gradient.altered import Forward
from conserved.watching.gradient.causes import listed
from conserved.watching.gradient.gradients import (
    coarser,
    functions_of,
    per_family,
    precisions,
    report_on,
    sums_of,
)
from conserved.watching.gradient.precision import Digits
from conserved.watching.gradient.tested import Tester
from conserved.watching.ledgers import rules as kinds
from conserved.watching.ledgers.ledger import Ledger
from conserved.watching.ledgers.rules import Rule, in_words
from conserved.watching.ledgers.values import Step, Values
from conserved.watching.look.looking import gradients, look, mean_squares
from conserved.watching.look.probes import Probes
from conserved.watching.look.products import Floats
from conserved.watching.ranks import Ranks
from conserved.watching.steps import StepCheck
from conserved.watching.tensors import Parameters
from conserved.watching.tracks import Event, Track

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

QUIET = np.errstate(invalid="ignore", over="ignore")  # what is not finite is told in words
_FIRST, _EVERY = 8, 32  # looks at which the sizes of gradients are taken, which change slowly
_SELDOM = 64  # those of parameters change more slowly


class Observer:
    """The state of all laws of one model under its optimizers.

    Args:
        model, optimizers, laws: of the run.
        agree: whether ranks must have the same gradients.
        probes: what is looked at of each family.
        told: called with the number of a step, and this, when all is known of it.

    Attributes:
        parameters: of the model, by name.
        resume: as ``Families.resume``.
        looking: whether a step has begun to be looked at.
        residual, gradient: (families,) of the last look, in roundings; nan where not known.
        rule: what makes laws drift, in words.
        half: relative rounding of gradients that went through half precision, or through products
            of fewer digits; else 0.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        laws: BlockLaws,
        *,
        agree: bool,
        probes: Probes,
        told: Callable[[int, Observer], None],
    ) -> None:
        self.optimizers, self.laws = tuple(optimizers), laws
        self.parameters = Parameters(model)
        named = self.parameters()
        self.precision = max(precisions(named).values(), default=1.2e-7)
        self._sums = sums = sums_of(laws.laws, named, probes)
        self._tester = Tester(sums, REFUSED, precisions(named))
        self._groups = kinds.groups_of(self.optimizers, named)
        self._ledger = Ledger(sums, self._groups)
        self._rules = kinds.rules_of(self.optimizers)  # those of the ledger's groups
        self._ledger.begin(self._rules)
        lawful = {name for law in sums.laws for name in law.family.tensors}
        self._check = StepCheck(named, probes.seed, lawful)
        self._ranks = Ranks() if agree else None
        self.half, self._looks, self._digits = 0.0, 0, Digits(named.values())
        self._coarse = 0.0  # relative rounding of velocities, where it is larger
        self._slow, self._fast = np.inf, 0.0  # rates so far
        self.rule = self._words = in_words(self.optimizers)
        self._frozen = kinds.standing(named, self._groups)
        self.texts = [law.text for law in sums.laws]
        self.looking = False
        self._unknown = np.full(len(sums.laws), np.nan)
        self.residual = self.gradient = self._unknown
        self._values = Values(sums, self._tester, self._ledger, named, self.precision)
        self._families = Families(
            sums,
            self._values,
            self.texts,
            self.optimizers,
            self._groups,
            precision=self.precision,
            signs=probes.signs(),
        )
        self.resume = self._families.resume
        self._fresh = True  # the values are those of the parameters as they are
        self._rewritten: Sequence[str] = ()  # told of
        self._pending: Step | None = None
        self._told = told
        self._named = named
        self._sharded = any(hasattr(p, "full_tensor") for p in named.values())
        self._forward = Forward(not self._sharded)

    # ---------------------------------------------------------------- what is there

    @property
    def tracks(self) -> list[Track]:
        """One for each family."""
        return self._families.tracks

    @property
    def events(self) -> list[Event]:
        """Of the last look, for whoever takes them."""
        return self._families.events

    @property
    def rates(self) -> list[float]:
        """Of each parameter group."""
        return [float(group["lr"]) for o in self.optimizers for group in o.param_groups]

    @property
    def underflow(self) -> bool:
        """Whether small gradients are lost, as in float16."""
        return self._digits.underflow

    def note_precision(self) -> None:
        """Called in the forward pass: whether a gradient comes of half precision."""
        import torch

        if torch.is_grad_enabled():
            self._forward.note(self._named)
            self._digits.note()

    def note_kind(self, kind: Any) -> None:
        """Sharded parameters are of this type in the forward."""
        self._digits.note_kind(kind)

    # ---------------------------------------------------------------- before a step

    @QUIET
    def before(self, step: int) -> None:
        """Test the gradient that a step is about to use, and settle the step before."""
        named = self.parameters()
        self.parameters.check(named)
        velocity, rules = kinds.velocities(self.optimizers, named), kinds.rules_of(self.optimizers)
        self._coarse = coarser({b.dtype for b in velocity.values()}, self.precision)
        slopes = gradients(named, self.optimizers)
        between = self._check.before(named, slopes, velocity, self._rule_of)
        held = {"x": named, "g": slopes, "b": velocity}
        wanted = {"xg", "g", *(["gg"] if kinds.needs_gradient_squares(rules) else [])}
        if self._pending is not None:
            wanted.update(self._pending.wanted)
        elif between != Between() or not self._fresh:
            wanted.update(("xx", "x"))
        wanted.update(("xb", "b") if self._ledger.wants_velocity(self._rules).any() else ())
        found = look(self._sums, sorted(wanted), **held)
        told = Written()
        if self._pending is not None:
            told = self._settle(found, between)
        elif "xx" in found:
            units = self._values.remember(found)
            none = np.full_like(units, np.nan)  # of what they were
            told = Written.judged(self._sums, between, units if self._fresh else none)
        self._families.events, self.residual = [], self._unknown
        self._step, self._named, self._rules = step + 1, named, rules
        self._notice(named)
        self._changed([*between.moved, *told.changed], between.paced)
        self._unsaid(told.unknown)
        unknown = self._ledger.wants_velocity(rules)
        if unknown.any():
            if "xb" not in found:
                found |= look(self._sums, ("xb", "b"), **held)
            self._measure_tilt(found, unknown, velocity, rules)
        self.gradient = self._unknown
        if not self.not_taken():
            self._test(found, slopes)
        self._found, self._slopes, self.looking = found, slopes, True

    def _test(self, found: Mapping[str, Floats], slopes: Mapping[str, Any]) -> None:
        """The identity on a raw gradient."""
        sums, self.half = self._sums, max(self._digits.rounding, self._coarse)
        self._skipped = functions_of(sums, sorted(self._frozen))
        norms = None
        if self._ranks is not None or self._looks < _FIRST or self._looks % _EVERY == 0:
            norms = mean_squares(sums.names, slopes)
        if self._looks % _SELDOM == 0:
            self._values.measure_lines(self._named)
        self._looks += 1
        told = {**found, "xx": self._values.square}
        test = partial(self._tester.test, precision=self.half, underflow=self._digits.underflow)
        tested = test(told, norms, self._skipped)
        if norms is None and tested.violated.any():  # it may be larger than those before it
            norms = mean_squares(sums.names, slopes)
            tested = test(told, norms, self._skipped)
        self.gradient = per_family(sums, tested.roundings)
        if tested.violated.any():
            given = (sums, tested, told, self._skipped, self._named, self.texts)
            for violation in report_on(*given, self._digits.words, self._forward).violations:
                self._families.violate(violation.family, violation.cause, self._step)
        if self._ranks is not None and norms is not None:
            self._compare(norms)
        self._pairing, self._unit = tested.pairing, tested.unit * tested.precision
        self._families.test(self.gradient, self._skipped)

    def _notice(self, named: dict[str, Any]) -> None:
        """Parameters that were frozen or unfrozen, and groups that were added."""
        groups = kinds.groups_of(self.optimizers, named)
        frozen = kinds.standing(named, groups)
        for what, names in (("frozen", frozen - self._frozen), ("unfrozen", self._frozen - frozen)):
            if names:
                self.events.append(Event(what, f"{what}: {listed(sorted(names))}"))
        self._frozen = frozen
        if groups != self._groups:
            self._groups = groups
            self._ledger.regroup(groups)
        if self._ledger.begin(self._rules):
            self._values.weigh_anew()
        words = in_words(self.optimizers)
        if words != self._words:
            self.events.append(Event("optimizer", f"now {words}"))
            self._words = words
        rates = [rate for rate in self.rates if rate]
        self._slow, self._fast = min(self._slow, *rates, np.inf), max(self._fast, *rates, 0.0)
        rule = f"{words}, {rates_in_words(self._slow, self._fast)}" if rates else words
        if rule != self.rule:
            self.rule = rule
            for track in self.tracks:
                track.rule = rule

    @property
    def _rule_of(self) -> dict[str, Rule | None]:
        """Of each parameter, at the last step that was looked at."""
        return {name: self._rules[group] for name, group in self._groups.items()}

    def _changed(self, moved: list[str], paced: Sequence[str]) -> None:
        """Parameters or velocities changed between two steps."""
        names = {*moved, *paced}
        if not names:
            return
        self._ledger.tilt[functions_of(self._sums, list(names))] = np.nan
        text = changed_between(moved, self._step, paced)
        self.events.append(Event("changed", text))
        self._families.touched(names, text, self._step)

    def _unsaid(self, names: Sequence[str]) -> None:
        """Parameters were written to, and no law tells whether they changed: said once."""
        if names and names != self._rewritten:
            self.events.append(Event("changed", written_between(names, self._step)))
            self._rewritten = names

    def _measure_tilt(
        self,
        found: dict[str, Floats],
        unknown: Any,
        velocity: Any,
        rules: Sequence[Rule | None],
    ) -> None:
        """⟨∇h, b⟩ where it was not followed; before a first step there is no b."""
        begun = functions_of(self._sums, list(velocity))
        fresh = functions_of(self._sums, [n for n in self._sums.names if n not in velocity])
        self._ledger.first |= unknown & ~begun
        if any(rule is not None and rule.steps.dampening for rule in rules):
            unknown = unknown & ~(begun & fresh)  # a first step is not dampened, the others are
        tilt = self._ledger.pairing(found["xb"], found["b"])
        self._ledger.tilt[unknown] = tilt[unknown]

    def _compare(self, norms: Floats) -> None:
        assert self._ranks is not None
        squares = mean_squares(self._sums.names, self._named)
        for name, text in self._ranks.differences(self._sums.names, norms, squares).items():
            self._families.touched({name}, text, self._step)

    def drop(self) -> None:
        """Look at this step no more."""
        self.looking, self._slopes = False, {}

    def skip(self) -> None:
        """A step was taken that is not looked at."""
        if self._pending is not None:
            step, self._pending = self._pending, None
            self._told(step.number, self)
        self._fresh = False
        self._ledger.tilt[:] = np.nan
        self._check.forget()

    # ---------------------------------------------------------------- after a step

    @QUIET
    def after(self, *, soon: bool) -> None:
        """Note what a step did.

        Args:
            soon: whether the next step is looked at too. Nothing moves until then, and a look at
                parameters, gradients and velocities at once costs less than two; the ledger of
                this step is settled then, or when somebody asks.
        """
        self.looking = False
        named, rules = self._named, kinds.rules_of(self.optimizers)
        velocity = kinds.velocities(self.optimizers, named)
        by_name = {name: rules[group] for name, group in self._groups.items()}
        slopes, self._slopes = self._slopes, {}  # gradients held on to would not be freed
        if self.not_taken():
            self.events.append(Event("skipped", "the optimizer did not take this step: overflow"))
            self._check.after(named, velocity, {})
            self._told(self._step, self)
            return
        self._forward.used(named)
        wrong = self._check.after(named, velocity, by_name)
        still = functions_of(self._sums, [n for n in self._sums.names if n not in slopes])
        leak = np.where(self._tester.without_eps, self._pairing, 0.0)
        step = Step(self._step, rules, self._found, leak, self._unit, still, wrong)
        self._pending, self._fresh = step, True
        if not soon or step.nesterov or self._sharded:
            self.settle(slopes)

    @QUIET
    def settle(self, slopes: Mapping[str, Any] | None = None) -> None:
        """Have the ledger of the last step ready."""
        if self._pending is not None:
            self.parameters.check(self._named)
            velocity = kinds.velocities(self.optimizers, self._named)
            held = {"x": self._named, "g": slopes or {}, "b": velocity}
            between = self._check.since(self._named, velocity, self._rule_of)
            if between.changed:
                between = Between(tuple(self._sums.names))
            told = self._settle(look(self._sums, self._pending.wanted, **held), between)
            self._fresh = not (between.changed or told.changed)  # it may be put back

    def not_taken(self) -> bool:
        """Whether the optimizer left the step out, for its gradients overflowed."""
        found = [getattr(optimizer, "found_inf", None) for optimizer in self.optimizers]
        return any(f is not None and float(f) > 0 for f in found)

    def _settle(self, found: Mapping[str, Floats], between: Between) -> Written:
        """Compare a step with its ledger; parameters that changed since tell nothing of it."""
        step, self._pending = self._pending, None
        assert step is not None
        step.still |= functions_of(self._sums, between.changed)
        units, gap = self._values.settle(step, found)
        told = Written.judged(self._sums, between, units)
        if told.changed:
            mine = functions_of(self._sums, told.changed)
            self._values.accept(mine, gap)
            units[mine] = np.nan
        lost = self._ledger.lost
        self.residual = self._families.judge(step, units, gap, lost, self._skipped)
        self._told(step.number, self)
        return told
