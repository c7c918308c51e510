"""Globs: `*` is any text without `/`, `**` any text, `?` one character; all else stands for itself.

A glob covers the whole text, newlines are characters like others, and there are no classes and no escapes. No glob is
slow: matching takes at most O(size of the glob * length of the text squared), and mostly O(length of the text).

That is why the regular expression looks for the next fixed piece and never gives it back (an *atomic* group): of two
places for a piece the earlier leaves the later pieces all the room that the other does, behind `**` for a row of pieces
up to the next `**`. Only `?` breaks this rule, for it may stand for the `/` at which `*` stops. A glob with `?` and
more than two runs of stars therefore keeps all the places that it may have come to, as bits of a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["glob_matcher", "literal_head"]

_HEAD: Final = re.compile(r"[^*?]*")
_PARTS: Final = re.compile(r"\*+|\?|[^*?]+")
_FEW: Final = 2


def literal_head(glob: str) -> str:
    """Return what stands before the first wildcard of a glob: every text that matches begins with it.

    >>> literal_head("user:*:age"), literal_head("user"), literal_head("?ser")
    ('user:', 'user', '')
    """
    found = _HEAD.match(glob)
    return found[0] if found else ""


def glob_matcher(glob: str) -> Callable[[str], object]:
    """Return a function that is true of the texts that match.

    >>> match = glob_matcher("user:*/**")
    >>> bool(match("user:1/a/b")), bool(match("user:1"))
    (True, False)
    """
    parts = ["**" if part.startswith("**") else part for part in _PARTS.findall(glob)]
    if "?" not in parts:
        pattern = _atomic_pattern(parts)
    elif parts.count("*") + parts.count("**") <= _FEW:
        pattern = "".join(_WILDCARDS.get(part) or re.escape(part) for part in parts)
    else:
        return _states_matcher(parts)
    return re.compile(pattern, re.DOTALL).fullmatch


_WILDCARDS: Final = {"*": "[^/]*", "**": ".*", "?": "."}


def _atomic_pattern(parts: list[str]) -> str:
    """Return the regular expression of a glob without `?`, which never goes back over a piece that it found.

    >>> _atomic_pattern(["a", "*", "b", "*", "c"])
    'a(?>[^/]*?b)[^/]*c'
    >>> _atomic_pattern(["**", "a", "*", "b", "**", "c"])
    '(?>.*?a(?>[^/]*?b)).*c'
    """
    pattern = ""
    block = ""  # since the last `**`
    gap = ""  # a star whose piece comes next
    last_star = max((place for place, part in enumerate(parts) if part in _WILDCARDS), default=-1)
    for place, part in enumerate(parts):
        if place >= last_star:  # the end is fixed: where its piece stands is no choice
            block += _WILDCARDS.get(part) or re.escape(part)
            if part == "**":
                pattern, block = _closed(pattern, block[: -len(".*")]), ".*"
        elif part == "**":
            pattern, block = _closed(pattern, block), ".*?"
        elif part == "*":
            gap = "[^/]*?"
        else:
            block += f"(?>{gap}{re.escape(part)})" if gap else re.escape(part)
            gap = ""
    return pattern + block


def _closed(pattern: str, block: str) -> str:
    """Return the pattern with a block added that is not gone back into."""
    return pattern + (f"(?>{block})" if block.startswith(".*?") else block)


def _states_matcher(parts: list[str]) -> Callable[[str], bool]:
    """Return a matcher that steps through the text once; bit `i` is set where the first `i` steps may be behind it."""
    steps = [step for part in parts for step in ([part] if part in _WILDCARDS else part)]
    advances: dict[str, int] = {}
    stars = deep_stars = any_one = 0
    for place, step in enumerate(steps):
        bit = 1 << place
        if step == "?":
            any_one |= bit
        elif step in _WILDCARDS:
            stars |= bit
            deep_stars |= bit if step == "**" else 0
        else:
            advances[step] = advances.get(step, 0) | bit
    advances = {character: bits | any_one for character, bits in advances.items()}
    end = 1 << len(steps)

    def matches(text: str) -> bool:
        states = 1 | (1 & stars) << 1
        for character in text:
            stay = states & (deep_stars if character == "/" else stars)
            states = (states & advances.get(character, any_one)) << 1 | stay
            states |= (states & stars) << 1
            if not states:
                return False
        return bool(states & end)

    return matches
