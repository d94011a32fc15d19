"""Callbacks beside a load: in threads of their own, so that none of them delays a request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from ekiben.errors import EkibenError

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class _Beside:
    """A thread that lives as long as the `with` block; its error is raised at the block's end."""

    def __init__(self, name: str) -> None:
        self._wake = threading.Condition()
        self._over = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def failed(self) -> bool:
        """Whether the callback raised something that is not ours."""
        return self._error is not None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._wake:
            self._over = True
            self._wake.notify()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that has the `with`
            self._error = error

    def _work(self) -> None:
        raise NotImplementedError


class Aside(_Beside, Generic[_T]):
    """Hands the latest value to a callback; values that come while it is busy replace each other."""

    def __init__(self, callback: Callable[[_T], None]) -> None:
        super().__init__("load-progress")
        self._callback = callback
        self._latest: list[_T] = []

    def give(self, value: _T) -> None:
        """Leave a value for the callback; never waits for it."""
        with self._wake:
            self._latest = [value]
            self._wake.notify()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._latest or self._over)
                values, self._latest = self._latest, []
                over = self._over
            for value in values:
                self._callback(value)
            if over and not values:
                return


class EverySecond(_Beside):
    """Calls back once a second with the seconds since the start.

    Errors of ours (a cluster that does not answer) are logged and the calls go on.
    """

    def __init__(self, callback: Callable[[float], None], now: Callable[[], float]) -> None:
        super().__init__("load-samples")
        self._callback = callback
        self._now = now

    def _work(self) -> None:
        due = 0.0
        while True:
            with self._wake:
                if self._wake.wait_for(lambda: self._over, timeout=max(0.0, due - self._now())):
                    return
            try:
                self._callback(max(0.0, self._now()))
            except EkibenError as error:
                _log.warning("no sample at %.0f s: %s", self._now(), error)
            due = max(due + 1.0, float(int(self._now()) + 1))
