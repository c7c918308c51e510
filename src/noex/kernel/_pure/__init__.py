"""The kernel in plain Python: the specification, the oracle of the tests, and the fallback.

Layout, each above those it imports::

    transactions/    a transaction's own views of tables
    set_table.py  ordered_set_table.py  bag_tables.py  cache_table.py    the five tables
    verbs/           what set kinds do, in layers over the rows
    rows/            rows of set kinds and cells of bags, and the ways in which they change
    watch/           what goes on beside the rows: indexes and events
    queries/         queries as functions, and where they look
    terms/           the term order, its bytes, and sort keys in order
    ground/          the one lock, handles of hashed keys, what a row is, the rows of a closed table

Rule of the house, "resolve, commit, drop": code of the user (hash, `==`, callbacks, clocks, finalizers) never runs
while the lock is held. Verbs first *resolve* keys to handles that plain C code can compare, then *commit* under the
lock, and *drop* what they displaced after it.
"""

from noex.kernel._pure.bag_tables import BagTable, DuplicateBagTable
from noex.kernel._pure.cache_table import CacheTable
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.ground.row import NEVER
from noex.kernel._pure.ordered_set_table import OrderedSetTable
from noex.kernel._pure.queries.access import SCAN, Access, Test
from noex.kernel._pure.queries.globs import literal_head
from noex.kernel._pure.queries.predicates import Predicate, Program, compile_predicate, compile_reader
from noex.kernel._pure.set_table import SetTable
from noex.kernel._pure.terms.encoding import decode_term, encode_term
from noex.kernel._pure.terms.order import Desc, sort_key
from noex.kernel._pure.transactions.attempt import Attempt, Conflict
from noex.kernel._pure.transactions.bag_views import BagOverlay, DuplicateBagOverlay
from noex.kernel._pure.transactions.ordered_view import OrderedSetOverlay
from noex.kernel._pure.transactions.set_views import SetOverlay
from noex.kernel._pure.verbs.set_verbs import ABSENT
from noex.kernel._pure.watch.delivery import Subscription
from noex.kernel._pure.watch.watch import IndexSpec

__all__ = [
    "ABSENT",
    "NEVER",
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
