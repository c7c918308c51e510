"""Leaderboard against a dict that is sorted anew for every answer."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from noex.leaderboard import Leaderboard, Mode, Standing

PLAYERS = st.sampled_from([*"abcdefgh", "team:a", "team", "é", "A"])
SCORES = (
    st.integers(-5, 5) | st.integers(-20, 20).map(lambda n: n / 4) | st.sampled_from([10**30, -(10**30), 2**53 + 1])
)


class LeaderboardModel(RuleBasedStateMachine):
    @initialize(
        mode=st.sampled_from(["best", "last", "sum"]),
        keep=st.none() | st.integers(1, 5),
        history=st.integers(0, 4),
    )
    def begin(self, mode: Mode, keep: int | None, history: int) -> None:
        self.board = Leaderboard[str](mode=mode, keep=keep, history=history)
        self.mode, self.keep, self.length = mode, keep, history
        self.scores: dict[str, float] = {}
        self.histories: dict[str, list[float]] = {}

    def ranked(self) -> list[Standing[str]]:
        order = sorted(self.scores, key=lambda player: (-self.scores[player], player))
        return [Standing(rank, player, self.scores[player]) for rank, player in enumerate(order, 1)]

    @rule(player=PLAYERS, score=SCORES)
    def submit(self, player: str, score: float) -> None:
        old = self.scores.get(player)
        if old is None or self.mode == "last":
            self.scores[player] = score
        else:
            self.scores[player] = max(old, score) if self.mode == "best" else old + score
        self.histories[player] = [score, *self.histories.get(player, [])][: self.length]
        ranked = self.ranked()
        standing = next(standing for standing in ranked if standing.player == player)
        if self.keep is not None and len(ranked) > self.keep:
            last = ranked[-1].player
            del self.scores[last], self.histories[last]
        assert self.board.submit(player, score) == standing

    @rule(player=PLAYERS)
    def remove(self, player: str) -> None:
        self.histories.pop(player, None)
        assert self.board.remove(player) is (self.scores.pop(player, None) is not None)

    @rule(player=PLAYERS, n=st.integers(0, 4))
    def around(self, player: str, n: int) -> None:
        ranked = self.ranked()
        at = next((place for place, standing in enumerate(ranked) if standing.player == player), None)
        expected = [] if at is None else ranked[max(0, at - n) : at + n + 1]
        assert self.board.around(player, n) == expected

    @rule(player=PLAYERS)
    def one_player(self, player: str) -> None:
        ranks = {standing.player: standing.rank for standing in self.ranked()}
        assert self.board.rank(player) == ranks.get(player)
        assert self.board.score(player) == self.scores.get(player)
        assert self.board.history(player) == self.histories.get(player, [])

    @rule(n=st.integers(0, 12))
    def top(self, n: int) -> None:
        assert self.board.top(n) == self.ranked()[:n]

    @invariant()
    def whole(self) -> None:
        if not hasattr(self, "board"):
            return
        self.board._check()
        assert len(self.board) == len(self.scores)
        assert self.board.top(100) == self.ranked()


TestLeaderboardModel = LeaderboardModel.TestCase
TestLeaderboardModel.settings = settings()
