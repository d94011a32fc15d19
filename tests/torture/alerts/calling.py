"""Callers of a release: streams of requests at a steady rate, each on a connection of its own."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.torture.alerts.programs import MARK

ROW = [5.1, 3.5, 1.4, 0.2]
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Stream:
    """Requests of one kind.

    Attributes:
        rate: Per second.
        body: Of each.
        most: Of them in all; 0 for no end.
    """

    rate: float
    body: bytes
    most: int = 0


def rows(*found: list[float]) -> bytes:
    """A request of these rows."""
    return json.dumps({"instances": found}).encode()


def good(rate: float = 4) -> Stream:
    """What every model of iris answers."""
    return Stream(rate, rows(ROW))


def marked(rate: float, most: int = 0) -> Stream:
    """What a sick model fails at; see `programs`."""
    return Stream(rate, rows([MARK, *ROW[1:]]), most)


def unfit(rate: float) -> Stream:
    """A row that the schema refuses."""
    return Stream(rate, json.dumps({"instances": [["long", *ROW[1:]]]}).encode())


def heavy(rate: float, number: int = 2_000) -> Stream:
    """Many rows in one request."""
    return Stream(rate, rows(*[ROW] * number))


@dataclass
class Callers:
    """Threads that call, until they are told to stop.

    Attributes:
        host: Address of the Service.
        headers: Of every request.
        statuses: How often each status came; 0 for none.
    """

    host: str
    headers: Mapping[str, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def add(self, stream: Stream) -> None:
        """Begin a stream."""
        thread = threading.Thread(target=self._send, args=(stream,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> int:
        """End them all; gives the number of requests."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.statuses.total()

    def _send(self, stream: Stream) -> None:
        began, sent = time.monotonic(), 0
        while not self._stop.is_set() and not (stream.most and sent >= stream.most):
            self.statuses[self._ask(stream.body)] += 1
            sent += 1
            # A caller that was kept waiting goes on; it does not make up for it in one rush.
            due = began + sent / stream.rate
            if due < time.monotonic():
                began = time.monotonic() - sent / stream.rate
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _ask(self, body: bytes) -> int:
        connection = http.client.HTTPConnection(self.host, timeout=TIMEOUT_SECONDS)
        try:
            headers = {"Content-Type": "application/json", **self.headers}
            connection.request("POST", "/predict", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return 0
        else:
            return answer.status
        finally:
            connection.close()
