"""A line every few seconds while something long runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Ticker:
    """Calls a function at an interval, on a thread of its own, for as long as the block lasts.

    Args:
        tick: What is called; must not raise.
        every_seconds: Interval.
    """

    def __init__(self, tick: Callable[[], None], *, every_seconds: float) -> None:
        self._tick = tick
        self._every_seconds = every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._over.wait(self._every_seconds):
            self._tick()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
