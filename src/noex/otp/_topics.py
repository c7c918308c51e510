"""Topics and patterns, and which patterns a topic fits: found in a trie, never by trying all of them.

A topic is a path of segments with dots between: `user.42.renamed`. In a pattern, a segment may also be `*`, which is
exactly one segment, or `**`, which is zero or more; both may stand anywhere, and more than once.

The trie has one node for each beginning of a pattern. A topic is walked through it once, with all the nodes at once
that its beginning fits: a walk takes segments times such nodes, however many patterns there are, and never more for
several `**`. What a topic fits is remembered, for so many topics.

A finalizer may add and remove in the middle of anything here, so each step leaves the trie as it has to be, and what is
added looks in the end whether it is reached.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

__all__ = ["MANY", "MOST_REMEMBERED", "ONE", "Topics", "check_pattern", "check_topic", "fitting"]

T = TypeVar("T")

ONE: Final = "*"
MANY: Final = "**"

MOST_REMEMBERED: Final = 1024
"""For so many topics it is remembered what they fit."""


def check_topic(topic: object) -> str:
    """Return the topic, if it is one.

    Raises:
        TypeError: it is no text.
        ValueError: a segment is empty, or has a `*` in it.

    >>> check_topic("user.42.renamed")
    'user.42.renamed'
    >>> check_topic("user.*")
    Traceback (most recent call last):
    ...
    ValueError: 'user.*' is no topic: '*' is for patterns; publish to one topic, such as 'user.42'
    """
    text = _segments(topic, "topic")
    if ONE in text:
        raise ValueError(f"{text!r} is no topic: '*' is for patterns; publish to one topic, such as 'user.42'")
    return text


def check_pattern(pattern: object) -> str:
    """Return the pattern, if it is one.

    Raises:
        TypeError: it is no text.
        ValueError: a segment is empty, or has a `*` beside other characters.

    >>> check_pattern("user.**.renamed")
    'user.**.renamed'
    >>> check_pattern("user.re*")
    Traceback (most recent call last):
    ...
    ValueError: 'user.re*' is no pattern: in 're*' a wildcard is only part of a segment; '*' stands for one whole \
segment, '**' for any number
    """
    text = _segments(pattern, "pattern")
    for segment in text.split("."):
        if ONE in segment and segment not in (ONE, MANY):
            raise ValueError(
                f"{text!r} is no pattern: in {segment!r} a wildcard is only part of a segment; "
                "'*' stands for one whole segment, '**' for any number"
            )
    return text


def _segments(path: object, what: str) -> str:
    if not isinstance(path, str):
        raise TypeError(f"a {what} must be a str such as 'user.42.renamed', not {path!r}")
    if not all(path.split(".")):
        raise ValueError(f"{path!r} is no {what}: a segment is empty; write 'a.b', with one dot between two segments")
    return path


class _Node(Generic[T]):
    """One beginning of a pattern: who asked for exactly this, in numbers that say when, and what it goes on with."""

    __slots__ = ("above", "children", "members", "segment")

    def __init__(self, above: _Node[T] | None, segment: str) -> None:
        self.above = above
        self.segment = segment
        self.children: dict[str, _Node[T]] = {}
        self.members: dict[T, int] = {}

    def reach(self, segment: str) -> _Node[T]:
        """Return the child of that name; it is made where there is none."""
        child = self.children.get(segment)
        return self.children.setdefault(segment, _Node(self, segment)) if child is None else child


class Topics(Generic[T]):
    """Members by pattern, each under one; `match` returns those that a topic reaches, the first added first.

    >>> topics = Topics[str]()
    >>> topics.add("user.*", "one")
    >>> topics.add("user.**", "many")
    >>> topics.match("user.42"), topics.match("user.42.renamed"), topics.match("user")
    (('one', 'many'), ('many',), ('many',))
    """

    __slots__ = ("_added", "_changes", "_patterns", "_root", "remembered")

    def __init__(self) -> None:
        self._root: _Node[T] = _Node(None, "")
        self._patterns: dict[str, _Node[T]] = {}  # with members
        self._added = 0
        self._changes = 0
        self.remembered: dict[str, tuple[T, ...]] = {}
        """What topics fit, of those that were asked for: the same dict for ever, for those who look here first."""

    def __len__(self) -> int:
        return sum(len(node.members) for node in list(self._patterns.values()))

    def patterns(self) -> list[str]:
        """Return the patterns that have members, in the order in which they came. O(patterns)."""
        return [*self._patterns]

    def members(self) -> list[T]:
        """Return all members, the first added first. O(members)."""
        return self._sorted(_below(self._root))

    def add(self, pattern: str, member: T) -> None:
        """Put a member under a checked pattern. O(segments)."""
        segments = pattern.split(".")
        self._added = number = self._added + 1
        reached = None
        while reached is None or not _is_attached(reached, self._root):
            reached = self._root
            for segment in segments:
                reached = reached.reach(segment)
            reached.members[member] = number  # from here on nobody takes the node away
        self._patterns[pattern] = reached
        if not reached.members:
            self._patterns.pop(pattern, None)
        self._changed(pattern)

    def remove(self, pattern: str, member: T) -> bool:
        """Take a member away from under its pattern, and tell whether it was there. O(segments)."""
        node = self._root
        for segment in pattern.split("."):
            child = node.children.get(segment)
            if child is None:
                return False
            node = child
        if node.members.pop(member, None) is None:
            return False
        if not node.members:
            self._patterns.pop(pattern, None)
        while node.above is not None and not node.members and not node.children:
            node.above.children.pop(node.segment, None)
            node = node.above
        self._changed(pattern)
        return True

    def _changed(self, pattern: str) -> None:
        """Forget what was remembered and may be otherwise now: each is forgotten once, by whomever."""
        self._changes += 1
        if ONE in pattern:
            self.remembered.clear()
        else:
            self.remembered.pop(pattern, None)

    def match(self, topic: str) -> tuple[T, ...]:
        """Return the members that a checked topic reaches, the first added first.

        O(1) where it is remembered, otherwise O(segments x nodes that the topic's beginnings fit), and O(m log m) for m
        members.
        """
        known = self.remembered.get(topic)
        if known is not None:
            return known
        changes = self._changes
        found = self._walk(topic)
        if changes == self._changes:
            if len(self.remembered) >= MOST_REMEMBERED:
                self.remembered.clear()
            self.remembered[topic] = found
        return found

    def _walk(self, topic: str) -> tuple[T, ...]:
        at = _with_many([self._root])
        for segment in topic.split("."):
            following: list[_Node[T]] = []
            for node in at:
                children = node.children
                following += [child for name in (segment, ONE) if (child := children.get(name)) is not None]
                if node.segment == MANY:
                    following.append(node)
            at = _with_many(following)
        return tuple(self._sorted(at))

    @staticmethod
    def _sorted(nodes: list[_Node[T]]) -> list[T]:
        """Return the members of these nodes, the first added first."""
        numbered: list[tuple[int, T]] = []
        for node in nodes:
            for member in list(node.members):
                number = node.members.get(member)
                if number is not None:
                    numbered.append((number, member))
        numbered.sort(key=_number)
        return [member for _, member in numbered]

    def _check(self) -> None:
        """Raise AssertionError if the trie is not as it has to be."""
        found: dict[str, _Node[T]] = {}
        nodes = [("", self._root)]
        while nodes:
            path, node = nodes.pop()
            assert node.members or node.children or node is self._root, f"{path!r} leads nowhere"
            if node.members:
                found[path] = node
            for segment, child in node.children.items():
                assert (child.above, child.segment) == (node, segment)
                nodes.append((f"{path}.{segment}" if path else segment, child))
        assert found == self._patterns
        assert len(self.remembered) <= MOST_REMEMBERED
        for topic, members in self.remembered.items():
            assert members == self._walk(topic), f"what is remembered of {topic!r} is out of date"


def fitting(pattern: str, topics: Iterable[str]) -> list[str]:
    """Return those of the checked topics that fit a checked pattern. O(topics x segments).

    >>> fitting("user.*", ["user", "user.42", "user.42.renamed"])
    ['user.42']
    """
    only = Topics[None]()
    only.add(pattern, None)
    return [topic for topic in topics if only.match(topic)]


def _below(root: _Node[T]) -> list[_Node[T]]:
    """Return a node and all nodes below it."""
    found = [root]
    for node in found:
        found += list(node.children.values())
    return found


def _with_many(nodes: list[_Node[T]]) -> list[_Node[T]]:
    """Return these nodes, and those that are reached from them by `**` standing for nothing; each once."""
    found = dict.fromkeys(nodes)
    for node in nodes:
        child = node.children.get(MANY)
        while child is not None and child not in found:
            found[child] = None
            child = child.children.get(MANY)
    return [*found]


def _number(numbered: tuple[int, T]) -> int:
    return numbered[0]


def _is_attached(node: _Node[T], root: _Node[T]) -> bool:
    """Tell whether a node is reached from the root."""
    while node.above is not None:
        if node.above.children.get(node.segment) is not node:
            return False
        node = node.above
    return node is root
