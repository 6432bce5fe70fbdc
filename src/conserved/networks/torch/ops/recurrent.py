"""LSTM, GRU and RNN layers, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from conserved.networks.torch.values import Context
from conserved.networks.tracing import Var, concatenate

Value = Any
State = tuple[Var, ...]
Step = Callable[[Var, State, Sequence[Var]], State]  # (input, state, weights) → state


def _parts(z: Var, count: int) -> list[Var]:
    size = z.shape[-1] // count
    return [z[..., k * size : (k + 1) * size] for k in range(count)]


def _affine(x: Var, weight: Var, biases: Sequence[Var], which: int) -> Var:
    y = x @ weight.T
    return y + biases[which] if biases else y


def lstm_step(x: Var, state: State, weights: Sequence[Var]) -> State:
    hidden, cell = state
    into, again, *biases = weights
    gates = _affine(x, into, biases, 0) + _affine(hidden, again, biases, 1)
    i, f, g, o = _parts(gates, 4)
    cell = f.function("sigmoid") * cell + i.function("sigmoid") * g.function("tanh")
    return o.function("sigmoid") * cell.function("tanh"), cell


def gru_step(x: Var, state: State, weights: Sequence[Var]) -> State:
    (hidden,) = state
    into, again, *biases = weights
    r, z, n = _parts(_affine(x, into, biases, 0), 3)
    r2, z2, n2 = _parts(_affine(hidden, again, biases, 1), 3)
    update = (z + z2).function("sigmoid")
    new = (n + (r + r2).function("sigmoid") * n2).function("tanh")
    return (new + update * (hidden - new),)


def rnn_step(activation: Callable[[Var], Var]) -> Step:
    def step(x: Var, state: State, weights: Sequence[Var]) -> State:
        into, again, *biases = weights
        return (activation(_affine(x, into, biases, 0) + _affine(state[0], again, biases, 1)),)

    return step


def layered(step: Step, states: int) -> Callable[..., tuple[Value, ...]]:
    """A stack of layers of one or both directions over a sequence."""

    def layers(
        c: Context,
        x: Value,
        start: Value,
        params: Sequence[Value],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Value, ...]:
        masks = c.drawn() if dropout and train and num_layers > 1 else None
        steps = c.var(x)
        if len(steps.shape) == 2:
            raise c.refused("give a batch axis")
        steps = steps.transpose(1, 0, 2) if batch_first else steps
        first = [c.var(s) for s in ([start] if states == 1 else start)]
        each = 4 if has_biases else 2
        if len(params) != each * num_layers * (2 if bidirectional else 1):
            raise c.refused("projected states are not read")
        last: list[State] = []
        for layer in range(num_layers):
            if masks is not None and layer:
                steps = steps * masks[layer - 1]
            directions = []
            for turn in range(2 if bidirectional else 1):
                k = len(last)
                weights = [c.var(w) for w in params[each * k : each * (k + 1)]]
                outputs, state = _run(step, steps, tuple(s[k] for s in first), weights, bool(turn))
                directions.append(outputs)
                last.append(state)
            steps = directions[0] if len(directions) == 1 else concatenate(directions)
        output = steps.transpose(1, 0, 2) if batch_first else steps
        finals = [
            concatenate([s[k].reshape(1, *s[k].shape) for s in last], 0) for k in range(states)
        ]
        return (output, *finals)

    return layers


def _run(
    step: Step, x: Var, state: State, weights: Sequence[Var], backwards: bool
) -> tuple[Var, State]:
    """(outputs (time, batch, features), last state)."""
    outputs: list[Var] = []
    times = range(x.shape[0])
    for t in reversed(times) if backwards else times:
        state = step(x[t], state, weights)
        outputs.append(state[0].reshape(1, *state[0].shape))
    return concatenate(outputs[::-1] if backwards else outputs, 0), state


RECURRENT: dict[str, Callable[..., Value]] = {
    "lstm": layered(lstm_step, 2),
    "gru": layered(gru_step, 1),
    "rnn_tanh": layered(rnn_step(lambda z: z.function("tanh")), 1),
    "rnn_relu": layered(rnn_step(lambda z: z.relu()), 1),
}
