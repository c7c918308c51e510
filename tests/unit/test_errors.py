"""The error tree: who inherits what, what messages say, and that they survive pickling and copying."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from noex import Cache, Metrics, ets
from noex import errors as tree
from noex.errors import (
    AlreadyStarted,
    BadReturn,
    BusClosed,
    CallingSelf,
    CallTimeout,
    ChildExists,
    ChildNotFound,
    ChildRunning,
    ChildStartError,
    CounterTypeError,
    IndexNotFound,
    IndexViolation,
    InitError,
    KernelUnavailable,
    KeyNotFound,
    LoadDeadlock,
    MailboxFull,
    MaxChildren,
    MaxRestartsExceeded,
    MetricError,
    NoexError,
    NoProcess,
    ProcessError,
    ReentrantCompute,
    ServerDown,
    SnapshotError,
    StartIgnored,
    SupervisorStopping,
    TableClosed,
    TableEmpty,
    TableError,
    TableExists,
    TransactionConflict,
    UnhashableKey,
    UnorderableKey,
)

NATURAL = {
    KernelUnavailable: ImportError,
    TableClosed: RuntimeError,
    TableExists: ValueError,
    KeyNotFound: KeyError,
    UnhashableKey: TypeError,
    UnorderableKey: TypeError,
    TableEmpty: KeyError,
    CounterTypeError: TypeError,
    IndexNotFound: LookupError,
    IndexViolation: ValueError,
    TransactionConflict: RuntimeError,
    ReentrantCompute: RuntimeError,
    SnapshotError: ValueError,
    LoadDeadlock: RuntimeError,
    MetricError: ValueError,
    NoProcess: LookupError,
    ServerDown: RuntimeError,
    CallTimeout: TimeoutError,
    CallingSelf: RuntimeError,
    MailboxFull: RuntimeError,
    AlreadyStarted: ValueError,
    BadReturn: TypeError,
    InitError: RuntimeError,
    BusClosed: RuntimeError,
    ChildExists: ValueError,
    ChildNotFound: LookupError,
    ChildRunning: RuntimeError,
    ChildStartError: RuntimeError,
    MaxChildren: RuntimeError,
    MaxRestartsExceeded: RuntimeError,
}
OF_PROCESSES = {
    NoProcess,
    ServerDown,
    CallTimeout,
    CallingSelf,
    MailboxFull,
    AlreadyStarted,
    BadReturn,
    InitError,
    BusClosed,
    ChildExists,
    ChildNotFound,
    ChildRunning,
    ChildStartError,
    MaxChildren,
    MaxRestartsExceeded,
    SupervisorStopping,
}
WITH_FIELDS = {KeyNotFound, ServerDown, CallTimeout, AlreadyStarted, InitError}
WITH_FIELDS |= {ChildExists, ChildNotFound, ChildRunning, ChildStartError, MaxRestartsExceeded, SupervisorStopping}
OF_TABLES = {
    TableClosed,
    TableExists,
    KeyNotFound,
    TableEmpty,
    UnhashableKey,
    UnorderableKey,
    CounterTypeError,
    IndexNotFound,
    IndexViolation,
    ReentrantCompute,
    TransactionConflict,
    SnapshotError,
}


@pytest.mark.parametrize(("error", "builtin"), NATURAL.items(), ids=lambda item: item.__name__)
def test_each_error_is_also_the_builtin_that_a_reader_would_expect(
    error: type[Exception], builtin: type[Exception]
) -> None:
    assert issubclass(error, NoexError)
    assert issubclass(error, builtin)
    assert issubclass(error, TableError) is (error in OF_TABLES)
    assert issubclass(error, ProcessError) is (error in OF_PROCESSES)


def test_all_errors_are_listed_and_have_one_base() -> None:
    listed = {getattr(tree, name) for name in tree.__all__}
    assert tree.__all__ == sorted(tree.__all__)
    assert listed == set(NATURAL) | {NoexError, TableError, ProcessError, StartIgnored, SupervisorStopping}
    defined = {value for value in vars(tree).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert defined == listed


def test_the_tree_is_drawn_with_every_error_and_its_builtin() -> None:
    assert tree.__doc__ is not None
    for error, builtin in NATURAL.items():
        assert f"{error.__name__} ({builtin.__name__})" in tree.__doc__


def message(error: type[Exception], function: Any) -> str:
    with pytest.raises(error) as caught:
        function()
    return str(caught.value)


def test_every_message_names_the_value_the_place_and_the_remedy() -> None:
    store = ets.Store()
    users: Any = ets.SetTable("users", store=store)
    scores: Any = ets.OrderedSetTable("scores", store=store)
    users.insert("name", "Ada")

    assert "'ada' is not in" in message(KeyNotFound, lambda: users["ada"])
    assert "insert it first, or give a default" in message(KeyNotFound, lambda: users.compute("ada", str))
    for function, error, words in [
        (lambda: users["ada"], KeyNotFound, ["'ada'", "'users'", "insert"]),
        (lambda: users.insert([7], 1), UnhashableKey, ["[7]", "'users'", "tuple"]),
        (lambda: scores.insert(float("nan"), 1), UnorderableKey, ["nan", "'scores'"]),
        (lambda: users.update_counter("name"), CounterTypeError, ["'Ada'", "'name'", "'users'"]),
        (lambda: ets.BagTable("users", store=store), TableExists, ["'users'", "close it"]),
        (lambda: users.compute("name", lambda _: users.insert("name", 1)), ReentrantCompute, ["'users'", "return"]),
    ]:
        text = message(error, function)
        assert all(word in text for word in words), text
    users.close()
    text = message(TableClosed, lambda: users.insert("a", 1))
    assert "'users' is closed" in text
    assert "make a new one" in text

    pages: Any = Cache("pages", store=store)
    text = message(LoadDeadlock, lambda: pages.get_or_set("/", lambda: pages.get_or_set("/", str)))
    assert all(word in text for word in ["'/'", "'pages'", "must not ask"])
    assert "1bad" in message(MetricError, lambda: Metrics(store=store).increment("1bad"))


def test_key_not_found_knows_its_key_and_its_table() -> None:
    table = ets.SetTable[Any, int]("users", store=ets.Store())
    for key in ("ada", 7, ("tenant", 7), None):
        with pytest.raises(KeyNotFound) as caught:
            table[key]
        assert caught.value.key == key
        assert caught.value.args == (key,)  # as of any KeyError
        assert "users" in caught.value.table
        assert repr(key) in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("key", ["ada", ("tenant", 7), None])
def test_key_not_found_survives_pickling(key: Any, protocol: int) -> None:
    error = KeyNotFound(key, "the set table 'users'")
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is KeyNotFound
    assert (again.key, again.table, again.args, str(again)) == (error.key, error.table, error.args, str(error))


def test_key_not_found_survives_copying() -> None:
    error = KeyNotFound("ada", "the set table 'users'")
    for again in (copy.copy(error), copy.deepcopy(error)):
        assert (again.key, again.table, str(again)) == (error.key, error.table, str(error))


@pytest.mark.parametrize(
    "error",
    [
        ServerDown("shutdown", "Counter"),
        CallTimeout("Counter", 5.0),
        AlreadyStarted("counter", "its ref"),
        InitError("shutdown", "Counter"),
        StartIgnored("normal", "Counter"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_processes_survive_pickling_with_their_fields(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (vars(again), str(again)) == (vars(error), str(error))


@pytest.mark.parametrize("error", [error for error in NATURAL if error not in WITH_FIELDS])
def test_every_other_error_survives_pickling(error: type[Exception]) -> None:
    again = pickle.loads(pickle.dumps(error("what was wrong; what to do")))
    assert type(again) is error
    assert str(again) == "what was wrong; what to do"
