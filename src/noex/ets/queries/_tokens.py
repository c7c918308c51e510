"""The words that a query in text form may have, checked before Python's own parser sees the text.

What gets through is short, nests in a bounded way, and has no comments, no strings with prefixes but bytes, no
assignments, and nothing that Python would warn of.
"""

from __future__ import annotations

import keyword
import re
from typing import Final

__all__ = ["check_tokens", "refusal"]

_MOST_CHARACTERS: Final = 10_000
_MOST_NESTED: Final = 200  # as many brackets as Python's parser takes
_MOST_LINKS: Final = 1_000  # each may nest what stands before it one level deeper

_OTHERS_WORDS: Final = {"AND": "and", "OR": "or", "NOT": "not", "IN": "in", "LIKE": "name.matches('a*')"}  # SQL's

_ALLOWED: Final = "a query compares fields with literals, such as: age >= 18 and not city in ['Kyiv', 'Lviv']"

_ESCAPE: Final = r"\\(?:['\"\\abfnrtv]|x[0-9a-fA-F]{2}"
_TEXT_ESCAPE: Final = _ESCAPE + r"|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
_BYTES_ESCAPE: Final = _ESCAPE + ")"
_NO_CHARACTERS: Final = r"\\\n\r\0\ud800-\udfff"
_TOKEN: Final = re.compile(
    rf"""
      (?P<space>[ \t\r\n]++)
    | (?P<text>(?: [bB]"(?:[^"{_NO_CHARACTERS}]|{_BYTES_ESCAPE})*+" | [bB]'(?:[^'{_NO_CHARACTERS}]|{_BYTES_ESCAPE})*+'
               |   "(?:[^"{_NO_CHARACTERS}]|{_TEXT_ESCAPE})*+"      |   '(?:[^'{_NO_CHARACTERS}]|{_TEXT_ESCAPE})*+'
               )(?!['"\w]))
    | (?P<number>(?: 0[xX][0-9a-fA-F_]++ | 0[oO][0-7_]++ | 0[bB][01_]++
                 |   (?:[0-9][0-9_]*+(?:\.[0-9_]*+)?+|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]++)?+
                 )(?![\w.]))
    | (?P<unary>not\b|[~+-])
    | (?P<name>[^\W\d]\w*+(?!['"]))
    | (?P<open>[(\[{{])
    | (?P<close>[)\]}}])
    | (?P<comma>,)
    | (?P<operator>[=!<>]=|[<>&|.])
    """,
    re.VERBOSE,
)
_KEYWORDS: Final = frozenset({"and", "or", "not", "in", "is", "True", "False", "None"})
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_ENDS: Final = frozenset({"text", "number", "name", "close"})


def refusal(what: str, column: int) -> ValueError:
    """Return the error that says what cannot stand in a query, where, and what can."""
    return ValueError(f"{what} at column {column + 1} cannot stand in a query; {_ALLOWED}")


def _unknown(character: str) -> str:
    """Return what is wrong where no word begins with this character."""
    if character in "'\"" or character.isalpha():
        return "a string with a prefix, without an end, or with an escape that Python does not know,"
    if character == "=":
        return "'=' (write == for equal)"
    return "what is no number" if character.isdigit() else repr(character)


def check_tokens(text: str) -> None:
    """Raise unless the text is made of the words of queries, and its brackets close.

    O(length of the text).

    Raises:
        ValueError: something else is in it, it nests too deep, or it is too long.

    >>> check_tokens("age >= 18")
    >>> check_tokens("age := 18")
    Traceback (most recent call last):
    ...
    ValueError: ':' at column 5 cannot stand in a query; a query compares fields with literals, such as: age >= 18 \
and not city in ['Kyiv', 'Lviv']
    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"a query has at most {_MOST_CHARACTERS} characters, not {len(text)}; write a shorter one")
    outer: list[tuple[str, int]] = []  # the brackets that are open: what closes each, and how deep it stands
    base = depth = links = column = 0
    before = ""
    while column < len(text):
        found = _TOKEN.match(text, column)
        if found is None:
            raise refusal(_unknown(text[column]), column)
        kind, word = found.lastgroup or "", found[0]
        if kind == "name" and keyword.iskeyword(word):
            if word not in _KEYWORDS:
                raise refusal(f"Python's word {word!r} (for a field of that name write value[{word!r}])", column)
            kind = "keyword"
        elif kind == "name" and word in _OTHERS_WORDS:
            raise refusal(f"{word} (write {_OTHERS_WORDS[word]})", column)
        if word in {"+", "-"} and before in _ENDS:
            raise refusal("arithmetic", column)
        if kind == before == "text":
            raise refusal("a string right after another, without a comma,", column)
        if kind == "unary":
            depth += 1
        elif kind == "open":
            outer.append((_CLOSING[word], base))
            base = depth = depth + 1
        elif kind == "close":
            if not outer or outer[-1][0] != word:
                raise refusal(f"{word!r} without what it closes", column)
            base = depth = outer.pop()[1]
        elif kind != "space":
            depth = base
        links += kind == "open" or word in {".", "&", "|"}
        if depth > _MOST_NESTED:
            raise ValueError(f"a query nests at most {_MOST_NESTED} levels deep, and column {column + 1} is deeper")
        if links > _MOST_LINKS:
            raise ValueError(f"a query has at most {_MOST_LINKS} dots, brackets, & and |; write a shorter one")
        before = before if kind == "space" else kind
        column = found.end()
    if not before:
        raise ValueError(f"an empty text is no query; {_ALLOWED}")
    if outer:
        raise refusal(f"the end of the text without {outer[-1][0]!r}", column)
