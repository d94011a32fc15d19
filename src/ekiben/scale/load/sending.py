"""What a sender's own process does: get ready, await the start, send its share, hand over its books."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from ekiben.scale.load import sender
from ekiben.scale.load.aside import Aside
from ekiben.scale.load.progress import Glimpse
from ekiben.scale.load.records import Sent
from ekiben.scale.load.schedule import Load, intended_times
from ekiben.scale.load.sharing import Share
from ekiben.scale.load.target import Endpoint, LoadTarget
from ekiben.scale.load.undisturbed import looped

STOP: Final = "stop"


@dataclass(frozen=True, slots=True)
class Task:
    """What one sender is told; it goes through a pipe, never through a command line.

    Attributes:
        target: With its part of the connections.
        found: The address, looked up once for all.
        load: The whole load.
        seed: Of the whole schedule.
        share: Which requests are its own.
        most_outstanding: Its part of the bound.
    """

    target: LoadTarget
    found: Endpoint
    load: Load
    seed: int
    share: Share
    most_outstanding: int


@dataclass(frozen=True, slots=True)
class Ready:
    """It can begin."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot go on.

    Attributes:
        why: The error, in words.
    """

    why: str


Message = Ready | Glimpse | Sent | Failed


def main(line: Connection[Message, float | str], task: Task) -> None:
    """Send a share of a load; the process's whole life.

    Args:
        line: To the process that asked for it, which sends the start (`time.perf_counter`, the same clock in
            all processes of a machine) and may send `STOP`. That process's end is a stop too.
        task: What to send.
    """
    try:
        line.send(looped(lambda: _sent(line, task), threading.Event()))
    except (EOFError, BrokenPipeError):
        return  # nobody is there to be told
    except BaseException as error:  # noqa: BLE001  # whatever it was, the load is not what it was meant to be
        with contextlib.suppress(OSError):
            line.send(Failed(f"{type(error).__name__}: {error}"))


async def _sent(line: Connection[Message, float | str], task: Task) -> Sent:
    times = task.share.times(intended_times(task.load, task.seed))
    line.send(Ready())
    began = float(line.recv())
    player = sender.Sender(
        task.target,
        task.found,
        seed=task.seed,
        most_outstanding=task.most_outstanding,
        share=task.share,
        began=began,
    )
    with Aside(line.send) as told:
        # Readable means `STOP`, or that nobody is there any more.
        return await sender.play(
            player,
            times,
            task.load.seconds,
            stopped=lambda: line.poll() or told.failed,
            on_progress=told.give,
        )
