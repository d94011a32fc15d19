"""An open-loop load: requests start at their intended times, whatever became of those before.

Latency is measured from the intended time, so that a server that stalls cannot
hide the requests that it kept from being sent.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.torture.pod.oracle import Question
from tests.torture.pod.wire import Connection, WireError

Kind = Literal["new", "kept"]
KINDS: tuple[Kind, ...] = ("new", "kept")
SECONDS = 5.0  # a request that takes longer has failed
REFUSALS = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        intended: When it was to be sent; monotonic seconds.
        finished: When its answer was there, or its failure.
        kind: New connection, or one from the pool.
        outcome: `right`, `refused` (429 or 503), or what is wrong.
        status: HTTP status; 0 if there was none.
        retry_after: Whether a refusal said when to come again.
        late: How long after its intended time the client began with it, seconds.
    """

    intended: float
    finished: float
    kind: Kind
    outcome: str
    status: int = 0
    retry_after: bool = False
    late: float = 0.0

    @property
    def seconds(self) -> float:
        """Latency from the intended time."""
        return self.finished - self.intended


@dataclass(slots=True)
class Tally:
    """All requests of a load, in the order in which they ended."""

    calls: list[Call] = field(default_factory=list)
    retried: list[Call] = field(default_factory=list)

    def of(self, *outcomes: str) -> list[Call]:
        """Requests that ended so."""
        return [call for call in self.calls if call.outcome in outcomes]

    @property
    def failed(self) -> list[Call]:
        """Requests that were neither answered right nor refused by status."""
        return [call for call in self.calls if call.outcome not in {"right", "refused"}]

    def why(self) -> str:
        """Failures by cause, for people."""
        counts = Counter(call.outcome for call in self.failed)
        return ", ".join(f"{count} x {cause}" for cause, count in counts.most_common(5)) or "none"

    def between(self, start: float, end: float) -> Tally:
        """Part of it, by intended time."""
        return Tally([call for call in self.calls if start <= call.intended < end])


def quantile(
    calls: Sequence[Call], share: float, of: Callable[[Call], float] = lambda call: call.seconds
) -> float:
    """Seconds (latency, unless told otherwise) that this share of calls did not exceed; NaN of none."""
    if not calls:
        return math.nan
    ordered = sorted(map(of, calls))
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


class Load:
    """Sends questions to servers.

    Args:
        ports: Gives the ports that may be called now, as a Service's endpoints.
        questions: Taken in turn.
        kinds: Client kinds, taken in turn.
        seconds: After which a request has failed.
        retries: How often a failed request is repeated, at once and elsewhere.
    """

    def __init__(
        self,
        ports: Callable[[], Sequence[int]],
        questions: Sequence[Question],
        *,
        kinds: Sequence[Kind] = KINDS,
        seconds: float = SECONDS,
        retries: int = 0,
    ) -> None:
        self._ports, self._seconds, self._retries = ports, seconds, retries
        self._questions, self._kinds = itertools.cycle(questions), itertools.cycle(kinds)
        self._numbers = itertools.count()
        self._idle: dict[int, list[Connection]] = {}
        self.tally = Tally()

    async def run(self, rate: float, seconds: float, stop: asyncio.Event | None = None) -> Tally:
        """Send at a constant rate, then wait for the last answer.

        Args:
            rate: Requests per second.
            seconds: How long.
            stop: Ends it early.
        """
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(round(rate * seconds)):
                intended = began + number / rate
                await asyncio.sleep(max(0.0, intended - time.monotonic()))
                if stop is not None and stop.is_set():
                    break
                tasks.create_task(self._call(intended))
        self.close()
        return self.tally

    async def closed(self, callers: int, seconds: float) -> Tally:
        """Send as fast as answers come, from so many callers on kept connections: measures capacity."""
        end = time.monotonic() + seconds

        async def caller() -> None:
            while time.monotonic() < end:
                await self._call(time.monotonic(), "kept")

        await asyncio.gather(*(caller() for _ in range(callers)))
        self.close()
        return self.tally

    def close(self) -> None:
        """Close the pool."""
        for connection in itertools.chain.from_iterable(self._idle.values()):
            connection.close()
        self._idle.clear()

    async def _call(self, intended: float, kind: Kind | None = None) -> None:
        question = next(self._questions)
        chosen = kind if kind is not None else next(self._kinds)
        number = next(self._numbers)
        ports = self._ports()
        call = await self._attempt(question, chosen, number, ports, intended)
        self.tally.calls.append(call)
        for retry in range(1, self._retries + 1):
            if call.outcome in {"right", "refused"}:
                break
            ports = self._ports()
            call = await self._attempt(question, "new", number + retry, ports, intended)
            self.tally.retried.append(call)

    async def _attempt(
        self, question: Question, kind: Kind, number: int, ports: Sequence[int], intended: float
    ) -> Call:
        request_id = f"call-{number}"
        status, retry_after, late = 0, False, time.monotonic() - intended
        try:
            async with asyncio.timeout(self._seconds):
                if not ports:
                    raise ConnectionRefusedError
                port = ports[number % len(ports)]
                connection = await self._connected(port, kind)
                try:
                    reply = await connection.ask(question.request(request_id))
                except BaseException:
                    connection.close()
                    raise
            status, retry_after = reply.status, b"retry-after" in reply.headers
            if reply.closing or kind == "new":
                connection.close()
            else:
                self._idle.setdefault(port, []).append(connection)
            if status == 200:
                outcome = question.wrong(reply, request_id) or "right"
            else:
                outcome = "refused" if status in REFUSALS else f"status {status}"
        except TimeoutError:
            outcome = "time-out"
        except (OSError, WireError) as error:
            outcome = (
                f"{type(error).__name__}: {error}" if isinstance(error, WireError) else type(error).__name__
            )
        return Call(intended, time.monotonic(), kind, outcome, status, retry_after, late)

    async def _connected(self, port: int, kind: Kind) -> Connection:
        idle = self._idle.get(port, [])
        while kind == "kept" and idle:
            connection = idle.pop()
            if not connection.ended:
                return connection
            connection.close()
        return await Connection.open(port)
