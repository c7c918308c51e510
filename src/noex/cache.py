"""A bounded cache with lifetimes, statistics, and one load per key at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from noex import kernel
from noex._arguments import whole_number
from noex._single_flight import Freshness, SingleFlight
from noex.clock import check_clock, seconds
from noex.ets import Store, Table
from noex.ets._names import names_of
from noex.kernel import ABSENT
from noex.typing import DEFAULT, Clock, Duration, Ttl

__all__ = ["Cache", "CacheStats"]

K = TypeVar("K")
V = TypeVar("V")

_POLICIES = ("lru",)


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a cache has done so far: counts since it was made, and its size now.

    `hit_ratio` is hits / (hits + misses), 0.0 before the first lookup. `expirations` counts every entry whose deadline
    passed while it was stored, once; `evictions` the live ones that had to go. `loads` and `load_failures` count calls
    of factories.
    """

    size: int
    max_entries: int | None
    hits: int
    misses: int
    hit_ratio: float
    evictions: int
    expirations: int
    loads: int
    load_failures: int


@kernel.quickened
class Cache(kernel.CacheTable[K, V], Table[K, V]):
    """A cache: keys to values, at most `max_entries` of them, each for at most `ttl` seconds.

    None means no limit. What was used least recently goes first (`policy="lru"`), after what has expired; overwriting
    evicts nobody. All verbs are O(1), atomic, and safe from any thread; no thread runs in the background.

    >>> from noex import Cache
    >>> pages = Cache[str, str](ttl=300, max_entries=1000)
    >>> pages.get_or_set("/", lambda: "<h1>Home</h1>")
    '<h1>Home</h1>'
    >>> pages.get("/"), pages.stats().hit_ratio
    ('<h1>Home</h1>', 0.5)

    Raises:
        ValueError: `ttl` or `max_entries` is zero or negative, or there is no such policy.
        TypeError: an option is unknown or of the wrong type.
        TableExists: the store has a table or cache of that name.
    """

    __slots__ = ("_flight", "_options", "_ownership", "_store")

    _flight: SingleFlight[V]

    def __new__(
        cls,
        name: str | None = None,
        *,
        ttl: Duration | None = None,
        max_entries: int | None = None,
        policy: Literal["lru"] = "lru",
        store: Store | None = None,
        clock: Clock | None = None,
    ) -> Cache[K, V]:
        """Make an empty cache."""
        lifetime = None if ttl is None else seconds(ttl, "ttl")
        time = check_clock(clock)
        if max_entries is not None:
            whole_number(max_entries, "max_entries", 1)
        if policy not in _POLICIES:
            raise ValueError(f"policy must be one of {', '.join(map(repr, _POLICIES))}, not {policy!r}")

        def make() -> Cache[K, V]:
            cache = cls._create(name, time, lifetime, max_entries)
            cache._flight = SingleFlight()
            return cache

        options: tuple[Any, ...] = (cls.__name__, ("ttl", lifetime), ("max_entries", max_entries), ("clock", time))
        return names_of(store)._register(name, options, exist_ok=False, make=make)

    def get_or_set(self, key: K, factory: Callable[[], V], *, ttl: Ttl = DEFAULT) -> V:
        """Return the value of the key; on a miss call `factory()`, keep what it returns, and return that.

        Of many callers that miss a key at once, one calls its factory and the others wait for what it gets. An
        exception goes to all of them and is not cached. The lifetime starts when the value is there. O(1) and the
        cost of the factory, which runs outside every lock. A hit or a miss is counted as by `get`. A value that was
        set meanwhile stays; nothing is kept if the key was deleted meanwhile.

        Raises:
            LoadDeadlock: the factory waits, in the end, for the key that it loads.
            ValueError: `ttl` is zero or negative.
            TypeError: `ttl` is no duration, or `factory` cannot be called or returns a coroutine.
            Exception: whatever the factory raises.

        >>> from noex import Cache
        >>> squares = Cache[int, int](max_entries=100)
        >>> squares.get_or_set(12, lambda: 12 * 12), squares.get_or_set(12, lambda: 0)
        (144, 144)
        """
        if not callable(factory):
            raise TypeError(f"get_or_set takes a function that makes the value, not {factory!r}; for a value, use set")
        if ttl is not DEFAULT and ttl is not None:
            seconds(ttl, "ttl")  # before the factory is called
        value: Any = self.get(key, ABSENT)
        if value is not ABSENT:
            return value  # type: ignore[no-any-return]

        def load(freshness: Freshness) -> V:
            value: Any = self._peek(key)  # another load may have ended since the miss
            if value is ABSENT:
                value = self._load(key, factory)
                self._add(key, value, ttl, unless=freshness)
            return value  # type: ignore[no-any-return]

        return self._flight.run(key, load, lambda: f"{key!r} of {self._label()}")

    def delete(self, key: K) -> bool:
        """Remove the entry of the key; return whether there was one. O(1). Atomic.

        What a load of the key that is under way will get is not kept either.

        >>> from noex import Cache
        >>> pages = Cache[str, str]()
        >>> pages.set("/", "<h1>Home</h1>")
        >>> pages.delete("/"), pages.delete("/")
        (True, False)
        """
        self._flight.forget(key)
        return super().delete(key)

    def clear(self) -> int:
        """Remove all entries; return how many there were. The statistics go on counting.

        What loads that are under way will get is not kept either. O(1) for readers and writers, O(n) for the caller,
        who frees the entries. Atomic.

        >>> from noex import Cache
        >>> pages = Cache[str, str]()
        >>> pages.set("/", "<h1>Home</h1>")
        >>> pages.clear(), len(pages)
        (1, 0)
        """
        self._flight.forget_all()
        return super().clear()

    def __bool__(self) -> bool:
        """A cache is true, also while it is empty: `if cache` asks whether there is one."""
        return True

    def _load(self, key: K, factory: Callable[[], V]) -> V:
        try:
            value = factory()
            self._refuse_coroutine(key, value)
        except BaseException:
            self._count_load(failed=True)
            raise
        self._count_load(failed=False)
        return value

    def _refuse_coroutine(self, key: K, value: object) -> None:
        if inspect.iscoroutine(value):
            value.close()
            raise TypeError(
                f"the factory for {key!r} of {self._label()} returned a coroutine, not a value; "
                "await it first, and set what it returns"
            )

    def stats(self) -> CacheStats:
        """Return what the cache has done so far. O(1), plus O(log n) for each entry that has expired since. Atomic.

        >>> from noex import Cache
        >>> Cache(max_entries=10).stats().max_entries
        10
        """
        size, hits, misses, evictions, expirations, loads, load_failures = self._counts()
        ratio = hits / (hits + misses) if hits or misses else 0.0
        return CacheStats(size, self._max_entries, hits, misses, ratio, evictions, expirations, loads, load_failures)

    def _shut(self) -> None:
        self._flight.close()
        super()._shut()
