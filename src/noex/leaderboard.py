"""Players by score: who leads, where somebody stands, who stands around them, and what they scored before.

Two tables under one lock: a set of records by player, and an ordered set whose keys `(-score, player)` are the board
from the top down, so that a rank is a position in it. Keys are tuples: no score is cut, and no player's name can run
into another's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar, get_args

from noex._arguments import whole_number
from noex._recipe import Recipe
from noex._scores import plain_score, sum_of_scores
from noex.errors import UnorderableKey
from noex.ets import OrderedSetTable, SetTable, Store
from noex.kernel import acquire, release, shortened
from noex.typing import Clock, Entry, Number

__all__ = ["Leaderboard", "Mode", "Standing"]

P = TypeVar("P")

Mode: TypeAlias = Literal["best", "last", "sum"]
"""Which score of a player stands: the best one, the last one, or the sum of all."""


class Standing(NamedTuple, Generic[P]):
    """Where a player stands: `rank` (1 is the best), `player`, `score`."""

    rank: int
    player: P
    score: Number


_new_standing: Callable[[type[Standing[Any]], tuple[int, Any, Number]], Standing[Any]] = tuple[Any, ...].__new__  # pyright: ignore[reportAssignmentType]


@dataclass(slots=True, eq=False)
class _Record(Generic[P]):
    """What is known of one player: the key on the board, the score, the scores submitted, oldest first."""

    place: tuple[Number, P]
    handle: Any  # what the board knows the place by
    member: Any  # what the table of records knows the player by
    position: int  # where it was on the board when last asked for
    score: Number
    history: list[Number] | None
    gone: bool = False
    busy: bool = False
    later: list[Number] = field(default_factory=list[Number])  # submitted by a finalizer that struck while it was busy


@shortened(_Record, Standing)
class Leaderboard(Recipe, Generic[P]):
    """A board of players by score, highest first; of equal scores the smaller player stands first.

    Safe from any thread: every verb sees and leaves the board whole. Players are of the types that an ordered table
    orders (str, int, tuples of these and so on), scores are ints of any size and finite floats.

    Options: `mode` says which score of a player stands, `"best"`, `"last"` or the `"sum"` of all; `history` is how many
    submitted scores of each player are kept; `keep` is how many players are: when there are more, the last one falls
    out of the board with their history, and starts anew with their next score. `name` is that of the table of players
    in `store`, and `<name>.ranking` that of the board; `clock` is the tables'.

    >>> board = Leaderboard[str]()
    >>> board.submit("ann", 120)
    Standing(rank=1, player='ann', score=120)
    >>> board.submit("bob", 150), board.submit("ann", 90)
    (Standing(rank=1, player='bob', score=150), Standing(rank=2, player='ann', score=120))
    >>> board.history("ann")
    [90, 120]
    """

    __slots__ = ("_history", "_keep", "_lookup", "_mode", "_ranking", "_records")

    def __init__(
        self,
        name: str | None = None,
        *,
        mode: Mode = "best",
        history: int = 10,
        keep: int | None = None,
        store: Store | None = None,
        clock: Clock | None = None,
    ) -> None:
        if mode not in get_args(Mode):
            raise ValueError(f"mode must be one of {', '.join(map(repr, get_args(Mode)))}, not {mode!r}")
        whole_number(history, "history", 0)
        if keep is not None:
            whole_number(keep, "keep", 1)
        self._mode: Mode = mode
        self._history = history
        self._keep = keep
        self._records = SetTable[P, _Record[P]](name, store=store, clock=clock)
        try:
            ranking = None if name is None else f"{name}.ranking"
            self._ranking = OrderedSetTable[tuple[Number, P], tuple[Number, Any]](ranking, store=store, clock=clock)
        except BaseException:
            self._records.close()
            raise
        self._lookup = self._records.lookup

    def submit(self, player: P, score: Number) -> Standing[P]:
        """Take a player's score and return where the player stands with what then counts.

        O(log n), atomic. When `keep` drops the player at once, the rank returned is the one that the
        score would have had, which is `keep + 1`, and the player is not on the board.

        Raises:
            TypeError: `score` is no int or float, or is a bool; `UnhashableKey` or `UnorderableKey` when the player
                cannot be on a board. Nothing has changed then.
            ValueError: `score`, or the sum, is infinite or NaN.
            TableClosed: after `close()`.

        >>> board = Leaderboard[str](mode="sum", keep=1)
        >>> board.submit("ann", 2), board.submit("bob", 1)
        (Standing(rank=1, player='ann', score=2), Standing(rank=2, player='bob', score=1))
        >>> board.submit("ann", 2), len(board)
        (Standing(rank=1, player='ann', score=4), 1)
        """
        if score.__class__ is not int:
            score = plain_score(score, player)
        while True:  # again when another thread enters or removes the player meanwhile
            record = self._lookup(player)
            if record is None:
                standing = self._enter(player, score)
                if standing is not None:
                    return standing
                continue
            acquire()
            try:
                if record.busy:  # a finalizer that struck in the middle of a submit of this very player
                    record.later.append(score)
                    return Standing(record.position + 1, player, record.score)
                if not record.gone:
                    record.busy = True
                    try:
                        return self._move(record, score)
                    finally:
                        self._settle(record)
            finally:
                release()

    def score(self, player: P) -> Number | None:
        """Return the player's score, `None` for one who is not on the board.

        O(1), atomic.

        Raises:
            UnhashableKey: the player has no hash.
            TableClosed: after `close()`.
        """
        record = self._lookup(player)
        if record is None:
            return None
        acquire()
        try:
            return None if record.gone else record.score
        finally:
            release()

    def rank(self, player: P) -> int | None:
        """Return the player's rank, 1 for the best, `None` for one who is not on the board.

        O(log n), atomic.

        Raises:
            UnhashableKey: the player has no hash.
            TableClosed: after `close()`.

        >>> board = Leaderboard[str]()
        >>> board.submit("bob", 7).rank, board.submit("ann", 7).rank, board.rank("bob"), board.rank("eve")
        (1, 1, 2, None)
        """
        record = self._lookup(player)
        if record is None:
            return None
        acquire()
        try:
            return None if record.gone else self._position(record) + 1
        finally:
            release()

    def top(self, n: int = 10) -> list[Standing[P]]:
        """Return the `n` best, best first.

        O(log n + results), one consistent cut.

        Raises:
            TypeError: `n` is no int.
            ValueError: `n` is negative.
            TableClosed: after `close()`.

        >>> board = Leaderboard[str]()
        >>> board.submit("bob", 7).rank, board.submit("ann", 7).rank, board.top(1)
        (1, 1, [Standing(rank=1, player='ann', score=7)])
        """
        whole_number(n, "n", 0)
        acquire()
        try:
            entries = self._ranking.range(limit=n)
        finally:
            release()
        return _standings(entries, 1)

    def around(self, player: P, n: int) -> list[Standing[P]]:
        """Return the player with up to `n` neighbours on each side, best first; nobody for an unknown player.

        O(log n + results), one consistent cut.

        Raises:
            TypeError: `n` is no int; `UnhashableKey` when the player has no hash.
            ValueError: `n` is negative.
            TableClosed: after `close()`.

        >>> board = Leaderboard[str]()
        >>> for score, player in enumerate(["ann", "bob", "eve", "zoe"]):
        ...     _ = board.submit(player, score)
        >>> [(standing.rank, standing.player) for standing in board.around("eve", 1)]
        [(1, 'zoe'), (2, 'eve'), (3, 'bob')]
        """
        whole_number(n, "n", 0)
        record = self._lookup(player)
        if record is None:
            return []
        acquire()
        try:
            if record.gone:
                return []
            position = self._position(record)
            start = max(0, position - n)
            entries = self._ranking.range(self._ranking.at(start).key, limit=position - start + 1 + n)
        finally:
            release()
        return _standings(entries, start + 1)

    def history(self, player: P) -> list[Number]:
        """Return the scores that the player submitted last, newest first; none for an unknown player.

        O(history), atomic.

        Raises:
            UnhashableKey: the player has no hash.
            TableClosed: after `close()`.
        """
        record = self._lookup(player)
        if record is None:
            return []
        acquire()
        try:
            return [] if record.gone or record.history is None else record.history[::-1]
        finally:
            release()

    def remove(self, player: P) -> bool:
        """Take the player off the board, with their history, and tell whether they were on it.

        O(log n), atomic.

        Raises:
            UnhashableKey: the player has no hash.
            TableClosed: after `close()`.

        >>> board = Leaderboard[str]()
        >>> board.submit("ann", 7).rank, board.remove("ann"), board.remove("ann"), len(board)
        (1, True, False, 0)
        """
        record = self._lookup(player)
        if record is None:
            return False
        acquire()
        try:
            if record.gone or record.busy:
                return False
            record.gone = True
            self._ranking._drop(record.handle)
            self._records._drop(record.member)
            return True
        finally:
            release()

    def close(self) -> None:
        """Close the tables and free their names; every other verb raises `TableClosed` then. May be repeated."""
        acquire()
        try:
            self._records.close()
            self._ranking.close()
        finally:
            release()

    def _enter(self, player: P, score: Number) -> Standing[P] | None:
        """Put a new player on the board; `None` if the player is on it already."""
        records, ranking = self._records, self._ranking
        member, row, witness = records._resolve(player)
        if row is not None:
            return None
        place = (-score, player)
        handle = ranking._sort_key(place)
        record = _Record(place, handle, member, 0, score, [score] if self._history else None, busy=True)
        acquire()
        try:
            if not records._add_at(member, player, record, witness):
                return None
            if not ranking.insert_new(place, (score, member)):
                record.gone = True
                records._drop(member)
                raise self._taken(player)
            record.position = self._position(record)
            if self._keep is not None and len(ranking) > self._keep:
                last = ranking.pop_last()
                dropped = None if last is None else records._drop(last.value[1])
                if dropped is not None:
                    dropped[1].gone = True
            standing = Standing(record.position + 1, player, score)
            self._settle(record)
            return standing
        finally:
            release()

    def _settle(self, record: _Record[P]) -> None:
        """End a submit, with those that came meanwhile from finalizers. The caller has the lock."""
        while record.later and not record.gone:
            self._move(record, record.later.pop(0))
        record.busy = False

    def _move(self, record: _Record[P], score: Number) -> Standing[P]:
        """Take one more score of a player who is on the board. The caller has the lock."""
        player = record.place[1]
        new = record.score
        if self._mode == "sum":
            if score.__class__ is int is new.__class__:
                new += score
            else:
                new = sum_of_scores(new, score, player)
        elif self._mode == "last" or score > new:
            new = score
        if new == record.score:
            position = self._position(record)
            record.score = new  # 0 and 0.0 are equal, and add up otherwise
        else:
            place = (-new, player)
            moved = self._ranking._renumber(record.handle, -new, place, (new, record.member), record.position)
            if moved is None:
                raise self._taken(player)
            record.place = place
            record.handle, position = moved
            record.position = position
            record.score = new
        history = record.history
        if history is not None:
            history.append(score)
            if len(history) > self._history:
                del history[0]
        return _new_standing(Standing, (position + 1, player, record.score))

    def _taken(self, player: P) -> UnorderableKey:
        return UnorderableKey(
            f"player {player!r} has the place of another one in {self!r}: the two are not equal, but nothing "
            "orders them; tell players apart by what orders them, such as their plain names"
        )

    def _position(self, record: _Record[P]) -> int:
        position = self._ranking.rank(record.place)
        if position is None:
            raise AssertionError(f"{record.place!r} is not on the board")
        return position

    def _check(self) -> None:
        """Raise AssertionError unless the two tables tell the same."""
        acquire()
        try:
            self._records._check()
            self._ranking._check()
            told = {record.place: record.score for record in self._records.values() if not record.gone}
            board = {place: value[0] for place, value in self._ranking.to_list()}
            if told != board or len(told) != len(self._records) or len(told) > (self._keep or len(told)):
                raise AssertionError("players with a record and players on the board differ, or are too many")
            if any(-place[0] != score for place, score in board.items()):
                raise AssertionError("a player stands at another score's place")
        finally:
            release()

    def __len__(self) -> int:
        """Return the number of players on the board. O(1)."""
        acquire()
        try:
            return len(self._records)
        finally:
            release()

    def __repr__(self) -> str:
        return f"Leaderboard(name={self._records.name!r}, mode={self._mode!r})"


def _standings(entries: list[Entry], first: int) -> list[Standing[Any]]:
    return [Standing(rank, key[1], value[0]) for rank, (key, value) in enumerate(entries, first)]
