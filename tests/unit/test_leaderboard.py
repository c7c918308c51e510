"""Leaderboard: ranks, ties, modes, history, the limit of players, and what is refused."""

from __future__ import annotations

import enum
import math
from typing import Any

import pytest

from noex import ets
from noex.errors import TableClosed, TableExists, UnhashableKey, UnorderableKey
from noex.leaderboard import Leaderboard, Mode, Standing


def board_of(*scores: tuple[str, int | float], **options: Any) -> Leaderboard[str]:
    board = Leaderboard[str](**options)
    for player, score in scores:
        board.submit(player, score)
    return board


def test_the_highest_score_stands_first() -> None:
    board = board_of(("ann", 120), ("bob", 150), ("eve", 130))
    assert board.top() == [Standing(1, "bob", 150), Standing(2, "eve", 130), Standing(3, "ann", 120)]
    assert board.top(2) == [Standing(1, "bob", 150), Standing(2, "eve", 130)]
    assert board.top(0) == []
    assert len(board) == 3


def test_ties_stand_by_player() -> None:
    board = board_of(("eve", 7), ("ann", 7), ("bob", 7), ("Zoe", 7), ("äon", 7))
    assert [standing.player for standing in board.top()] == ["Zoe", "ann", "bob", "eve", "äon"]
    assert [standing.rank for standing in board.top()] == [1, 2, 3, 4, 5]


def test_scores_are_taken_as_they_are() -> None:
    board = board_of(("a", -5), ("b", 1.2), ("c", 1.9), ("d", 10**21), ("e", 0), ("f", -5.5), ("g", 2**53 + 1))
    assert [(s.player, s.score) for s in board.top()] == [
        ("d", 10**21),
        ("g", 2**53 + 1),
        ("c", 1.9),
        ("b", 1.2),
        ("e", 0),
        ("a", -5),
        ("f", -5.5),
    ]


def test_players_with_separators_in_their_names_stay_apart() -> None:
    board = board_of(("team:bob", 5), ("team:al", 5), ("team", 5))
    board.remove("team:bob")
    assert [standing.player for standing in board.top()] == ["team", "team:al"]


def test_players_may_be_tuples_and_numbers() -> None:
    board = Leaderboard[tuple[str, int] | int]()
    board.submit(("red", 2), 5)
    board.submit(("red", 1), 5)
    board.submit(7, 5)
    assert [standing.player for standing in board.top()] == [7, ("red", 1), ("red", 2)]


@pytest.mark.parametrize(
    ("mode", "expected", "ranks"),
    [("best", 30, [1, 2, 1, 1]), ("last", 5, [1, 2, 1, 2]), ("sum", 45, [1, 2, 1, 1])],
)
def test_the_mode_says_which_score_stands(mode: Mode, expected: int, ranks: list[int]) -> None:
    board = Leaderboard[str](mode=mode)
    standings = [
        board.submit("rival", 20),
        board.submit("ann", 10),
        board.submit("ann", 30),
        board.submit("ann", 5),
    ]
    assert [standing.rank for standing in standings] == ranks
    assert standings[-1].score == expected
    assert board.score("ann") == expected


def test_submit_returns_the_standing_after_it() -> None:
    board = board_of(("ann", 10), ("bob", 20))
    assert board.submit("ann", 25) == Standing(1, "ann", 25)
    assert board.submit("ann", 1) == Standing(1, "ann", 25)
    assert board.rank("bob") == 2


def test_an_equal_score_changes_nothing() -> None:
    board = board_of(("ann", 10), mode="last")
    assert board.submit("ann", 10.0) == Standing(1, "ann", 10)
    assert board.top() == [Standing(1, "ann", 10)]
    board._check()


def test_unknown_players_have_nothing() -> None:
    board = board_of(("ann", 10))
    assert board.score("eve") is None
    assert board.rank("eve") is None
    assert board.around("eve", 3) == []
    assert board.history("eve") == []
    assert board.remove("eve") is False


def test_around_gives_neighbours_on_both_sides() -> None:
    board = board_of(*((player, -rank) for rank, player in enumerate("abcdefg", 1)))
    around = board.around("d", 2)
    assert [(standing.rank, standing.player) for standing in around] == [
        (2, "b"),
        (3, "c"),
        (4, "d"),
        (5, "e"),
        (6, "f"),
    ]
    assert [standing.player for standing in board.around("a", 2)] == ["a", "b", "c"]
    assert [standing.player for standing in board.around("g", 1)] == ["f", "g"]
    assert [standing.player for standing in board.around("c", 0)] == ["c"]
    assert [standing.player for standing in board.around("c", 100)] == list("abcdefg")


def test_history_is_newest_first_and_limited() -> None:
    board = Leaderboard[str](history=3, mode="sum")
    for score in (1, 2, 3, 4.5):
        board.submit("ann", score)
    assert board.history("ann") == [4.5, 3, 2]
    board.history("ann").clear()
    assert board.history("ann") == [4.5, 3, 2]


def test_no_history_is_kept_where_none_is_wanted() -> None:
    board = board_of(("ann", 1), ("ann", 2), history=0)
    assert board.history("ann") == []
    assert board.score("ann") == 2


def test_a_removed_player_starts_anew() -> None:
    board = board_of(("ann", 5), ("bob", 3), mode="sum")
    assert board.remove("ann") is True
    assert board.top() == [Standing(1, "bob", 3)]
    assert board.submit("ann", 1) == Standing(2, "ann", 1)
    assert board.history("ann") == [1]
    board._check()


def test_keep_drops_the_last_player_with_their_history() -> None:
    board = board_of(("ann", 1), ("bob", 2), ("eve", 3), keep=2)
    assert [standing.player for standing in board.top()] == ["eve", "bob"]
    assert board.score("ann") is None
    assert board.history("ann") == []
    assert len(board) == 2
    board._check()


def test_a_player_who_is_dropped_at_once_gets_the_rank_they_would_have_had() -> None:
    board = board_of(("bob", 2), ("eve", 3), keep=2)
    assert board.submit("ann", 1) == Standing(3, "ann", 1)
    assert board.rank("ann") is None
    assert board.submit("zoe", 2) == Standing(3, "zoe", 2)  # a tie: the smaller player stays
    assert board.submit("abe", 2) == Standing(2, "abe", 2)
    assert [standing.player for standing in board.top()] == ["eve", "abe"]
    board._check()


def test_keep_drops_nobody_when_a_player_falls_behind() -> None:
    board = board_of(("bob", 2), ("eve", 3), mode="last", keep=2)
    assert board.submit("eve", 1) == Standing(2, "eve", 1)
    assert len(board) == 2


@pytest.mark.parametrize("score", [True, "7", None, 1j])
def test_a_score_that_is_no_number_is_refused(score: Any) -> None:
    board = board_of(("ann", 1))
    for player in ("ann", "new"):
        with pytest.raises(TypeError, match=player):
            board.submit(player, score)
    assert board.history("ann") == [1]
    assert len(board) == 1


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_refused(score: float) -> None:
    board = board_of(("ann", 1))
    for player in ("ann", "new"):
        with pytest.raises(ValueError, match=player):
            board.submit(player, score)
    assert board.history("ann") == [1]
    assert len(board) == 1


@pytest.mark.parametrize("more", [1.7e308, 10**400])
def test_a_sum_that_is_not_finite_is_refused_and_changes_nothing(more: float) -> None:
    board = board_of(("ann", 1.7e308), mode="sum")
    with pytest.raises(ValueError, match="ann"):
        board.submit("ann", more)
    assert board.top() == [Standing(1, "ann", 1.7e308)]
    assert board.history("ann") == [1.7e308]
    board._check()


def test_scores_of_subclasses_are_stored_plain() -> None:
    class Points(enum.IntEnum):
        GOAL = 3

    class Metres(float):
        pass

    board = board_of(("ann", Points.GOAL), ("bob", Metres(2.5)))
    assert [type(standing.score) for standing in board.top()] == [int, float]


@pytest.mark.parametrize("player", [object(), frozenset("a"), math.nan, ("a", object())])
def test_a_player_without_an_order_is_refused_before_anything_changes(player: Any) -> None:
    board = Leaderboard[Any](keep=1)
    board.submit("ann", 1)
    with pytest.raises(UnorderableKey):
        board.submit(player, 5)
    assert board.top() == [Standing(1, "ann", 1)]
    board._check()
    board.submit("bob", 2)  # the lock was given back


def test_a_player_without_a_hash_is_refused() -> None:
    board = Leaderboard[Any]()
    for call in (lambda p: board.submit(p, 1), board.score, board.rank, board.history, board.remove):
        with pytest.raises(UnhashableKey):
            call(["ann"])
    with pytest.raises(UnhashableKey):
        board.around(["ann"], 1)


def test_evil_players_that_are_different_but_ordered_as_equal_are_refused() -> None:
    class Name(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return self is other

        def __hash__(self) -> int:
            return id(self)

    board = Leaderboard[str]()
    board.submit(Name("ann"), 5)
    with pytest.raises(UnorderableKey, match="ann"):
        board.submit(Name("ann"), 5)
    assert len(board) == 1
    board._check()


@pytest.mark.parametrize("calls", range(6))
def test_evil_players_whose_hash_raises_leave_the_board_whole(calls: int) -> None:
    class Moody(str):
        __slots__ = ("patience",)
        patience: int

        def __hash__(self) -> int:
            self.patience -= 1
            if self.patience < 0:
                raise RuntimeError("not today")
            return str.__hash__(self)

    board = Leaderboard[str](mode="sum")
    player = Moody("bob")
    for verb in (lambda: board.submit(player, 1), lambda: board.submit(player, 1), lambda: board.remove(player)):
        player.patience = calls
        try:
            verb()
        except RuntimeError:
            pass
        player.patience = 100
        board._check()


@pytest.mark.parametrize("mode", ["min", "", None, "BEST"])
def test_an_unknown_mode_is_refused(mode: Any) -> None:
    with pytest.raises(ValueError, match="mode"):
        Leaderboard[str](mode=mode)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"history": -1}, ValueError),
        ({"history": 1.5}, TypeError),
        ({"history": None}, TypeError),
        ({"history": True}, TypeError),
        ({"keep": 0}, ValueError),
        ({"keep": "10"}, TypeError),
        ({"keep": True}, TypeError),
        ({"size": 10}, TypeError),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Leaderboard[str](**options)


@pytest.mark.parametrize(("n", "error"), [(-1, ValueError), (1.0, TypeError), (True, TypeError), (None, TypeError)])
def test_numbers_of_players_that_make_no_sense_are_refused(n: Any, error: type[Exception]) -> None:
    board = board_of(("ann", 1))
    with pytest.raises(error, match="n must"):
        board.top(n)
    with pytest.raises(error, match="n must"):
        board.around("ann", n)
    with pytest.raises(error, match="n must"):
        board.around("unknown", n)


def test_every_verb_of_a_closed_board_says_so() -> None:
    board = board_of(("ann", 1))
    board.close()
    board.close()
    for call in (
        lambda: board.submit("ann", 1),
        lambda: board.score("ann"),
        board.top,
        lambda: board.rank("ann"),
        lambda: board.around("ann", 1),
        lambda: board.history("ann"),
        lambda: board.remove("ann"),
        lambda: len(board),
    ):
        with pytest.raises(TableClosed):
            call()
    assert "Leaderboard" in repr(board)


def test_both_tables_are_named_and_both_names_are_freed() -> None:
    with ets.Store() as store:
        with Leaderboard[str]("board", store=store) as board:
            board.submit("ann", 1)
            assert store.whereis("board") is not None
            assert store.whereis("board.ranking") is not None
        assert store.whereis("board") is None
        assert store.whereis("board.ranking") is None


def test_a_board_that_cannot_open_both_tables_opens_none() -> None:
    with ets.Store() as store:
        store.new("board.ranking")
        with pytest.raises(TableExists):
            Leaderboard[str]("board", store=store)
        assert store.whereis("board") is None


def test_a_sum_is_what_adding_the_scores_one_by_one_gives() -> None:
    """An int and a float may be equal and still add up to something else: 0.0 + 10**30 is not 10**30."""
    board = Leaderboard[str](mode="sum")
    for score in (0, 0.0, 10**30):
        standing = board.submit("ann", score)
    assert standing.score == board.score("ann") == 0 + 0.0 + 10**30
    board._check()
