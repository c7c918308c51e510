"""Steps: verbs with their arguments, which can be done to a table, to a transaction's view of it, and to a model.

What comes of a step is an *outcome*, a text: answers are compared by their looks, so that `1` is not taken for `1.0`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from noex.errors import NoexError
from noex.testing._index_steps import ask
from noex.testing._plain_indexes import Refused

__all__ = ["Step", "outcome_of", "prediction_of"]

_EXPECTED = (NoexError, Refused, IndexError, OverflowError)


class Step(NamedTuple):
    """A verb, and what it is called with."""

    verb: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def __repr__(self) -> str:
        options = [f"{name}={value!r}" for name, value in self.options.items()]
        return f"<{self.verb}({', '.join([*map(repr, self.arguments), *options])})>"


def outcome_of(thing: Any, step: Step) -> str:
    """Do a step and return what came of it, an error that is to be expected included."""
    try:
        answer: Any = _done(thing, step)
    except _EXPECTED as error:
        return f"raises {type(error).__name__}"
    if step.verb == "expires_in":
        return "never" if answer is None else f"{answer:.3f}"
    if step.verb == "lookup_many":
        return repr(sorted(map(repr, answer.items())))
    if step.verb in {"select", "to_list"} and thing.kind != "ordered_set":
        return repr(sorted(map(repr, answer)))
    return repr(answer)


def _done(thing: Any, step: Step) -> Any:
    if step.verb == "ask":
        return ask(thing, *step.arguments)
    answer = getattr(thing, step.verb)(*step.arguments, **step.options)
    limit = step.options.get("limit")
    if step.verb != "select" or limit is None or thing.kind == "ordered_set":
        return answer
    # Which entries a hash kind finds first is its own affair.
    everything = Counter(map(repr, thing.select(*step.arguments)))
    assert Counter(map(repr, answer)) <= everything, f"{step} finds what is not there"
    assert len(answer) == min(limit, everything.total()), f"{step} finds {len(answer)} of {everything.total()}"
    return []


def prediction_of(model: Any, step: Step) -> set[str]:
    """Do a step to a model and return what may come of it.

    Where indexes object, the model is left as it was; where they may object to some row of many that change one by
    one, as if they did not.
    """
    before = model.state()
    outcome = outcome_of(model, step)
    stepwise = step.verb == "update_where"
    objections = {f"raises {error}" for error in model.objections(before, stepwise=stepwise)}
    if stepwise:
        return objections | {outcome}
    if objections:
        model.restore(before)
        return objections
    model.settle()
    return {outcome}
