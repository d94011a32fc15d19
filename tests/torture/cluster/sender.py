"""`python -m tests.torture.cluster.sender ORDER`: the load, in a process of its own, so that it is on time.

Open loop: requests start at their intended times, whatever became of those before; latency counts from
there. Every other request opens a connection; the others take the longest idle one of a pool. It ends when
its standard input does, and then writes down what became of each request.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.torture.cluster import questions
from tests.torture.cluster.questions import Question
from tests.torture.pod.wire import Connection, WireError, request

Kind = Literal["new", "kept"]
KINDS: tuple[Kind, ...] = ("new", "kept")
SECONDS = 5.0  # a request that takes longer has failed
_LIMIT = 1 << 16  # bytes of a head
_POOL = 16  # kept connections: as many callers that each keep one


@dataclass(frozen=True, slots=True)
class Order:
    """What to send.

    Attributes:
        host: Address of the Service.
        port: Its port.
        rate: Requests per second.
        questions: File that `questions.write` left.
        result: File for the calls.
        headers: More headers.
        retry_after: Seconds after which a failed request is sent once more; None never.
        kinds: Client kinds, taken in turn.
        pool: Connections that are kept.
    """

    host: str
    port: int
    rate: float
    questions: str
    result: str
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    kinds: tuple[Kind, ...] = KINDS
    pool: int = _POOL


@dataclass(frozen=True, slots=True)
class Call:
    """One request; times are the machine's monotonic seconds.

    Attributes:
        intended: When it was to be sent.
        finished: When its answer was there, or its failure.
        kind: New connection, or one from the pool.
        outcome: `right`, or what is wrong.
        late: How long after its intended time the client began with it, seconds.
        version: That the answer names.
        server: What tells the process that answered from others; empty where the id was ours.
        retried: Outcome of the retry; empty without one.
    """

    intended: float
    finished: float
    kind: Kind
    outcome: str
    late: float = 0.0
    version: str = ""
    server: str = ""
    retried: str = ""

    @property
    def seconds(self) -> float:
        """Latency from the intended time."""
        return self.finished - self.intended


class Sender:
    """Sends an order."""

    def __init__(self, order: Order, asked: list[Question]) -> None:
        self._order = order
        self._asked, self._kinds = itertools.cycle(asked), itertools.cycle(order.kinds)
        self._numbers = itertools.count()
        self._idle: deque[Connection] = deque()
        self._kept = 0
        self.calls: list[Call] = []

    async def run(self, over: asyncio.Event) -> None:
        """Send until told to end, then wait for the last answer."""
        gap, began = 1 / self._order.rate, time.monotonic() + 0.1
        async with asyncio.TaskGroup() as tasks:
            for number in itertools.count():
                intended = began + number * gap
                await asyncio.sleep(max(0.0, intended - time.monotonic()))
                if over.is_set():
                    break
                tasks.create_task(self._call(intended))
        for each in self._idle:
            each.close()

    async def _call(self, intended: float) -> None:
        question, kind, number = next(self._asked), next(self._kinds), next(self._numbers)
        late = time.monotonic() - intended
        # A server that makes the id shows which process it is; one that repeats ours, whose answer it is.
        name = "" if kind == "kept" and number % 4 == 1 else f"call-{number}"
        outcome, version, server = await self._attempt(question, kind, name)
        finished, retried = time.monotonic(), ""
        if outcome != "right" and self._order.retry_after is not None:
            await asyncio.sleep(self._order.retry_after)
            retried, _, _ = await self._attempt(question, "new", name)
        self.calls.append(Call(intended, finished, kind, outcome, late, version, server, retried))

    async def _attempt(self, question: Question, kind: Kind, name: str) -> tuple[str, str, str]:
        headers = dict(self._order.headers)
        if name:
            headers["X-Request-Id"] = name
        content = request("POST", "/predict", question.body, headers)
        try:
            async with asyncio.timeout(SECONDS):
                connection = await self._connected(kind)
                try:
                    reply = await connection.ask(content)
                except BaseException:
                    self._close(connection, kind)
                    raise
            if reply.closing or kind == "new":
                self._close(connection, kind)
            else:
                self._idle.append(connection)
        except TimeoutError:
            return "time-out", "", ""
        except (OSError, WireError) as error:
            return f"{type(error).__name__}: {error}", "", ""
        if reply.status != 200:
            return f"status {reply.status}", "", ""
        wrong, version, answered = question.judge(reply.body, name)
        return wrong or "right", version, "" if name else answered[:16]

    def _close(self, connection: Connection, kind: Kind) -> None:
        connection.close()
        self._kept -= kind == "kept"

    async def _connected(self, kind: Kind) -> Connection:
        while kind == "kept" and self._idle and self._kept >= self._order.pool:
            connection = self._idle.popleft()
            if not connection.ended:
                return connection
            self._close(connection, kind)
        opened = await asyncio.open_connection(self._order.host, self._order.port, limit=_LIMIT)
        self._kept += kind == "kept"
        return Connection(*opened)


def first_in_line() -> None:
    """Run before others, where that is allowed: a client that waits for its turn measures the machine.

    Source: https://man7.org/linux/man-pages/man7/sched.7.html
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))


async def _main(order: Order) -> list[Call]:
    over, loop = asyncio.Event(), asyncio.get_running_loop()

    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=wait, daemon=True).start()
    player = Sender(order, questions.read(Path(order.questions)))
    gc.collect()
    gc.freeze()
    sys.stdout.write("sending\n")
    sys.stdout.flush()
    await player.run(over)
    return player.calls


def main(text: str) -> int:
    """Send an order, given as JSON."""
    import uvloop

    given: dict[str, Any] = json.loads(text)
    order = Order(**{**given, "kinds": tuple(given["kinds"])})
    first_in_line()
    calls = uvloop.run(_main(order))
    with Path(order.result).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(each)) + "\n" for each in calls)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
