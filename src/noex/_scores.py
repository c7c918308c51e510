"""Scores that a leaderboard takes: ints of any size, and floats that are finite, their sums too."""

from __future__ import annotations

import math

from noex.typing import Number

__all__ = ["plain_score", "sum_of_scores"]


def plain_score(score: object, player: object) -> Number:
    """Return the score as a plain int or float.

    Raises:
        TypeError: it is no int or float, or is a bool.
        ValueError: it is infinite or NaN.
    """
    if isinstance(score, float):
        if math.isfinite(score):
            return float(score)
        raise ValueError(f"score must be finite, not {score!r}, for player {player!r}")
    if isinstance(score, int) and not isinstance(score, bool):
        return int(score)
    raise TypeError(f"score must be an int or a float, not {score!r}, for player {player!r}")


def sum_of_scores(old: Number, score: Number, player: object) -> Number:
    """Return the sum of two scores.

    Raises:
        ValueError: it is no finite number.

    >>> sum_of_scores(2, 0.5, "ann")
    2.5
    """
    try:
        new = old + score
    except OverflowError:  # an int that is too large to become a float
        new = math.inf
    if new.__class__ is not int and not math.isfinite(new):
        raise ValueError(
            f"the sum of {old!r} and {score!r} is no finite number, for player {player!r}; use smaller scores"
        )
    return new
