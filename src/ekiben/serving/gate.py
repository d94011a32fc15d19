"""Admission: count, authenticate, bound. The same decisions for HTTP, ASGI and gRPC.

A visit is one request, whatever it came on. It is counted once when it arrives
and once when it ends; between, it is admitted or refused. Nothing here reads a
body or writes an answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ekiben.serving.caller import Access, Caller
from ekiben.serving.exchange import Group, Headers
from ekiben.serving.instruments import Instruments, Visits
from ekiben.serving.life import Life
from ekiben.serving.problem import RefusedError
from ekiben.serving.rate import Rate

_NOBODY = Caller("", frozenset())
_clock = time.monotonic


@dataclass(frozen=True, slots=True)
class Limits:
    """What one pod lets in.

    Attributes:
        in_progress: Most predictions between admission and answer.
        seconds: Time that a request may take in all; beyond it nobody waits for the answer.
        rate: Per caller; None without a limit.
    """

    in_progress: int
    seconds: float
    rate: Rate | None = None


class Backlog(Protocol):
    """What knows how long a new prediction would wait."""

    def backlog_seconds(self) -> float:
        """Estimate of the wait, seconds."""
        ...


class Gate:
    """Admits requests to one pod.

    Args:
        access: Knows callers.
        limits: What is let in.
        instruments: Counters.
        life: Whether the model is ready; hears of every arrival, for the drain.
    """

    def __init__(self, access: Access, limits: Limits, instruments: Instruments, life: Life) -> None:
        self.access = access
        self.limits = limits
        self.in_progress = 0
        self._instruments = instruments
        self._life = life
        self._backlog: Callable[[], float] = float

    def watch(self, backlog: Backlog) -> None:
        """Ask this lane how long a prediction would wait."""
        self._backlog = backlog.backlog_seconds

    def arrive(self, template: str, method: str) -> Visit:
        """Count a request at its receipt.

        Args:
            template: Route template, never a path as it was sent.
            method: HTTP's, `POST` for gRPC.
        """
        visit = Visit(self, self._instruments.visits(template, method))
        visit.counters.arrived()
        return visit

    def bound(self, visit: Visit) -> None:
        """Let a prediction in, if there is room for it and time.

        Raises:
            RefusedError: 503 or 429, with `Retry-After`.
        """
        if not self._life.ready:
            raise RefusedError(503, "not_ready", "the model is not ready", headers=_retry_after(1))
        if self.limits.rate is not None:
            early = self.limits.rate.take(visit.caller.name, visit.started)
            if early > 0:
                raise RefusedError(429, "rate", "this caller sends too fast", headers=_retry_after(early))
        wait = self._backlog()
        if self.in_progress >= self.limits.in_progress or wait > self.limits.seconds:
            raise RefusedError(
                503, "busy", "this replica has all the work it can finish in time", headers=_retry_after(wait)
            )
        self.in_progress += 1
        visit.inside = True

    def noticed(self) -> None:
        """Hear of a request that is not a probe."""
        self._life.arrived()


class Visit:
    """One request, from receipt to the end of its answer.

    Attributes:
        caller: Who sent it; nobody before `admit`.
        started: Monotonic seconds of its receipt.
        deadline: Monotonic seconds after which its answer is of no use.
        inside: Whether it counts as a prediction in progress.
        counters: Those of its route and method.
    """

    __slots__ = ("_gate", "caller", "counters", "deadline", "ended", "inside", "started")

    def __init__(self, gate: Gate, counters: Visits) -> None:
        self._gate = gate
        self.counters = counters
        self.started = _clock()
        self.deadline = self.started + gate.limits.seconds
        self.caller = _NOBODY
        self.inside = self.ended = False

    def admit(self, group: Group, headers: Headers, peer: str) -> None:
        """Check the caller's leave, and the room that is left.

        Args:
            group: What it wants to call.
            headers: Of the request.
            peer: Address of the other end.

        Raises:
            RefusedError: 401, 403, 429 or 503.
        """
        if group == "probe":
            return
        gate = self._gate
        gate.noticed()
        self.caller = gate.access.admit(headers, group, peer)
        if group == "predict":
            gate.bound(self)

    def end(self, status: int) -> None:
        """Count the end of the answer; a second call counts nothing.

        Args:
            status: What was sent; 499 if the caller went away before.
        """
        if self.ended:
            return
        self.ended = True
        if self.inside:
            self._gate.in_progress -= 1
        self.counters.left(status, _clock() - self.started)


def _retry_after(seconds: float) -> tuple[tuple[bytes, bytes], ...]:
    """Whole seconds, at least one.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    return ((b"retry-after", str(max(1, math.ceil(seconds))).encode()),)
