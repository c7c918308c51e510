"""What do `get` and `set` of a `Cache` cost, next to a dict, to `cachetools`, and to other caches that are installed?

The peers of `cachetools` guard nothing: whoever shares one between threads puts a lock around each call, as is done
here beside the bare call. cachebox is measured where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import Any

from _measure import Case, Fresh, Timer, compare, each, environment, options, shuffled_keys

from noex import Cache

HOUR = 3600.0


def makers(entries: int, ttl: float | None) -> dict[str, Callable[[], Any]]:
    """Return what makes the other libraries' caches that do the same, of those that are installed."""
    found: dict[str, Callable[[], Any]] = {}
    if find_spec("cachetools") is not None:
        cachetools: Any = import_module("cachetools")
        if ttl is None:
            found["cachetools.LRUCache"] = partial(cachetools.LRUCache, entries)
        else:
            found["cachetools.TTLCache"] = partial(cachetools.TTLCache, entries, ttl)
    if find_spec("cachebox") is not None:
        cachebox: Any = import_module("cachebox")
        if ttl is None:
            found["cachebox.LRUCache"] = partial(cachebox.LRUCache, entries)
        else:
            found["cachebox.TTLCache"] = partial(cachebox.TTLCache, entries, ttl)
    return found


def stored(keys: list[str], make: Callable[[], Any]) -> Any:
    """Return a cache of some other library with a value under each key."""
    cache = make()
    for key in keys:
        cache[key] = 1
    return cache


def kept(keys: list[str], entries: int, ttl: float | None) -> Cache[str, int]:
    """Return a cache of ours with a value under each key."""
    cache = Cache[str, int](max_entries=entries, ttl=ttl)
    for key in keys:
        cache.set(key, 1)
    return cache


def setter(keys: list[str], ttl: float | None) -> Callable[[str, int], None]:
    """Return the `set` of a full cache of ours."""
    return kept(keys, len(keys), ttl).set


def one_by_one(name: str, ours: Timer, peers: dict[str, Timer], operations: int) -> Iterator[Case]:
    """Yield one case per peer: here each of them is of interest, not only the quickest."""
    for peer, timer in peers.items():
        yield Case(name, ours, {peer: timer}, operations)


def cases(keys: list[str], extra: list[str]) -> Iterator[Case]:
    """Yield the verbs."""
    rows = len(keys)
    for title, ttl in (("LRU", None), ("LRU and ttl", HOUR)):
        there = {name: stored(keys, make) for name, make in makers(rows, ttl).items()}
        ours = kept(keys, rows, ttl)

        peers = {name: each("f(key)", keys, f=cache.get) for name, cache in there.items()}
        for name, cache in there.items():
            if name.startswith("cachetools"):
                peers[f"{name}, with a lock"] = each("with lock: f(key)", keys, f=cache.get, lock=Lock())
        peers["dict.get"] = each("f(key)", keys, f=dict.fromkeys(keys, 1).get)
        yield from one_by_one(f"Cache.get, {title}", each("f(key)", keys, f=ours.get), peers, rows)

        peers = {name: each("cache[key] = 1", keys, cache=cache) for name, cache in there.items()}
        peers["d[key] = v"] = each("d[key] = 1", keys, d=dict.fromkeys(keys, 1))
        yield from one_by_one(f"Cache.set, {title}", each("f(key, 1)", keys, f=ours.set), peers, rows)

        full = {name: Fresh(partial(stored, keys, make)) for name, make in makers(rows, ttl).items()}
        peers = {name: each("cache[key] = 1", extra, cache=cache) for name, cache in full.items()}
        evict = each("f(key, 1)", extra, f=Fresh(partial(setter, keys, ttl)))
        yield from one_by_one(f"Cache.set, {title}, evicting", evict, peers, rows)


def main() -> None:
    """Print one line per verb and peer."""
    chosen = options(entries=20_000, rounds=9)
    print(environment())
    print(f"{chosen.entries:,} entries, as many as the cache may have")
    names = shuffled_keys(2 * chosen.entries)
    compare(cases(names[: chosen.entries], names[chosen.entries :]), chosen.rounds)


if __name__ == "__main__":
    main()
