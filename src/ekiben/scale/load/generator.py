"""The generator: an open-loop load against one release, measured from intended send times."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ekiben.errors import ConfigError, NoDataError
from ekiben.scale.load.aside import Aside, EverySecond
from ekiben.scale.load.progress import Glimpse, Progress, summed
from ekiben.scale.load.schedule import Load, intended_times
from ekiben.scale.load.target import LoadTarget, endpoint
from ekiben.scale.load.undisturbed import interruptible, looped

if TYPE_CHECKING:  # loaded when a load starts, so that `--help` is quick
    from ekiben.scale.load.measurement import LoadMeasurement
    from ekiben.scale.load.records import Sent

MOST_OUTSTANDING = 2_000
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
    senders: int = 1,
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
        senders: Processes that share the schedule, 1 (this process) to 16. The intended times are the same
            for any number, and the measurement is of all; if one dies, it has a reason and no figures.

    Returns:
        The measurement; look at `valid` before using a figure.

    Raises:
        ConfigError: The target may not be loaded.
    """
    from ekiben.scale.load.measurement import measure

    started_at = time.time()
    if senders != 1:
        planned, sent = _shared(
            target, load, seed=seed, senders=senders, on_progress=on_progress, on_second=on_second,
            stop=stop or threading.Event(), most_outstanding=most_outstanding,
        )  # fmt: skip
        return measure(sent, started_at=started_at, planned=planned, seed=seed)
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


def _shared(
    target: LoadTarget,
    load: Load,
    *,
    seed: int,
    senders: int,
    on_progress: Callable[[Progress], None],
    on_second: Callable[[float], None] | None,
    stop: threading.Event,
    most_outstanding: int,
) -> tuple[int, Sent]:
    """Let several processes send a load; as `record`."""
    from ekiben.scale.load.senders import play
    from ekiben.scale.load.sharing import MOST_SENDERS

    found = endpoint(target.url, target.networks)
    if not 1 <= senders <= MOST_SENDERS:
        raise ConfigError(f"expected 1 to {MOST_SENDERS} senders, found {senders}")
    if not senders <= most_outstanding <= MOST_OUTSTANDING:
        raise ConfigError(
            f"expected most_outstanding between {senders} (one per sender) and {MOST_OUTSTANDING}, "
            f"found {most_outstanding}"
        )
    planned = len(intended_times(load, seed))
    with interruptible(stop):
        sent = play(
            target, found, load, seed=seed, senders=senders, planned=planned,
            most_outstanding=most_outstanding, on_progress=on_progress, on_second=on_second, stop=stop,
        )  # fmt: skip
    return planned, sent


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
    from ekiben.scale.load import sender

    found = endpoint(target.url, target.networks)
    if not 1 <= most_outstanding <= MOST_OUTSTANDING:
        raise ConfigError(
            f"expected most_outstanding between 1 and {MOST_OUTSTANDING}, found {most_outstanding}"
        )
    times = intended_times(load, seed)
    stop = stop or threading.Event()

    def show(glimpse: Glimpse) -> None:
        on_progress(summed([glimpse], len(times), load.seconds))

    async def main() -> Sent:
        player = sender.Sender(target, found, seed=seed, most_outstanding=most_outstanding)
        samples: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if on_second is not None:
            samples = EverySecond(lambda seconds: on_second(seconds, player.sent), player.now)
        with Aside(show) as display, samples:
            return await sender.play(
                player,
                times,
                load.seconds,
                stopped=lambda: stop.is_set() or display.failed,
                on_progress=display.give,
            )

    return len(times), looped(main, stop)


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
    from ekiben.scale.load import sender
    from ekiben.scale.load.measurement import counted, measure

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
    sent = looped(main, stop)
    measured = measure(sent, started_at=started_at, planned=len(sent.records), seed=seed)
    if measured.failed or not measured.ok:
        raise NoDataError(
            f"expected right answers only, found {counted(measured.outcomes)}",
            remedy="look at the pods (ekiben status); a lower concurrency may be carried",
        )
    return measured.achieved_rate
