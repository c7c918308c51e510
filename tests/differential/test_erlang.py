"""The bridge to Erlang itself: terms come back as they went, and a program that dies says so."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import _erlang
from ._erlang import Erlang, ErlangDied
from ._terms import Atom, OpenList, decode, encode, show

ATOMS = st.builds(Atom, st.text(max_size=5).filter(lambda name: name not in ("true", "false")))
LEAVES = st.one_of(
    st.integers(),
    st.integers(-(2**300), 2**300),
    st.floats(allow_nan=False, allow_infinity=False),
    st.binary(max_size=8),
    st.booleans(),
    ATOMS,
)
TERMS = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple))
)


@given(term=TERMS)
def test_a_term_comes_back_from_its_bytes(term: object) -> None:
    assert decode(encode(term)) == term


def test_terms_come_back_from_erlang(erlang: Erlang) -> None:
    terms = [0, 255, 256, -1, 2**31, -(2**31) - 1, 2**64, -(2**2100), 1.5, b"", b"\0x", (), (1, (2, b"3")), [], [1, 2]]
    terms += [[b"a"], [300, 1], Atom("a"), Atom("ж"), True, False, tuple(range(300)), list(range(300))]
    erlang.call("new", Atom("set"))
    erlang.call("insert", [(number, term) for number, term in enumerate(terms)])
    answers = erlang.ask([("lookup", [number]) for number in range(len(terms))])
    assert [answer[1][0][1] for answer in answers] == terms


def test_a_pattern_of_a_list_matches_what_begins_so(erlang: Erlang) -> None:
    erlang.call("new", Atom("ordered_set"))
    erlang.call("insert", [([1, 2], b"both"), ([1], b"one"), ([2], b"other")])
    found = erlang.call("match_object", (OpenList((1,), Atom("_")), Atom("_")))
    assert found == [([1], b"one"), ([1, 2], b"both")]


def test_an_error_of_erlang_is_an_answer(erlang: Erlang) -> None:
    erlang.call("new", Atom("set"))
    assert erlang.ask([("insert", [1]), ("member", [1])]) == [("error", Atom("badarg")), ("ok", False)]
    with pytest.raises(ValueError, match=r"ets:insert\(T, 1\) fails with badarg"):
        erlang.call("insert", 1)


def test_terms_look_as_in_erlang() -> None:
    term = (1, b"ab", [Atom("a"), Atom("$1")], True, OpenList((1.5,), Atom("_")))
    assert show(term) == "{1, <<97,98>>, [a, '$1'], true, [1.5 | '_']}"


@pytest.fixture
def another(erlang: Erlang, tmp_path: Path) -> Iterator[Erlang]:
    """Return a second Erlang that a test may kill."""
    with Erlang(tmp_path) as another:
        yield another


def test_an_erlang_that_dies_says_so(another: Erlang) -> None:
    os.kill(another.pid, signal.SIGKILL)
    with pytest.raises(ErlangDied, match=r"Erlang .*exit status -9"):
        another.call("new", Atom("set"))


def test_an_erlang_that_breaks_shows_what_it_wrote(another: Erlang) -> None:
    with pytest.raises(ErlangDied, match=r"exit status 1; it wrote:\s+error:function_clause"):
        another.exchange(1)


def test_an_erlang_that_is_silent_is_ended(another: Erlang, monkeypatch: pytest.MonkeyPatch) -> None:
    os.kill(another.pid, signal.SIGSTOP)
    monkeypatch.setattr(_erlang, "PATIENCE", 0.0)
    with pytest.raises(ErlangDied, match="gave no answer"):
        another.call("new", Atom("set"))


def test_erlang_ends_with_its_input(another: Erlang) -> None:
    another.close()
    assert another._process.returncode == 0
    another.close()


def test_without_erlang_the_reason_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert _erlang.why_not() == (
        "no erl and no erlc on the PATH: install Erlang (erlang-base or erlang) to compare with its ets"
    )
