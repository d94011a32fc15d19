"""SIGTERM drains, a second one hurries; SIGINT hurries at once."""

from __future__ import annotations

import asyncio
import signal

_INTERRUPTED = 130


class Signals:
    """What the process was told.

    Attributes:
        stop: Set by the first signal.
        hurry: Set by the second, or by an interrupt.
        interrupted: Whether a person pressed Ctrl-C.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.interrupted = False
        loop.add_signal_handler(signal.SIGTERM, self._told)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)

    @property
    def status(self) -> int:
        """Exit status of an orderly end."""
        return _INTERRUPTED if self.interrupted else 0

    def _told(self) -> None:
        if self.stop.is_set():
            self.hurry.set()
        self.stop.set()

    def _interrupt(self) -> None:
        self.interrupted = True
        self.hurry.set()
        self.stop.set()
