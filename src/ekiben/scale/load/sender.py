"""The event loop's side of a load: send at intended times, write down what comes back.

Open loop (`play`): a request leaves at its time whatever the others do. Closed loop
(`saturate`): a fixed number of callers, each waiting for its answer; only to find how
much a service can carry, never to measure latency.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque
from collections.abc import Callable

from ekiben.scale.load.alarm import Alarm
from ekiben.scale.load.progress import PROGRESS_SECONDS, RECENT_SECONDS, Glimpse
from ekiben.scale.load.protocols import spoken
from ekiben.scale.load.records import Outcome, Sent
from ekiben.scale.load.sharing import WHOLE, Share
from ekiben.scale.load.target import Endpoint, LoadTarget

_LEAD_SECONDS = 0.05  # between the start of the clock and the first intended time
_TICK_SECONDS = 0.02  # how often time-outs are looked for
_PAUSE_SECONDS = 0.05


class Sender:
    """Sends requests to one target; must be made inside a running event loop.

    Args:
        target: What and where to.
        found: Its address.
        seed: Of the connections' ages.
        most_outstanding: Above this a request is not sent, and so it is recorded.
        share: Which requests of the schedule are this sender's.
        began: Start of the clock, as `time.perf_counter` gives it; None: in a moment.
    """

    def __init__(
        self,
        target: LoadTarget,
        found: Endpoint,
        *,
        seed: int,
        most_outstanding: int,
        share: Share = WHOLE,
        began: float | None = None,
    ) -> None:
        self.sent = Sent()
        self.outstanding = 0
        self.on_end: Callable[[Outcome], None] = lambda _outcome: None
        self._target = target
        self._share = share
        self._most = most_outstanding
        self._began = time.perf_counter() + _LEAD_SECONDS if began is None else began
        self._changed = 0.0
        self._deadlines: deque[tuple[float, int]] = deque()
        self._recent: deque[tuple[float, float, bool]] = deque()  # ended, latency, failed
        self._counts = [0] * len(Outcome)
        self._spoken = spoken(target, found, self, seed=seed + share.number)
        self.pool, self.cpu_clock = self._spoken.pool, self._spoken.cpu_clock

    def now(self) -> float:
        """Seconds since the start of the load."""
        return time.perf_counter() - self._began

    def fire(self, intended: float) -> None:
        """Send the next request, which was meant to leave at `intended`."""
        now = self.now()
        index = self.sent.records.begin(intended, now)
        if self.outstanding >= self._most:
            self._end(index, now, Outcome.NOT_SENT)
            return
        self._change(now, 1)
        self._deadlines.append((intended + self._target.timeout_seconds, index))
        requests = self._spoken.requests
        self.pool.send(index, requests[self._share.place(index) % len(requests)])

    def answered(self, index: int, status: int, body: bytes, pod: str) -> None:
        """Judge an answer (the pool calls this)."""
        now = self.now()
        self._change(now, -1)
        if not 200 <= status < 300:  # noqa: PLR2004  # HTTP's own classes
            self._end(index, now, Outcome.HTTP_STATUS, status, pod)
        elif self._right(index, body):
            self._end(index, now, Outcome.OK, status, pod)
        else:
            self._end(index, now, Outcome.WRONG_ANSWER, status, pod)

    def lost(self, index: int, *, own: bool) -> None:
        """Write a loss down (the pool calls this)."""
        now = self.now()
        self._change(now, -1)
        self._end(index, now, Outcome.NOT_SENT if own else Outcome.CONNECTION_ERROR)

    def expire(self) -> None:
        """Give up on requests past their deadline, and close connections past their age."""
        now = self.now()
        outcomes = self.sent.records.outcome
        while self._deadlines and (
            self._deadlines[0][0] <= now or outcomes[self._deadlines[0][1]] != Outcome.PENDING
        ):
            deadline, index = self._deadlines.popleft()
            if outcomes[index] == Outcome.PENDING:
                self.pool.forget(index)
                self._change(now, -1)
                self._end(index, max(deadline, self.sent.records.sent[index]), Outcome.TIMEOUT)
        self.pool.sweep()

    def glimpse(self) -> Glimpse:
        """Sum up the last seconds."""
        now = self.now()
        while self._recent and self._recent[0][0] < now - RECENT_SECONDS:
            self._recent.popleft()
        return Glimpse(
            elapsed_seconds=now,
            sent=len(self.sent.records),
            ok=self._counts[Outcome.OK],
            failed=sum(self._counts[outcome] for outcome in Outcome if outcome.failed),
            outstanding=self.outstanding,
            recent=array("d", (latency for _, latency, _ in self._recent)),
            recent_ok=sum(not failed for _, _, failed in self._recent),
        )

    def finish(self, *, interrupted: bool) -> Sent:
        """Close the books; requests still under way stay PENDING."""
        now = self.now()
        self._change(now, 0)
        self.sent.ended = max(0.0, now)
        self.sent.connections = self.pool.opened
        self.sent.interrupted = interrupted
        return self.sent

    def _right(self, index: int, body: bytes) -> bool:
        checks = self._target.checks
        return not checks or checks[self._share.place(index) % len(checks)].accepts(self._spoken.read(body))

    def _change(self, now: float, by: int) -> None:
        self.sent.outstanding_seconds += self.outstanding * (now - self._changed)
        self._changed = now
        self.outstanding += by

    def _end(self, index: int, now: float, outcome: Outcome, status: int = 0, pod: str = "") -> None:
        self.sent.records.end(index, now, outcome, status, pod)
        self._counts[outcome] += 1
        self._recent.append((now, self.sent.records.latency[index], outcome.failed))
        self.on_end(outcome)


async def play(
    sender: Sender,
    times: array[float],
    total_seconds: float,
    *,
    stopped: Callable[[], bool],
    on_progress: Callable[[Glimpse], None],
) -> Sent:
    """Send one request at each of `times`, then wait for the answers still due.

    Args:
        sender: Sends.
        times: Intended times, seconds since the start, ascending.
        total_seconds: Length of the load, seconds.
        stopped: Asked every 20 ms; True ends the load with what was measured so far.
        on_progress: Told every half second; must not block.
    """
    began_cpu = sender.cpu_clock()
    player = _Player(sender, times)
    player.go()
    next_progress = 0.0
    interrupted = False
    while not player.through or sender.outstanding or sender.now() < total_seconds:
        await asyncio.sleep(_TICK_SECONDS)
        sender.expire()
        if stopped():
            interrupted = True
            break
        if sender.now() >= next_progress:
            next_progress = sender.now() + PROGRESS_SECONDS
            on_progress(sender.glimpse())
    player.stop()
    on_progress(sender.glimpse())
    sent = sender.finish(interrupted=interrupted)
    sent.seconds = min(total_seconds, sent.ended) if interrupted else total_seconds
    sent.cpu_seconds = sender.cpu_clock() - began_cpu
    await sender.pool.close()
    return sent


class _Player:
    """Fires each request at its time, by one timer that is set for the next."""

    def __init__(self, sender: Sender, times: array[float]) -> None:
        self._sender = sender
        self._times = times
        self._next = 0
        self._alarm = Alarm(asyncio.get_running_loop(), self.go)

    @property
    def through(self) -> bool:
        return self._next >= len(self._times)

    def go(self) -> None:
        now = self._sender.now()
        while not self.through and self._times[self._next] <= now:
            self._next += 1
            self._sender.fire(self._times[self._next - 1])
        if not self.through:
            self._alarm.ring_in(self._times[self._next] - self._sender.now())

    def stop(self) -> None:
        self._alarm.close()


async def saturate(sender: Sender, *, concurrency: int, seconds: float, stopped: Callable[[], bool]) -> Sent:
    """Keep `concurrency` requests under way for some time (closed loop).

    Args:
        sender: Sends; its books then show what was answered.
        concurrency: Callers, 1 and up.
        seconds: How long, seconds.
        stopped: Asked every 20 ms.
    """
    began_cpu = sender.cpu_clock()
    loop = asyncio.get_running_loop()

    def again(outcome: Outcome) -> None:
        # By way of the loop, so as not to recurse; after a failure with a pause, so as not to hammer.
        loop.call_later(_PAUSE_SECONDS if outcome.failed else 0, refire)

    def refire() -> None:
        if sender.now() < seconds and not stopped():
            sender.fire(sender.now())

    await asyncio.sleep(_LEAD_SECONDS)
    sender.on_end = again
    for _ in range(concurrency):
        sender.fire(sender.now())
    while (sender.now() < seconds or sender.outstanding) and not stopped():
        await asyncio.sleep(_TICK_SECONDS)
        sender.expire()
    sent = sender.finish(interrupted=stopped())
    sent.seconds = min(seconds, sender.now())
    sent.cpu_seconds = sender.cpu_clock() - began_cpu
    await sender.pool.close()
    return sent
