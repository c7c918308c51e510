"""A leaderboard: who is first, which place is mine, and what did I score before?

The problem: with the scores in a dict, "the top ten" sorts all players at each look, and "my rank" counts all who are
better. An ordered set table keeps the players in the order of the board; both questions cost the same for a hundred
players and for a million.

- `records` (set): player -> best score, and the last scores
- `board` (ordered set): `(score, player)`, the highest score first, equal scores in alphabetical order

Run it: python examples/leaderboard.py
"""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

from noex import ets

HISTORY = 5


class Record(NamedTuple):
    """What the table knows of a player; `recent` has the newest score first."""

    best: float
    recent: tuple[float, ...]


class Standing(NamedTuple):
    """A place on the board; the first is 1."""

    rank: int
    player: str
    score: float


def board_order(place: tuple[float, str]) -> tuple[object, str]:
    """Return what the board is ordered by: the score downwards, then the name upwards."""
    # Trap: a key that is text, such as "0000000150:bob", sorts -5 wrong, cuts 1.9 to 1, and takes the player "team:bob"
    # for "team". A tuple keeps the score a number and the name whole, and needs no parsing.
    score, player = place
    return ets.desc(score), player


class Leaderboard:
    """The best score of each player, in order."""

    def __init__(self) -> None:
        self._records = ets.SetTable[str, Record]()
        self._board = ets.OrderedSetTable[tuple[float, str], None](key=board_order)
        # A score changes both tables; who looks in between must not miss a player, or see one twice.
        self._lock = threading.Lock()

    def submit(self, player: str, score: float) -> Standing:
        """Note a score; the best one counts. O(log n)."""
        # Trap: nothing is greater than NaN and nothing is less, so a first score of NaN would stay for ever.
        if not math.isfinite(score):
            raise ValueError(f"a score must be a finite number, not {score} for {player!r}")
        with self._lock:
            old = self._records.lookup(player)
            best = score if old is None else max(old.best, score)
            recent = () if old is None else old.recent
            self._records.insert(player, Record(best, (score, *recent)[:HISTORY]))
            if old is not None and best > old.best:
                self._board.delete((old.best, player))
            self._board.insert_new((best, player), None)
            return Standing(self._rank(best, player), player, best)

    def top(self, n: int = 10) -> list[Standing]:
        """Return the first `n` places. O(n)."""
        with self._lock:
            places = self._board.range(limit=n)
        # Equal scores have different ranks here, in alphabetical order: each rank is somebody's.
        return [Standing(rank, player, score) for rank, ((score, player), _) in enumerate(places, start=1)]

    def rank(self, player: str) -> int | None:
        """Return the place of a player, or None for one who has not played. O(log n), at any place."""
        with self._lock:
            record = self._records.lookup(player)
            return None if record is None else self._rank(record.best, player)

    def around(self, player: str, n: int) -> list[Standing]:
        """Return a player's place, and up to `n` above and below it."""
        with self._lock:
            record = self._records.lookup(player)
            if record is None:
                return []
            middle = self._rank(record.best, player)
            ranks = range(max(1, middle - n), min(len(self._board), middle + n) + 1)
            return [Standing(rank, *reversed(self._board.at(rank - 1).key)) for rank in ranks]

    def history(self, player: str) -> tuple[float, ...]:
        """Return the last scores, the newest first."""
        record = self._records.lookup(player)
        return () if record is None else record.recent

    def remove(self, player: str) -> bool:
        """Take a player off; return whether there was one."""
        with self._lock:
            record = self._records.take(player)
            return record is not None and self._board.delete((record.best, player))

    def _rank(self, score: float, player: str) -> int:
        position = self._board.rank((score, player))
        if position is None:
            raise LookupError(f"{player!r} has a record, but no place")
        return position + 1


def show_board(standings: list[Standing]) -> None:
    """Print places, one per line."""
    for rank, player, score in standings:
        print(f"  {rank:>6}. {player:<9} {score:>6g}")


def show_the_top() -> None:
    """Submit scores, and look at the board."""
    print("The board:")
    board = Leaderboard()
    for player, score in (("bob", 150), ("ada", 300), ("dan", 150), ("cleo", 150), ("eve", -5), ("team:bob", 1.9)):
        board.submit(player, score)
    board.submit("team:al", 1.2)
    show_board(board.top())
    print("Bob improves:", board.submit("bob", 299.5))
    print("Ada does worse, and stays first:", board.submit("ada", 10))
    show_board(board.top(3))
    print("Ada's last scores:", board.history("ada"))
    print("Dan leaves:", board.remove("dan"), "- again:", board.remove("dan"))
    print("  Eve is number", board.rank("eve"), "- Dan:", board.rank("dan"))
    try:
        board.submit("eve", math.nan)
    except ValueError as error:
        print("Refused:", error)


def show_a_large_board() -> None:
    """Find a place among many, and who stands near it."""
    board = Leaderboard()
    for number in range(10_000):
        # 7919 has no factor in common with 10,000, so this gives each of the scores 0 to 9999 once.
        board.submit(f"p{number:04}", number * 7919 % 10_000)
    print("Among 10,000, around p1234:")
    show_board(board.around("p1234", 2))
    print("At the end:")
    show_board(board.around(next(s.player for s in board.top(10_000) if s.score == 0), 1))


def show_history() -> None:
    """Play often: the last five scores are kept."""
    board = Leaderboard()
    for score in (10, 40, 20, 30, 60, 50, 55):
        board.submit("ada", score)
    print("Seven games, the newest first:", board.history("ada"), "- best:", board.top(1)[0].score)


def main() -> None:
    """Show it all."""
    show_the_top()
    show_a_large_board()
    show_history()


if __name__ == "__main__":
    main()

# The recipe that does this for you, with other ways to score: noex.Leaderboard.
