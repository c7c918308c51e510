"""What names, labels and numbers of metrics may be, and one canonical form of each.

The rules are those of Prometheus' data model: names are `[a-zA-Z_:][a-zA-Z0-9_:]*`, labels `[a-zA-Z_][a-zA-Z0-9_]*`
without a leading `__`, and a histogram keeps the label `le` for itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from noex.errors import MetricError

if TYPE_CHECKING:
    from noex.typing import Number

__all__ = [
    "Kind",
    "Labels",
    "Spelling",
    "base_name",
    "canonical_labels",
    "check_namespace",
    "claimed_names",
    "plain_number",
    "plain_spelling",
    "spell",
]

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs of label and value, by label: the canonical form, in which the order of a call does not matter."""

Spelling: TypeAlias = str | tuple[str, ...]
"""What a call says: the name, or a flat tuple of name, labels and values, in the order of the call."""

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TOTAL: Final = "_total"

_SUFFIXES: Final[dict[Kind, tuple[str, ...]]] = {
    "counter": ("", _TOTAL),
    "gauge": ("",),
    "histogram": ("", "_bucket", "_sum", "_count"),
}


def check_namespace(namespace: object) -> str:
    """Return the prefix that the namespace gives to names.

    >>> check_namespace("shop"), check_namespace("")
    ('shop_', '')
    """
    if namespace == "":
        return ""
    if not isinstance(namespace, str) or not _NAME.fullmatch(namespace):
        raise MetricError(f"namespace must be empty or letters, digits, '_' and ':', not {namespace!r}")
    return str.__str__(namespace) + "_"


def base_name(kind: Kind, name: object) -> str:
    """Return the name of a family: as given, but a counter's without `_total`, which its sample gets again.

    >>> base_name("counter", "requests_total"), base_name("gauge", "requests_total")
    ('requests', 'requests_total')
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise MetricError(
            f"the name of a {kind} must be letters, digits, '_' and ':', and not begin with a digit; {name!r} is not"
        )
    base = str.__str__(name)
    if kind == "counter":
        base = base.removesuffix(_TOTAL)
        if not base:
            raise MetricError(f"{name!r} is no name for a counter: nothing is left before {_TOTAL!r}; put a noun there")
    return base


def claimed_names(kind: Kind, name: str) -> list[str]:
    """Return the names that a family takes for itself: its own and those of its samples.

    >>> claimed_names("histogram", "x")
    ['x', 'x_bucket', 'x_sum', 'x_count']
    """
    return [name + suffix for suffix in _SUFFIXES[kind]]


def canonical_labels(kind: Kind, name: str, labels: object) -> Labels:
    r"""Return the labels of a call in canonical form. `name` is the family's, for messages.

    Text that UTF-8 cannot hold (lone surrogates) is spelled out as `\\udcff`, since an exposition is UTF-8.

    >>> canonical_labels("gauge", "x", {"b": "2", "a": "1"})
    (('a', '1'), ('b', '2'))
    """
    if labels is None:
        return ()
    if not isinstance(labels, Mapping):
        raise MetricError(f"labels of {kind} {name!r} must be a mapping such as {{'method': 'GET'}}, not {labels!r}")
    pairs: list[tuple[str, str]] = []
    for label, value in cast("Mapping[object, object]", labels).items():
        if not isinstance(label, str) or not _LABEL.fullmatch(label) or label.startswith("__"):
            raise MetricError(
                f"a label of {kind} {name!r} must be letters, digits and '_', and begin with neither a digit nor '__'; "
                f"{label!r} does not"
            )
        if label == "le" and kind == "histogram":
            raise MetricError(f"label 'le' of histogram {name!r} is what tells its buckets apart; choose another one")
        if not isinstance(value, str):
            raise MetricError(
                f"the value of label {label!r} of {kind} {name!r} must be a str, not {value!r}; convert it with str()"
            )
        text = str.__str__(value)
        if not text.isascii():
            text = text.encode("utf-8", "backslashreplace").decode()
        pairs.append((str.__str__(label), text))
    pairs.sort()
    return tuple(pairs)


def spell(name: str, labels: Mapping[str, str]) -> Spelling:
    """Return name and labels as one key.

    >>> spell("x", {"b": "2", "a": "1"}), spell("x", {})
    (('x', 'b', 'a', '2', '1'), 'x')
    """
    return (name, *labels, *labels.values()) if labels else name


def plain_spelling(name: str, labels: Mapping[str, str] | None, base: str, pairs: Labels) -> Spelling | None:
    """Return the key of a call that differs from the canonical one by suffix or order of labels only, else `None`.

    So there are no more spellings than orders of labels: subclasses of str and text that UTF-8 cannot hold get none.

    >>> plain_spelling("x_total", {"b": "2", "a": "1"}, "x", (("a", "1"), ("b", "2")))
    ('x_total', 'b', 'a', '2', '1')
    """
    given = dict(labels or {})
    spelling = spell(name, given)
    texts = (spelling,) if isinstance(spelling, str) else spelling
    if spelling == spell(base, dict(pairs)) or given != dict(pairs) or any(type(text) is not str for text in texts):
        return None
    return spelling


def plain_number(number: object, what: str, kind: Kind, name: object) -> Number:
    """Return a number as a plain int or float; `what` and `kind` are for messages.

    >>> plain_number(True, "value", "gauge", "x")
    Traceback (most recent call last):
    ...
    noex.errors.MetricError: value of gauge 'x' must be an int or a float, not True
    """
    if isinstance(number, float):
        return float(number)
    if isinstance(number, int) and not isinstance(number, bool):
        return int(number)
    raise MetricError(f"{what} of {kind} {name!r} must be an int or a float, not {number!r}")
