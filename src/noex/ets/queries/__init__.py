"""Queries: what an entry must be like, said with operators instead of a function.

`row.key`, `row.value` and `row.field("age")` are `Term`s; a comparison of one with a plain value is an `Expression`;
`&`, `|` and `~` combine expressions. Unlike a function, an expression can be shown, pickled, and answered from an
index.

Layout: `_verbs` has the verbs that take a condition; `_planner` finds where a query has to look; `_expressions` has
rows, terms and expressions; below it `_operands` checks and copies what they compare with, and `_representation`
writes them as Python. `parser` reads an expression from text, for the command line and for whoever imports it from
there; `_tokens` is what it lets through.
"""

from __future__ import annotations

from noex.ets.queries._expressions import Expression, Term, row
from noex.ets.queries._planner import Plan
from noex.ets.queries._verbs import DeletingQueries, OrderedQueries, Queries, UpdatingQueries

__all__ = [
    "DeletingQueries",
    "Expression",
    "OrderedQueries",
    "Plan",
    "Queries",
    "Term",
    "UpdatingQueries",
    "row",
]
