"""Requests per second and caller: a bucket for each, in one number each.

Source: generic cell rate algorithm, ITU-T Recommendation I.371, annex A.
"""

from __future__ import annotations

from collections import OrderedDict

MOST_CALLERS = 10_000  # whoever calls, memory stays bounded


class Rate:
    """A limit that each caller has for itself.

    Args:
        per_second: Sustained requests per second and caller, above 0.
        burst: Requests that a caller who was quiet may send at once, 1 and up.
        most_callers: Callers remembered; the one that called least recently is forgotten first.
    """

    def __init__(self, per_second: float, burst: int, most_callers: int = MOST_CALLERS) -> None:
        self._interval = 1 / per_second
        self._slack = (burst - 1) * self._interval
        self._most_callers = most_callers
        self._due: OrderedDict[str, float] = OrderedDict()  # when each caller's next request is due

    def take(self, caller: str, now: float) -> float:
        """Let a request pass, or say how long it is too early.

        Args:
            caller: Who sends it.
            now: Monotonic seconds.

        Returns:
            0 if it may pass (and was counted); else seconds until one may.
        """
        due = self._due.get(caller, now)
        early = due - now - self._slack
        if early > 0:
            return early
        self._due[caller] = max(due, now) + self._interval
        self._due.move_to_end(caller)
        if len(self._due) > self._most_callers:
            self._due.popitem(last=False)
        return 0.0
