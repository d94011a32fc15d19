"""How long a predictor takes: a fixed part and a part per row, learned from its own calls."""

from __future__ import annotations

_WEIGHT = 0.1  # of the newest call; about the last twenty calls decide
_QUICK_SECONDS = 100e-6
_FEW, _MANY = 2, 8  # rows of a call that tells of the fixed part, and of one that tells of the rows


class Pace:
    """Estimate of a predictor's speed; written and read on the event loop."""

    def __init__(self) -> None:
        self._fixed = 0.0
        self._per_row = 0.0

    def note(self, rows: int, seconds: float) -> None:
        """Learn from one call."""
        if rows <= _FEW:
            self._fixed = seconds if self._fixed == 0 else self._fixed + _WEIGHT * (seconds - self._fixed)
            return
        # One call that was interrupted must not count for long while all others are of many rows.
        self._fixed = min(self._fixed, seconds)
        if rows >= _MANY:
            per_row = max(0.0, seconds - self._fixed) / rows
            self._per_row = (
                per_row if self._per_row == 0 else self._per_row + _WEIGHT * (per_row - self._per_row)
            )

    @property
    def quick(self) -> bool:
        """Whether a call for one request is short beside what a turn of the event loop costs."""
        return self._fixed < _QUICK_SECONDS

    def parts(self, rows: int, most: int) -> int:
        """Into how many calls side by side it pays to cut so many rows.

        Each repeats the fixed part, on a core that others could have: no more of them than rows take as long
        as that, so that at least half of the time is spent on rows.

        Args:
            rows: In all of them.
            most: Calls that there is room for, 1 and up.

        Returns:
            1 and up; no more than rows.
        """
        worth = self._per_row * rows / self._fixed if self._fixed else rows
        return max(1, min(most, rows, int(worth)))

    def seconds(self, rows: int) -> float:
        """Estimate for a call with as many rows; 0 before anything was learned."""
        return self._fixed + self._per_row * rows if rows else 0.0
