"""Data structures: the tables themselves, in two forms with one contract.

`_pure` is Python: the specification and the fallback. `_native` is the same in Rust, used where it was built. The
environment variable `NOEX_KERNEL` (`native` or `pure`) forces one; forcing a missing one is an error.

Everything above imports the classes from here and does not know which it got. The contract: each class has the verbs
of its kind, and

- `_create(...)` makes a table; `_shut()` ends it, every verb raises `TableClosed` after it; `_label()` names it;
- `_entries()` returns all entries of one instant; `_walk()` walks them, meeting what stays exactly once;
- `_memory()` and `_check()`;
- set kinds: `_pop_entry()` for `popitem`; `_on_reclaim`, called with rows that have expired; `_count(key, step)`;
  `_snapshot()`, all live rows of one instant; `_collect(items)` and `_commit_many(...)`, with which a dump is loaded;
- set kinds, for indexes: `_add_index(...)` and `_remove_index(name)`; `_spec(name)` and `_indexes()` return what is
  known of them (`IndexSpec`: name, source, ordered, unique, `takes(value)`); `_indexed`, `_index_between`,
  `_index_rank`, `_index_at`, `_index_size` ask one, `_delete_indexed` removes by one;
- for queries: `_matching(access)` returns the rows among which the answer is, `_delete_where` and `_update_where`
  change those that a test finds there, `_select_ordered` walks an ordered set. An `Access` is a plain tuple that says
  where to look (`_pure/queries/access.py`); a table that knows no better may look everywhere;
- `_subscribe(callback, kinds)` returns a `Subscription`; events are `noex.typing.TableEvent`;
- the ordered set: `_sort_key(key)`, `_renumber(...)`, with which a leaderboard moves a player in one step;
- the cache: `_peek(key)`, `_add(...)`, `_count_load(failed=)`, `_counts()`.

For transactions, an `Attempt` has views of tables: `SetOverlay` and the like, classes with the verbs of their kind,
made by `_begin(table, attempt)`. `attempt.commit()` does all that was written or nothing, `attempt.valid()` tells
whether what was read still holds, `attempt.end()` lets go. A read that cannot be of the same instant as those before
raises `Conflict`.

`compile_predicate(program)` makes the program of a query a function of key and value, `compile_reader(path)` a path;
`literal_head(glob)` is the beginning that every match of a glob has.

`encode_term` and `decode_term` are the term order as bytes.

`acquire` and `release` are the one lock of the kernel, which is re-entrant. What stands above and keeps several things
in step takes this one and no other, so there is no order of locks to get wrong.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Final

from noex.errors import KernelUnavailable
from noex.kernel._pure import (
    ABSENT,
    NEVER,
    SCAN,
    Access,
    Attempt,
    BagOverlay,
    BagTable,
    CacheTable,
    Conflict,
    Desc,
    DuplicateBagOverlay,
    DuplicateBagTable,
    IndexSpec,
    OrderedSetOverlay,
    OrderedSetTable,
    Predicate,
    Program,
    SetOverlay,
    SetTable,
    Subscription,
    Test,
    acquire,
    compile_predicate,
    compile_reader,
    decode_term,
    encode_term,
    literal_head,
    release,
    sort_key,
)

__all__ = [
    "ABSENT",
    "KERNEL",
    "NEVER",
    "REASON",
    "SCAN",
    "Access",
    "Attempt",
    "BagOverlay",
    "BagTable",
    "CacheTable",
    "Conflict",
    "Desc",
    "DuplicateBagOverlay",
    "DuplicateBagTable",
    "IndexSpec",
    "OrderedSetOverlay",
    "OrderedSetTable",
    "Predicate",
    "Program",
    "SetOverlay",
    "SetTable",
    "Subscription",
    "Test",
    "acquire",
    "compile_predicate",
    "compile_reader",
    "decode_term",
    "encode_term",
    "literal_head",
    "release",
    "sort_key",
]


def _choose() -> tuple[str, str]:
    """Return the name of the kernel to use, and why it is that one."""
    wanted = os.environ.get("NOEX_KERNEL", "")
    if wanted not in {"", "native", "pure"}:
        raise KernelUnavailable(
            f"NOEX_KERNEL must be 'native' or 'pure', not {wanted!r}; unset it for the best there is"
        )
    if wanted == "pure":
        return "pure", "NOEX_KERNEL asks for it"
    if find_spec("noex.kernel._native") is None:
        if wanted == "native":
            raise KernelUnavailable(
                "NOEX_KERNEL asks for the native kernel, which this installation lacks; unset it to use the pure one"
            )
        return "pure", "this version of noex has no native kernel yet"
    raise KernelUnavailable("a native kernel is installed that this version of noex does not know; reinstall noex")


_CHOICE: Final = _choose()

KERNEL: Final = _CHOICE[0]
"""The kernel in use: "native" or "pure"."""

REASON: Final = _CHOICE[1]
"""Why it is that one."""
