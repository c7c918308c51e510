"""Families of keys that Erlang and we order, and tell apart, alike; each test takes the keys of one family.

Erlang tells 1 and 1.0 apart but in ordered sets, and its order across types is another: deliberate differences. So no
float equals an int, but in `GUISES`, which is for ordered sets; and a family mixes only types that stand in the same
order on both sides, but for `MAPPED`, whose keys take another form in Erlang.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from ._terms import Atom, OpenList

__all__ = ["FAMILIES", "GUISES", "MAPPED", "Family"]


def _same(term: Any) -> Any:
    return term


def _open_tuple(prefix: tuple[Any, ...]) -> Any:
    """Return the pattern of all pairs that begin with a part, or of that pair."""
    return (prefix[0], prefix[1] if len(prefix) == 2 else Atom("_"))


@dataclass(frozen=True)
class Family:
    """Keys of one sort."""

    name: str
    draw: Callable[[Random], Any]
    to_erlang: Callable[[Any], Any] = _same
    to_python: Callable[[Any], Any] = _same
    to_pattern: Callable[[tuple[Any, ...]], Any] = _open_tuple

    def __repr__(self) -> str:
        return self.name


BORDERS: Final = [sign * 2**bits for bits in (31, 53, 59, 60, 63, 64, 200) for sign in (1, -1)]
PARTS: Final = [b"", b"\0", b"\0\0", b"\0a", b"a", b"ab", b"b", b"\x7f", b"\x80", b"\xff", b"\xff\xff"]
WORDS: Final = ["", "a", "ab", "b", "é", "ж", "￿", "𐍈"]


def _small(random: Random) -> int:
    return random.randint(-3, 12)


def _number(random: Random) -> Any:
    return random.choice([_small, _small, _small, _fraction, _big])(random)


def _fraction(random: Random) -> float:
    return random.choice([random.randint(-3, 12) + 0.5, 1e-300, -1e-300, 0.1, -2.25, 2.0**51 + 0.5])


def _big(random: Random) -> int:
    return random.choice(BORDERS) + random.randint(-2, 2)


def _bytes(random: Random) -> bytes:
    return random.choice(PARTS) + random.choice([b"", b"", random.choice(PARTS)])


def _pair(random: Random) -> tuple[int, bytes]:
    return random.randint(0, 2), _bytes(random)


def _nested(random: Random) -> tuple[tuple[int, int], bytes]:
    return (random.randint(0, 2), random.randint(0, 2)), random.choice(PARTS)


def _guise(random: Random) -> Any:
    number = random.choice([_small, _fraction, _big])(random)
    return random.choice([number, float(number)])


def _mapped(random: Random, depth: int = 0) -> Any:
    choice = random.randint(0, 6 if depth < 2 else 3)
    if choice <= 1:
        return _number(random)
    if choice == 2:
        return _bytes(random)
    if choice == 3:
        return random.choice(WORDS) + random.choice(WORDS)
    return tuple(_mapped(random, depth + 1) for _ in range(random.randint(0, 3)))


def _to_mapped(key: Any) -> Any:
    if isinstance(key, str):
        return Atom(key)
    if isinstance(key, bytes):
        return (key,)
    return [_to_mapped(part) for part in key] if isinstance(key, tuple) else key


def _from_mapped(term: Any) -> Any:
    if isinstance(term, Atom):
        return term.name
    if isinstance(term, tuple):
        return term[0]
    return tuple(_from_mapped(part) for part in term) if isinstance(term, list) else term


def _open_list(prefix: tuple[Any, ...]) -> Any:
    return OpenList(tuple(_to_mapped(part) for part in prefix), Atom("_"))


GUISES: Final = Family("guises", _guise)
"""Numbers that come now as an int, now as a float."""

MAPPED: Final = Family("mapped", _mapped, _to_mapped, _from_mapped, _open_list)
"""Our whole order, numbers < str < bytes < tuples, as numbers < atoms < 1-tuples < lists in Erlang."""

FAMILIES: Final = [
    Family("numbers", _number),
    Family("bytes", _bytes),
    Family("numbers_and_bytes", lambda random: random.choice([_number, _bytes])(random)),
    Family("numbers_and_pairs", lambda random: random.choice([_number, _pair, _pair])(random)),
    Family("nested", _nested),
    MAPPED,
]
