"""Admission: count, authenticate, bound. The same decisions for HTTP, ASGI and gRPC.

A visit is one request, whatever it came on. It is counted once when it arrives
and once when it ends; between, it is admitted or refused. Nothing here reads a
body or writes an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ekiben.serving.backlog import PATIENCE_RATIO
from ekiben.serving.caller import Access, Caller
from ekiben.serving.counters import Visits
from ekiben.serving.ended import Ended
from ekiben.serving.exchange import Group, Headers
from ekiben.serving.instruments import Instruments
from ekiben.serving.journal import Journal
from ekiben.serving.life import Life
from ekiben.serving.metrics import AccessOutcome
from ekiben.serving.problem import Reason, RefusedError, busy, retry_after
from ekiben.serving.rate import Rate
from ekiben.serving.ticket import Ticket
from ekiben.serving.tracing import Trace, parse

_OUTCOMES: dict[Reason, AccessOutcome] = {"forbidden": "forbidden", "not_ready": "undecided"}
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
        journal: Access log and spans.
        life: Whether the model is ready; hears of every arrival, for the drain.
    """

    def __init__(
        self, access: Access, limits: Limits, instruments: Instruments, journal: Journal, life: Life
    ) -> None:
        self.limits = limits
        self.in_progress = 0
        self.journal = journal
        self._access = access
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

    def again(self, counters: Visits) -> Visit:
        """Count a request whose route's counters are known."""
        visit = Visit(self, counters)
        counters.arrivals += 1
        return visit

    def credential(self, headers: Headers) -> bytes:
        """Find what a request brings to be known by."""
        return self._access.credential(headers)

    def know(self, credential: bytes, group: Group, peer: str, now: float) -> Caller:
        """Give the caller of a request that is not a probe.

        Args:
            credential: What the request brings.
            group: What it wants to call.
            peer: Address of the other end.
            now: Monotonic seconds of its receipt.

        Raises:
            RefusedError: 401 or 403.
        """
        self._life.arrived(now)
        try:
            caller = self._access.leave(credential, group, peer)
        except RefusedError as error:
            self._instruments.access(_OUTCOMES.get(error.reason, "unauthenticated"))
            raise
        self._instruments.access("allowed")
        return caller

    def bound(self, visit: Visit) -> None:
        """Let a prediction in, if there is room for it and time.

        Raises:
            RefusedError: 503 or 429, with `Retry-After`.
        """
        limits = self.limits
        if not self._life.ready:
            raise _not_ready()
        if limits.rate is not None:
            self._within(limits.rate, visit)
        wait = self._backlog()
        if self.in_progress >= limits.in_progress or wait > PATIENCE_RATIO * limits.seconds:
            raise busy(wait)
        self.in_progress += 1
        visit.inside = True

    def let(self, visit: Visit) -> None:
        """Let in a request for explanations, whose queue has bounds of its own.

        Raises:
            RefusedError: 503 or 429, with `Retry-After`.
        """
        if not self._life.ready:
            raise _not_ready()
        if self.limits.rate is not None:
            self._within(self.limits.rate, visit)

    def _within(self, rate: Rate, visit: Visit) -> None:
        """Hold a caller to its rate, of predictions and explanations together."""
        early = rate.take(visit.caller.name, visit.started)
        if early > 0:
            self._instruments.access("rate")
            raise RefusedError(429, "rate", "this caller sends too fast", headers=retry_after(early))


def _not_ready() -> RefusedError:
    return RefusedError(503, "not_ready", "the model is not ready", headers=retry_after(1))


class Visit:
    """One request, from receipt to the end of its answer.

    Attributes:
        caller: Who sent it; nobody before `admit`.
        started: Monotonic seconds of its receipt.
        trace: The caller's place in a trace, after `admit`.
        deadline: Monotonic seconds after which its answer is of no use.
        inside: Whether it counts as a prediction in progress.
        counters: Those of its route and method.
        ended: Whether it was counted as ended.
    """

    __slots__ = ("_gate", "caller", "counters", "deadline", "ended", "inside", "started", "trace")

    def __init__(self, gate: Gate, counters: Visits) -> None:
        self._gate = gate
        self.counters = counters
        self.started = _clock()
        self.deadline = self.started + gate.limits.seconds
        self.caller = _NOBODY
        self.trace: Trace | None = None
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
        parent = headers.get(b"traceparent")
        if parent is not None:
            self.trace = parse(parent)
        self.let_in(group, self._gate.credential(headers), peer)

    def let_in(self, group: Group, credential: bytes, peer: str) -> None:
        """Check the leave of whoever brings a credential, and the room that is left; not of probes.

        Raises:
            RefusedError: 401, 403, 429 or 503.
        """
        self.caller = self._gate.know(credential, group, peer, self.started)
        if group == "predict":
            self._gate.bound(self)
        elif group == "explain":
            self._gate.let(self)

    def end(
        self,
        status: int,
        request_id: str = "",
        request_bytes: int = 0,
        response_bytes: int = 0,
        ticket: Ticket | None = None,
    ) -> None:
        """Count the end of the answer, and tell of it; a second call does nothing.

        Args:
            status: What was sent; 499 if the caller went away before.
            request_id: As answered.
            request_bytes: Of the request's body.
            response_bytes: Of the answer's body.
            ticket: Its question to the lane, if it had one.
        """
        if self.ended:
            return
        self.ended = True
        gate, trace = self._gate, self.trace
        if self.inside:
            gate.in_progress -= 1
        seconds = _clock() - self.started
        self.counters.left(status, seconds, None if trace is None else trace.trace_id)
        wanted = gate.journal.wants(status, trace)
        if wanted:
            gate.journal.tell(
                self._told(status, seconds, request_id, request_bytes, response_bytes, ticket), wanted
            )

    def _told(
        self,
        status: int,
        seconds: float,
        request_id: str,
        request_bytes: int,
        response_bytes: int,
        ticket: Ticket | None,
    ) -> Ended:
        ended = Ended(
            time.time() - seconds,
            self.counters.route,
            self.counters.method,
            status,
            seconds,
            request_id,
            self.trace,
            self.caller.name,
            request_bytes=request_bytes,
            response_bytes=response_bytes,
        )
        if ticket is not None and ticket.asked:
            ended.rows = len(ticket.rows)
            ended.asked_seconds = ticket.asked - self.started
            ended.queue_seconds = ticket.queue_seconds
            ended.predict_seconds = ticket.predict_seconds
        return ended
