"""What time it is, for credentials that end: a clock that is set forward or back must not refuse them all."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP_SECONDS = (
    1.0  # clocks are slewed below this, and set above; chrony's and ntpd's own steps begin at 0.1 to 1 s
)
BELIEVED_SECONDS = 600.0  # a wall clock that was set is the truth after so long


class Clock:
    """The wall clock, and the one that it was before somebody set it.

    For `BELIEVED_SECONDS` after a step a credential is in time if either clock
    says so: a step by mistake refuses nobody, nor does a step that corrects a
    wrong start. What had ended stays acceptable for no longer than that.

    Args:
        wall: Seconds since 1970.
        steady: Monotonic seconds.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()  # of the wall clock that is believed
        self._new_offset, self._since = self._offset, 0.0  # where it was set to, and when

    def within(self, begins: float, ends: float) -> bool:
        """Whether it is time: `begins` <= now < `ends`, seconds since 1970."""
        return begins <= self._wall() < ends or begins <= self._steady() + self._offset < ends

    def follow(self) -> None:
        """Look whether the wall clock was set; to be called every few seconds."""
        now = self._steady()
        offset = self._wall() - now
        if abs(offset - self._offset) < STEP_SECONDS:
            self._offset = self._new_offset = offset
        elif abs(offset - self._new_offset) >= STEP_SECONDS:
            self._new_offset, self._since = offset, now
        elif now - self._since >= BELIEVED_SECONDS:
            self._offset = self._new_offset = offset
