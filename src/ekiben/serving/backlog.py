"""What waits for the worker threads: how long, and who would come too late behind it.

A worker's time per row is that of whole jobs, by the wall clock: decoding, predicting and encoding, and
waiting for a core that it shares with the event loop. The predictor's own time (see `pace`) is less, and
a pod that refuses by it promises what it cannot keep as soon as there is too much to do.
"""

from __future__ import annotations

_WEIGHT = 0.1  # of the newest job; about the last twenty decide
_FORGET = 0.99  # per job; rows that once took more bytes than they do now are forgotten after some hundred
# Of the time that a request has left, the share that it may wait for its turn: estimates are wrong by some,
# and who was let in must not be told 504. At four times the capacity 2,087 of 12,958 were told so when the
# whole time counted and the predictor's share of it alone was known, and none of 3,420 with both as here.
PATIENCE_RATIO = 0.5


class Backlog:
    """Jobs of the workers that are not done; read and written on the event loop.

    Args:
        inline_rows: A request with more rows goes to a worker.
        inline_bytes: A body with more bytes does, too.
        workers: That take jobs from the one queue.

    Attributes:
        aside_bytes: Bodies with more bytes go to a worker, as far as one can tell without decoding them.
    """

    def __init__(self, inline_rows: int, inline_bytes: int, workers: int = 1) -> None:
        self._inline_rows = inline_rows
        self._inline_bytes = inline_bytes
        self._workers = workers
        self._jobs = self._rows = 0
        self._row_seconds = 0.0
        self._row_bytes = 0.0
        self.aside_bytes = float(inline_bytes)

    def seconds(self, more_rows: int = 0) -> float:
        """Estimate of the wait for a worker behind all of it, and so many rows more; 0 before it is known."""
        if self._jobs < self._workers:
            return 0.0
        return (self._rows + more_rows) * self._row_seconds / self._workers

    def too_long(self, left_seconds: float) -> float:
        """Whether a request would come too late.

        Args:
            left_seconds: Until nobody waits for its answer any more.

        Returns:
            The wait in seconds if it is too long, else 0.
        """
        wait = self.seconds()
        return wait if wait > PATIENCE_RATIO * left_seconds else 0.0

    def rows_in(self, body_bytes: int) -> int:
        """Estimate of the rows in a body that is not decoded."""
        if not self._row_bytes:
            return self._inline_rows
        return max(1, round(body_bytes / self._row_bytes))

    def add(self, rows: int) -> None:
        """Count a job."""
        self._jobs += 1
        self._rows += rows

    def done(self, rows: int, worked_rows: int, seconds: float) -> None:
        """Count the end of a job, and learn from it.

        Args:
            rows: What `add` was told.
            worked_rows: Rows that were predicted; 0 if none were, and nothing is learned.
            seconds: It took, by the wall clock.
        """
        self._jobs -= 1
        self._rows -= rows
        if worked_rows:
            per_row = seconds / worked_rows
            known = self._row_seconds
            self._row_seconds = per_row if not known else known + _WEIGHT * (per_row - known)

    def decoded(self, body_bytes: int, rows: int) -> None:
        """Learn from a request that went to the worker how many bytes a row takes, at most and lately."""
        self._row_bytes = max(body_bytes / rows, _FORGET * self._row_bytes)
        self.aside_bytes = min(self._inline_bytes, self._row_bytes * self._inline_rows)
