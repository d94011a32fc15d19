"""One load from several processes: begun together, stopped together, one result or none.

One process sends from one core. Where that is not enough, or where the protocol's client costs more
(gRPC), the schedule is shared among processes (`sharing`), each a whole sender of its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection, resource_tracker
from multiprocessing.context import SpawnContext

from ekiben.scale.load.aside import Aside, EverySecond
from ekiben.scale.load.progress import PROGRESS_SECONDS, Glimpse, Progress, summed
from ekiben.scale.load.records import Sent
from ekiben.scale.load.schedule import Load
from ekiben.scale.load.sending import STOP, Failed, Message, Ready, Task, main
from ekiben.scale.load.sharing import Share, merged
from ekiben.scale.load.target import Endpoint, LoadTarget

_LEAD_SECONDS = 0.2  # until all senders have heard of the start; a late one would show as lag
_READY_SECONDS = 60.0  # measured: two Pythons on two busy cores are ready after 0.4 s
_LATE_SECONDS = 30.0  # beyond the load and the last time-out: books on their way
_STOP_SECONDS = 15.0
_LISTEN_SECONDS = 0.05
_END_SECONDS = 2.0


class Member:
    """One sender's process, as its parent sees it.

    Args:
        context: Makes processes.
        task: What it sends.

    Attributes:
        ready: It waits for the start.
        glimpse: What it told last.
        sent: Its books; None until it handed them over.
        fault: What became of it instead; empty if nothing did.
    """

    def __init__(self, context: SpawnContext, task: Task) -> None:
        self.name = f"sender {task.share.number + 1} of {task.share.of}"
        self.ready = False
        self.glimpse: Glimpse | None = None
        self.sent: Sent | None = None
        self.fault = ""
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=main, args=(theirs, task), name=self.name, daemon=True)
        with _deaf():
            self.process.start()
        theirs.close()

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.sent is not None or bool(self.fault)

    def hear(self) -> None:
        """Take the next message, or its end."""
        try:
            message: Message = self.line.recv()
        except (EOFError, OSError):
            self.process.join(_END_SECONDS)
            self.fault = f"it ended with {self.process.exitcode} before it told what became of its requests"
            return
        match message:
            case Ready():
                self.ready = True
            case Glimpse():
                self.glimpse = message
            case Failed():
                self.fault = message.why
            case Sent():
                self.sent = message

    def tell(self, message: float | str) -> None:
        """Send the start, or `STOP`."""
        with contextlib.suppress(OSError):  # it has ended; `hear` finds out why
            self.line.send(message)

    def end(self) -> None:
        """See that it is gone."""
        self.line.close()
        if not self.over:
            self.process.kill()
        self.process.join(_END_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


def play(
    target: LoadTarget,
    found: Endpoint,
    load: Load,
    *,
    seed: int,
    senders: int,
    planned: int,
    most_outstanding: int,
    on_progress: Callable[[Progress], None],
    on_second: Callable[[float], None] | None,
    stop: threading.Event,
) -> Sent:
    """Send a load from several processes.

    Args:
        target: As for `generator.run`; its connections are shared out too, at least one each.
        found: Its address.
        load: How much, when.
        seed: Of the schedule, which is that of one sender.
        senders: How many, 2 and up.
        planned: Requests in the schedule.
        most_outstanding: Requests under way at once, over all senders; at least one each.
        on_progress: As for `generator.run`, over all senders.
        on_second: As for `generator.run`.
        stop: Set it to end the load.

    Returns:
        What all of them left. If one died, or did not end in time, nothing is known of its requests: then
        there are no records, and `faults` says why.
    """
    crew: list[Member] = []
    context = multiprocessing.get_context("spawn")  # a fork would take this process's threads' locks with it
    try:
        for number in range(senders):
            share = Share(number, senders)
            own = dataclasses.replace(target, connections=max(1, share.part(target.connections)))
            task = Task(own, found, load, seed, share, share.part(most_outstanding))
            crew.append(Member(context, task))
        _listen(crew, lambda: all(each.ready for each in crew), _READY_SECONDS)
        for each in crew:
            if not each.ready and not each.fault:
                each.fault = f"it was not ready after {_READY_SECONDS:g} s"
        began = time.perf_counter() + _LEAD_SECONDS
        for each in crew:
            each.tell(began)

        def now() -> float:
            return time.perf_counter() - began

        def show(glimpses: Sequence[Glimpse]) -> None:
            on_progress(summed(glimpses, planned, load.seconds))

        samples = contextlib.nullcontext() if on_second is None else EverySecond(on_second, now)
        with Aside(show) as display, samples:
            longest = load.seconds + target.timeout_seconds + _LATE_SECONDS
            _follow(crew, longest, stopped=lambda: stop.is_set() or display.failed, show=display.give)
            ended = now()
    finally:
        for each in crew:
            each.end()
    return _result(crew, ended)


def _follow(
    crew: Sequence[Member],
    longest: float,
    *,
    stopped: Callable[[], bool],
    show: Callable[[Sequence[Glimpse]], None],
) -> None:
    """Listen until all have handed their books over, or one cannot any more."""
    until, told, due = time.monotonic() + longest, False, 0.0
    while not all(each.sent for each in crew) and not any(each.fault for each in crew):
        _listen(crew, lambda: True, _LISTEN_SECONDS)
        now = time.monotonic()
        if stopped() and not told:
            told, until = True, now + _STOP_SECONDS
            for each in crew:
                each.tell(STOP)
        if now >= until:
            for each in crew:
                each.fault = "" if each.over else "it did not end in time"
        if now >= due:
            due = now + PROGRESS_SECONDS
            show(_glimpses(crew))
    show(_glimpses(crew))


def _listen(crew: Sequence[Member], enough: Callable[[], bool], seconds: float) -> None:
    """Hear what there is to hear; until it is enough, one has died, or the time is over."""
    until = time.monotonic() + seconds
    while True:
        lines: dict[object, Member] = {each.line: each for each in crew if not each.over}
        left = until - time.monotonic()
        for line in connection.wait([each.line for each in lines.values()], timeout=max(0.0, left)):
            lines[line].hear()
        if enough() or any(each.fault for each in crew) or left <= 0:
            return


def _glimpses(crew: Sequence[Member]) -> list[Glimpse]:
    return [each.glimpse for each in crew if each.glimpse is not None]


def _result(crew: Sequence[Member], ended: float) -> Sent:
    faults = tuple(f"{each.name}: {each.fault}" for each in crew if each.fault)
    books = [each.sent for each in crew if each.sent is not None]
    if faults:
        return Sent(seconds=max(0.0, ended), ended=max(0.0, ended), interrupted=True, faults=faults)
    return merged(books)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Start a process that Ctrl-C does not reach: the terminal sends it to all, and we tell them in order."""
    # It starts with the first process, and lets SIGINT through again when it has: that one would not be deaf.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
