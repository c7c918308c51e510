"""State for Python services: tables, caches, sessions, counters, metrics, rates and leaderboards.

The house, each floor above those it imports::

    cli/                                    faces: the command line
    cache  sessions  counters               recipes: what people come for; each is a thin class
    metrics/  rates  leaderboard              whose state is in tables
    otp/                                    processes: servers, links and monitors, names, timers
    _recipe  _single_flight                 what recipes share
    ets/                                    tables: the four kinds, and the stores that name them
    kernel/                                 data structures, behind one contract
    errors  clock  typing                   the ground floor: error tree, time, public aliases

`testing/` stands beside it: a clock to turn by hand, and suites to run over one's own tables.
"""

from noex import ets
from noex._version import __version__
from noex.cache import Cache, CacheStats
from noex.counters import Counters
from noex.leaderboard import Leaderboard, Standing
from noex.metrics import Metrics
from noex.rates import RateCounter
from noex.sessions import Session, SessionStats, SessionStore
from noex.typing import DEFAULT, DELETE, MISSING, Entry

__all__ = [
    "DEFAULT",
    "DELETE",
    "MISSING",
    "Cache",
    "CacheStats",
    "Counters",
    "Entry",
    "Leaderboard",
    "Metrics",
    "RateCounter",
    "Session",
    "SessionStats",
    "SessionStore",
    "Standing",
    "__version__",
    "ets",
]
