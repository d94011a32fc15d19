"""What became of each request: columns, 40 bytes per request."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

_MOST_PODS = 10_000  # above that, the header names something else, and a column of 16 bits would overflow


class Outcome(IntEnum):
    """How a request ended. Everything above OK is failed; PENDING was still under way."""

    PENDING = 0
    OK = 1
    CONNECTION_ERROR = 2
    TIMEOUT = 3
    HTTP_STATUS = 4  # an answer other than 2xx; of gRPC, other than OK
    WRONG_ANSWER = 5
    NOT_SENT = 6  # by the generator's own limits

    @property
    def failed(self) -> bool:
        """Whether the request counts as lost."""
        return self > Outcome.OK


class Record(NamedTuple):
    """One request; times are seconds since the start of the load.

    Attributes:
        intended: When it was meant to be sent.
        sent: When the generator took it up (before a connection was opened for it).
        latency: From `intended` to the end of the answer, or to the failure.
        outcome: How it ended.
        status: HTTP status, also of gRPC (`ekiben.scale.load.channel`); 0 without an answer.
        pod: Index into `Records.pods`; 0 is "unknown".
    """

    intended: float
    sent: float
    latency: float
    outcome: Outcome
    status: int
    pod: int


@dataclass(slots=True)
class Records:
    """All requests, in the order in which they were taken up."""

    intended: array[float] = field(default_factory=lambda: array("d"))
    sent: array[float] = field(default_factory=lambda: array("d"))
    latency: array[float] = field(default_factory=lambda: array("d"))
    outcome: array[int] = field(default_factory=lambda: array("B"))
    status: array[int] = field(default_factory=lambda: array("H"))
    pod: array[int] = field(default_factory=lambda: array("H"))
    pods: list[str] = field(default_factory=lambda: [""])

    def begin(self, intended: float, sent: float) -> int:
        """Add a request; its place is the index for `end`."""
        self.intended.append(intended)
        self.sent.append(sent)
        self.latency.append(0.0)
        self.outcome.append(Outcome.PENDING)
        self.status.append(0)
        self.pod.append(0)
        return len(self.intended) - 1

    def end(self, index: int, done: float, outcome: Outcome, status: int = 0, pod: str = "") -> None:
        """Write down how a request ended, `done` seconds since the start."""
        self.latency[index] = done - self.intended[index]
        self.outcome[index] = outcome
        self.status[index] = status
        if pod:
            self.pod[index] = self._pod(pod)

    def _pod(self, name: str) -> int:
        try:
            return self.pods.index(name)
        except ValueError:
            if len(self.pods) > _MOST_PODS:
                return 0
            self.pods.append(name)
            return len(self.pods) - 1

    def __len__(self) -> int:
        return len(self.intended)

    def __iter__(self) -> Iterator[Record]:
        columns = zip(
            self.intended, self.sent, self.latency, self.outcome, self.status, self.pod, strict=True
        )
        for intended, sent, latency, outcome, status, pod in columns:
            yield Record(intended, sent, latency, Outcome(outcome), status, pod)


@dataclass(slots=True)
class Sent:
    """What a load left.

    Attributes:
        records: Every request taken up.
        seconds: Length of the load: what its rates are counted over, seconds.
        ended: When the last answer was in, seconds since the start.
        outstanding_seconds: Requests under way, integrated over time (for Little's law).
        cpu_seconds: CPU time of the generator's thread; of its process where its protocol has threads.
        connections: How many were opened.
        interrupted: It was stopped before its schedule was through.
        faults: Why nothing can be said about the load; empty if all its requests are here.
    """

    records: Records = field(default_factory=Records)
    seconds: float = 0.0
    ended: float = 0.0
    outstanding_seconds: float = 0.0
    cpu_seconds: float = 0.0
    connections: int = 0
    interrupted: bool = False
    faults: tuple[str, ...] = ()
