"""`loadtest`: an open-loop load against one release, measured from intended send times."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from ekiben.errors import ConfigError, NoDataError
from ekiben.scale.aside import Aside, EverySecond
from ekiben.scale.progress import Progress
from ekiben.scale.schedule import Load, intended_times
from ekiben.scale.target import LoadTarget, endpoint

if TYPE_CHECKING:  # loaded when a load starts, so that `--help` is quick
    import asyncio

    from ekiben.scale.measurement import LoadMeasurement
    from ekiben.scale.sender import Sent

MOST_OUTSTANDING = 2_000
_TURN_SECONDS = 0.0005  # Python's default of 5 ms would let a busy display thread delay a send by as much
_LONGEST_SATURATION_SECONDS = 600.0


def run(
    target: LoadTarget,
    load: Load,
    *,
    seed: int,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    on_second: Callable[[float], None] | None = None,
    stop: threading.Event | None = None,
    most_outstanding: int = MOST_OUTSTANDING,
) -> LoadMeasurement:
    """Send a load and measure it.

    Ctrl-C (in the main thread) or `stop` ends it early; the measurement of what was sent
    until then is returned, with `interrupted` set.

    Args:
        target: What is sent, where to, and the right answers.
        load: How much, when.
        seed: Of send times and connection ages: same seed, same load.
        on_progress: Called about every half second, in a thread of its own.
        on_second: Called once a second with the seconds since the start, in a thread of its
            own, e.g. to record replicas; a slow call skips seconds, an error of ours is logged.
            Keep it short and start no program in it: it runs at the generator's priority.
        stop: Set it to end the load.
        most_outstanding: Requests under way at once, at most; more are recorded as not sent.

    Returns:
        The measurement; look at `valid` before using a figure.

    Raises:
        ConfigError: The target may not be loaded.
    """
    from ekiben.scale.measurement import measure

    started_at = time.time()
    planned, sent = record(
        target,
        load,
        seed=seed,
        on_progress=on_progress,
        on_second=on_second and (lambda seconds, _sent: on_second(seconds)),
        stop=stop,
        most_outstanding=most_outstanding,
    )
    return measure(sent, started_at=started_at, planned=planned, seed=seed)


def record(
    target: LoadTarget,
    load: Load,
    *,
    seed: int,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    on_second: Callable[[float, Sent], None] | None = None,
    stop: threading.Event | None = None,
    most_outstanding: int = MOST_OUTSTANDING,
) -> tuple[int, Sent]:
    """Send a load and give back each request, for those who judge requests themselves.

    Args:
        target: As for `run`.
        load: As for `run`.
        seed: As for `run`.
        on_progress: As for `run`.
        on_second: As for `run`; is also given what was sent so far, whose columns grow while it looks at
            them: it copies what it reads, and may set `stop`.
        stop: Set it to end the load.
        most_outstanding: As for `run`.

    Returns:
        Requests in the schedule, and what became of those that were sent.

    Raises:
        ConfigError: The target may not be loaded.
    """
    from ekiben.scale import sender

    found = endpoint(target.url, target.networks)
    if not 1 <= most_outstanding <= MOST_OUTSTANDING:
        raise ConfigError(
            f"expected most_outstanding between 1 and {MOST_OUTSTANDING}, found {most_outstanding}"
        )
    times = intended_times(load, seed)
    stop = stop or threading.Event()

    async def main() -> Sent:
        player = sender.Sender(target, found, seed=seed, most_outstanding=most_outstanding)
        samples: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if on_second is not None:
            samples = EverySecond(lambda seconds: on_second(seconds, player.sent), player.now)
        with Aside(on_progress) as display, samples:
            return await sender.play(
                player,
                times,
                load.seconds,
                stopped=lambda: stop.is_set() or display.failed,
                on_progress=display.give,
            )

    return len(times), _looped(main, stop)


def saturate(
    target: LoadTarget,
    *,
    concurrency: int,
    seconds: float,
    seed: int = 0,
    stop: threading.Event | None = None,
) -> float:
    """Find how much a service carries: callers that each wait for their answer (closed loop).

    Args:
        target: What is sent, where to, and the right answers.
        concurrency: Requests under way at any time, 1 to 2,000.
        seconds: How long, at most 600 s.
        seed: Of connection ages.
        stop: Set it to end early.

    Returns:
        Right answers per second. No latency: a closed loop hides every wait (coordinated omission).

    Raises:
        ConfigError: The target may not be loaded, or an argument is out of bounds.
        NoDataError: A request failed; what carries a load with failures is not a rate.
    """
    from ekiben.scale import sender
    from ekiben.scale.measurement import counted, measure

    found = endpoint(target.url, target.networks)
    if not 1 <= concurrency <= MOST_OUTSTANDING:
        raise ConfigError(f"expected a concurrency between 1 and {MOST_OUTSTANDING}, found {concurrency}")
    if not 0 < seconds <= _LONGEST_SATURATION_SECONDS:
        raise ConfigError(f"expected 0 to {_LONGEST_SATURATION_SECONDS:g} s, found {seconds!r}")
    stop = stop or threading.Event()

    async def main() -> Sent:
        caller = sender.Sender(target, found, seed=seed, most_outstanding=concurrency)
        return await sender.saturate(caller, concurrency=concurrency, seconds=seconds, stopped=stop.is_set)

    started_at = time.time()
    sent = _looped(main, stop)
    measured = measure(sent, started_at=started_at, planned=len(sent.records), seed=seed)
    if measured.failed or not measured.ok:
        raise NoDataError(
            f"expected right answers only, found {counted(measured.outcomes)}",
            remedy="look at the pods (ekiben status); a lower concurrency may be carried",
        )
    return measured.achieved_rate


def _looped(main: Callable[[], Coroutine[Any, Any, Sent]], stop: threading.Event) -> Sent:
    import asyncio

    import uvloop

    bugs: list[BaseException] = []

    def note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        bugs.append(context.get("exception") or RuntimeError(context["message"]))
        stop.set()

    async def guarded() -> Sent:
        asyncio.get_running_loop().set_exception_handler(note)
        return await main()

    with _interruptible(stop), _undisturbed():
        sent = uvloop.run(guarded())
    if bugs:  # in a callback, where nobody else would hear of it
        raise bugs[0]
    return sent


@contextlib.contextmanager
def _interruptible(stop: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C end the load in order; a second one interrupts as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the process from delaying sends: old objects are not collected, threads take short turns."""
    turn = sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        with _first_in_line():
            yield
    finally:
        sys.setswitchinterval(turn)
        gc.unfreeze()


@contextlib.contextmanager
def _first_in_line() -> Iterator[None]:
    """Run before other processes, where that is allowed (root, CAP_SYS_NICE): the lowest real-time priority.

    A generator that waits for its turn measures the machine, not the service. Measured with both
    cores taken by others, 100 requests/s: lag p99 60 ms without this, 4 ms with it. The callbacks'
    threads inherit it, and must: a waiting thread that holds the interpreter's lock holds the sender.
    Source: https://man7.org/linux/man-pages/man7/sched.7.html
    """
    if not hasattr(os, "sched_setscheduler"):  # macOS
        yield
        return
    before, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, parameter)
