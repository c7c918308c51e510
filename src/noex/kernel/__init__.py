"""Data structures: the tables themselves, in two forms with one contract.

`_pure` is Python: the specification and the fallback. `_native` is the same in Rust, used where it was built. The
environment variable `NOEX_KERNEL` (`native` or `pure`) forces one; forcing a missing one is an error.

Everything above imports the classes from here and does not know which it got. The contract: each class has the verbs
of its kind, and

- `_create(...)` makes a table; `_shut()` ends it, every verb raises `TableClosed` after it; `_label()` names it;
- `_name`, and of set kinds `_clock`, `_ttl`, and `_key` where there is an order, are what it was made with;
- `_entries()` returns all entries of one instant, as `Entry` objects; `_walk()` walks them, meeting what stays exactly
  once: of set kinds, sequences that begin with key and value, of bags, keys with the list of their values; a kernel
  that walks faster has `__iter__`, `_walk_values()` and `_walk_items()` as well, which are made of `_walk()` else;
- `_fold(function, initial)` combines all entries of one instant; the function runs outside every lock;
- `_memory()` and `_check()`;
- set kinds: `_pop_entry()` for `popitem`; `_on_reclaim`, called with a list of what has expired, sequences that begin
  with key and value; `_count(key, step)`; `_rekey(...)`, with which a session gets another token;
- set kinds, for dumps: `_timed_entries()` returns sequences that begin with key, value and deadline, in milliseconds
  of the clock or None, of one instant; `_load_rows(pairs, due)` writes pairs of key and value that get one deadline,
  into a table that has none of the keys, and returns `ABSENT`, or a key that is there twice; `_due(end)` is the
  deadline of what ends at a time of the clock;
- for queries: `_select(access, test, limit)` returns the entries that a test is true of, and `_count_where(access,
  test)` counts them, None being true of all; `_delete_where` and `_update_where` change them; `_select_ordered` walks
  an ordered set. An `Access` is a plain tuple that says where to look (`_pure/queries/access.py`); a table that knows
  no better may look everywhere. Tests run outside every lock;
- set kinds, for indexes: `_add_index(...)` and `_remove_index(name)`; `_spec(name)` and `_indexes()` return what is
  known of them (`IndexSpec`: name, source, ordered, unique, `takes(value)`, and what `IndexBase` has); `_indexed`,
  `_index_between` and `_index_at` return entries, `_index_count`, `_index_rank` and `_index_size` numbers, and
  `_delete_indexed` removes by one;
- `_subscribe(callback, kinds)` returns a `Subscription`; events are `noex.typing.TableEvent`;
- the ordered set: `_sort_key(key)`, and `_renumber(...)`, which takes one, with which a leaderboard moves a player in
  one step;
- the cache: `_peek(key)`, `_add(...)`, `_count_load(failed=)`, `_counts()`.

For transactions, an `Attempt` has views of tables: `SetOverlay` and the like, classes with the verbs of their kind,
made by `_begin(table, attempt)`. `attempt.commit()` does all that was written or nothing, `attempt.valid()` tells
whether what was read still holds, `attempt.end()` lets go. A read that cannot be of the same instant as those before
raises `Conflict`. The views are the same Python classes over every kernel: what they ask of its tables is written down
in `_pure/transactions/base.py`, rows and handles included. Beside that and the sort keys above, nothing outside a
kernel sees either.

`compile_predicate(program)` makes the program of a query a function of key and value, `compile_reader(path)` a path;
`literal_head(glob)` is the beginning that every match of a glob has.

`encode_term` and `decode_term` are the term order as bytes.

`quickened` decorates the public classes that stand on the kernel's.

`shortened` decorates the classes of recipes: their methods say what happens, and the native kernel does the same in the
ordinary case.

`acquire` and `release` are the one lock of the kernel, which is re-entrant. What stands above and keeps several things
in step takes this one and no other, so there is no order of locks to get wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

from noex.kernel import _pure
from noex.kernel._choice import choose
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
    "quickened",
    "release",
    "shortened",
    "sort_key",
]


_NATIVE: tuple[str, ...] = (
    "BagTable",
    "CacheTable",
    "DuplicateBagTable",
    "IndexSpec",
    "OrderedSetTable",
    "SetTable",
    "compile_predicate",
    "compile_reader",
    "encode_term",
)
"""What the native kernel has; the rest, which no hot path needs, is the pure kernel's."""

_CHOICE: Final = choose(os.environ.get("NOEX_KERNEL", ""), _NATIVE)

KERNEL: Final = _CHOICE.name
"""The kernel in use: "native" or "pure"."""

REASON: Final = _CHOICE.reason
"""Why it is that one."""

if _CHOICE.native is not None:  # type checkers see the pure classes, which have the same contract
    globals().update({name: getattr(_CHOICE.native, name) for name in _NATIVE})
    for _name in _NATIVE:
        if _name.endswith("Table"):  # documented once, in Python
            _CHOICE.native.install(getattr(_CHOICE.native, _name), getattr(_pure, _name))
            getattr(_CHOICE.native, _name).__doc__ = getattr(_pure, _name).__doc__

_C = TypeVar("_C", bound=type[Any])


def quickened(cls: _C) -> _C:
    """Give a public class of tables its own copies of the kernel's methods, with their documentation.

    CPython calls a method written in C without detours where the receiver is of the very class that it was made for. A
    class decorator; of a class over the pure kernel it changes nothing.
    """
    native = _CHOICE.native
    if native is not None:
        base = next(base for base in cls.__mro__ if base.__module__ == native.__name__)
        native.install(cls, getattr(_pure, base.__name__))
    return cls


def shortened(*parts: type[Any]) -> Callable[[_C], _C]:
    """Give a recipe short cuts through its hot methods, which do the same; `parts` are the classes of what it keeps.

    A short cut takes over where the arguments are the usual ones and what they name is there already, and calls the
    method otherwise. A class decorator; over the pure kernel it changes nothing.
    """

    def shorten(cls: _C) -> _C:
        if _CHOICE.native is not None:
            _CHOICE.native.shorten(cls, *parts)
        return cls

    return shorten
