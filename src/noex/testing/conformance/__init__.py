"""What every table must do, as tests that anybody can run over their own engine.

One class per kind: `SetTableConformance`, `OrderedSetTableConformance`, `BagTableConformance` and
`DuplicateBagTableConformance`. Subclass it in a test module of yours, override `make`, and pytest finds the rest::

    from noex.testing.conformance import SetTableConformance

    class TestMySetTable(SetTableConformance):
        def make(self, **options):
            return MySetTable(**options)

`make` gets what the constructor of a table takes (`name`, `store`, `clock`, and `ttl` or `key` where the kind has them)
and is called once or more in each test. Override `check` too where your tables can look at their own invariants in
another way than `table._check()`. Without overrides a suite runs over `noex.ets` and the kernel in use.
`StoreConformance` is the suite of names and stores. All of it needs pytest (`pip install 'noex[testing]'`).

::

    _base          what the suites share: `make`, fixtures, small helpers
    _verbs         every verb, as data: for the tests of closed tables, bad keys and expired entries
    _every_kind    reading and writing        _keys          what can be a key, and what cannot
    _traversal     walking and selecting      _queries       selecting by expressions
    _closing       after `close()`            _events        what subscribers are told
    _snapshots     tables in files            _snapshot_round_trips   what comes back from them
    _indexes       indexes follow changes     _index_changes  those changes, as data; _index_verbs: asking, and plans
    _transactions  all or nothing             _transaction_conflicts  running again; _transaction_sets: of set kinds
    _set_kinds     counters, compute, CAS     _mapping       the behaviour of a mapping
    _expiry        lifetimes                  _ordered_set   order, ranges, ranks; _term_order: the order itself
    _bags          several values per key     _naming        names and stores
"""

try:
    import pytest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("the conformance suites need pytest: pip install 'noex[testing]'") from error

_MODULES = (
    "_base _bags _closing _events _every_kind _expiry _index_changes _index_verbs _indexes _keys _mapping _naming "
    "_ordered_set _queries _set_kinds _snapshot_round_trips _snapshots _term_order _transaction_conflicts "
    "_transaction_sets _transactions _traversal"
)
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _MODULES.split()))

# ruff: noqa: E402 - imported only now that pytest knows in which modules to explain failing asserts
from noex.testing.conformance._base import Conformance
from noex.testing.conformance._naming import StoreConformance
from noex.testing.conformance._suites import (
    BagTableConformance,
    DuplicateBagTableConformance,
    OrderedSetTableConformance,
    SetTableConformance,
)

__all__ = [
    "BagTableConformance",
    "Conformance",
    "DuplicateBagTableConformance",
    "OrderedSetTableConformance",
    "SetTableConformance",
    "StoreConformance",
]
