"""Which patterns a topic fits, against a matcher that knows nothing of tries."""

from __future__ import annotations

import gc
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noex.otp import _topics
from noex.otp._topics import MOST_REMEMBERED, Topics, check_pattern, check_topic, fitting


def fits(pattern: str, topic: str) -> bool:
    """Say by trying everything whether a topic fits a pattern."""
    wanted, given = pattern.split("."), topic.split(".")

    @cache
    def rest_fits(at: int, of: int) -> bool:
        if at == len(wanted):
            return of == len(given)
        if wanted[at] == "**":
            return any(rest_fits(at + 1, later) for later in range(of, len(given) + 1))
        return of < len(given) and wanted[at] in ("*", given[of]) and rest_fits(at + 1, of + 1)

    return rest_fits(0, 0)


segments = st.sampled_from(["a", "b", "c"])
topics = st.lists(segments, min_size=1, max_size=5).map(".".join)
patterns = st.lists(st.one_of(segments, st.sampled_from(["*", "**"])), min_size=1, max_size=5).map(".".join)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a", ["a"], ["b", "a.a"]),
        ("*", ["a", "b"], ["a.b"]),
        ("**", ["a", "a.b", "a.b.c"], []),
        ("user.*", ["user.created"], ["user", "user.profile.updated", "order.created"]),
        ("user.**", ["user", "user.created", "user.profile.updated"], ["order", "order.user"]),
        ("*.created", ["user.created", "order.created"], ["created", "a.b.created", "user.deleted"]),
        ("**.created", ["created", "user.created", "a.b.created"], ["created.user"]),
        ("user.*.updated", ["user.profile.updated"], ["user.updated", "user.a.b.updated"]),
        ("user.**.updated", ["user.updated", "user.a.updated", "user.a.b.updated"], ["user", "updated"]),
        ("*.*.event", ["a.b.event"], ["a.event", "a.b.c.event"]),
        ("a.*.*", ["a.b.c"], ["a.b", "a.b.c.d"]),
        ("*.**", ["a", "a.b"], []),
        ("**.**", ["a", "a.b"], []),
        ("**.b.**", ["b", "a.b", "b.c", "a.b.c"], ["a", "a.c"]),
    ],
)
def test_what_a_pattern_fits(pattern: str, yes: list[str], no: list[str]) -> None:
    assert fitting(pattern, yes + no) == yes
    assert [topic for topic in yes + no if fits(pattern, topic)] == yes


@given(patterns=st.lists(patterns, max_size=20), topics=st.lists(topics, min_size=1, max_size=8))
def test_the_trie_finds_what_trying_finds(patterns: list[str], topics: list[str]) -> None:
    trie = Topics[int]()
    for number, pattern in enumerate(patterns):
        trie.add(pattern, number)
        trie.match(topics[0])  # what is remembered must not stay when it is no longer so
    for topic in topics:
        expected = tuple(number for number, pattern in enumerate(patterns) if fits(pattern, topic))
        assert trie.match(topic) == trie.match(topic) == expected
    trie._check()


@given(data=st.data())
def test_coming_and_going_leaves_nothing_behind(data: st.DataObject) -> None:
    trie = Topics[int]()
    present: dict[int, str] = {}
    for number in range(data.draw(st.integers(1, 15))):
        if present and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(present)))
            assert trie.remove(present[gone], gone)
            assert not trie.remove(present.pop(gone), gone)
        else:
            present[number] = data.draw(patterns)
            trie.add(present[number], number)
        topic = data.draw(topics)
        assert trie.match(topic) == tuple(one for one, pattern in present.items() if fits(pattern, topic))
        assert sorted(trie.patterns()) == sorted(set(present.values()))
        assert trie.members() == [*present]
        assert len(trie) == len(present)
        trie._check()
    for number, pattern in present.items():
        trie.remove(pattern, number)
    trie._check()
    assert (trie.patterns(), trie._root.children) == ([], {})


def test_many_wildcards_take_no_longer_than_a_few() -> None:
    """Where each `**` was tried at each segment, this would never end."""
    topic = ".".join(["a"] * 200)
    assert fitting(".".join(["**", "a"] * 50), [topic]) == [topic]
    assert fitting(".".join(["**", "a"] * 50 + ["b"]), [topic]) == []


def test_a_very_long_topic() -> None:
    long = ".".join(map(str, range(20_000)))
    trie = Topics[str]()
    trie.add(long, "itself")
    trie.add("0.**", "many")
    assert trie.match(long) == ("itself", "many")
    assert trie.remove(long, "itself")
    trie._check()


def test_what_is_remembered_is_bounded() -> None:
    trie = Topics[str]()
    trie.add("user.*", "member")
    for number in range(3 * MOST_REMEMBERED):
        assert trie.match(f"user.{number}") == ("member",)
        assert len(trie.remembered) <= MOST_REMEMBERED
    trie._check()


def test_others_are_remembered_when_an_exact_pattern_comes_or_goes() -> None:
    trie = Topics[int]()
    trie.add("a", 1)
    assert (trie.match("a"), trie.match("b")) == ((1,), ())
    trie.add("b", 2)
    assert "a" in trie.remembered
    assert trie.match("b") == (2,)
    trie.remove("b", 2)
    assert "a" in trie.remembered
    assert trie.match("b") == ()


def test_a_topic_is_not_held_against_every_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many others there are, a walk meets the nodes that its topic's beginnings fit, and no other."""
    met: list[int] = []
    real = _topics._with_many

    def counting(nodes: list[Any]) -> list[Any]:
        met.append(len(nodes))
        return real(nodes)

    monkeypatch.setattr(_topics, "_with_many", counting)
    trie = Topics[int]()
    for number in range(10_000):
        trie.add(f"other.{number}.*", number)
        trie.add(f"*.{number}", number)
    trie.add("user.**", -1)
    assert trie.match("user.created") == (-1,)
    assert sum(met) <= 6


def test_a_finalizer_may_add_and_remove_in_the_middle_of_anything() -> None:
    """Members whose hash does so stand for collections of garbage, which come wherever they like."""
    trie = Topics[Any]()
    trie.add("a.b.x", "other")

    class Meddling:
        done = 0

        def __hash__(self) -> int:
            Meddling.done += 1
            if trie.remove("a.b.x", "other"):
                trie.add("a.c", f"made in hash {self.done}")
            else:
                trie.add("a.b.x", "other")
            return 1

    member = Meddling()
    for pattern in ("a.b.c.d", "a.**"):
        trie.add(pattern, member)
        trie.match("a.b.c.d")
        assert trie.remove(pattern, member)
        trie._check()
    gc.collect()
    assert Meddling.done > 4


@pytest.mark.parametrize("topic", ["", ".", "a.", ".a", "a..b"])
def test_an_empty_segment_is_refused_with_value_and_remedy(topic: str) -> None:
    with pytest.raises(ValueError, match=r"a segment is empty; write 'a\.b'") as raised:
        check_topic(topic)
    assert repr(topic) in str(raised.value)
    with pytest.raises(ValueError, match="is no pattern: a segment is empty"):
        check_pattern(topic)


@pytest.mark.parametrize("topic", ["*", "user.*", "**", "user.a*b"])
def test_a_wildcard_in_a_topic_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="'\\*' is for patterns; publish to one topic"):
        check_topic(topic)


@pytest.mark.parametrize("pattern", ["user*", "a.*b", "***", "a.***.b", "a.b**"])
def test_a_wildcard_is_a_whole_segment(pattern: str) -> None:
    with pytest.raises(ValueError, match="a wildcard is only part of a segment"):
        check_pattern(pattern)


@pytest.mark.parametrize("value", [None, 7, b"a", ["a"], ("a",)])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="a topic must be a str such as"):
        check_topic(value)
    with pytest.raises(TypeError, match="a pattern must be a str"):
        check_pattern(value)
