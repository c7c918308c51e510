"""The kernel in plain Python: the specification, the oracle of the tests, and the fallback.

Layout, each file above those it imports::

    set_table.py  ordered_set_table.py  bag_tables.py  cache_table.py    the five tables
    _set_verbs.py                     what both set kinds do; below it _read_modify_write.py, _lifetimes.py,
    _set_rows.py  _cells.py           the rows of set kinds, the cells of bags, and how they change
    _scheduled_rows.py                what expires when
    _hashed.py  _hashed_rows.py       rows found by hash and `==`, as a dict finds them
    _ordered_rows.py  _sorted_keys.py rows by sort key; the sort keys in order
    _terms.py                         the term order
    _items.py  _closed.py  _commit.py reading what is given; the rows of a closed table; the one lock

Rule of the house, "resolve, commit, drop": code of the user (hash, `==`, callbacks, clocks, finalizers) never runs
while the lock is held. Verbs first *resolve* keys to handles that plain C code can compare, then *commit* under the
lock, and *drop* what they displaced after it.
"""

from noex.kernel._pure._commit import acquire, release
from noex.kernel._pure._scheduled_rows import NEVER
from noex.kernel._pure._set_verbs import ABSENT
from noex.kernel._pure._terms import Desc
from noex.kernel._pure.bag_tables import BagTable, DuplicateBagTable
from noex.kernel._pure.cache_table import CacheTable
from noex.kernel._pure.ordered_set_table import OrderedSetTable
from noex.kernel._pure.set_table import SetTable

__all__ = [
    "ABSENT",
    "NEVER",
    "BagTable",
    "CacheTable",
    "Desc",
    "DuplicateBagTable",
    "OrderedSetTable",
    "SetTable",
    "acquire",
    "release",
]
