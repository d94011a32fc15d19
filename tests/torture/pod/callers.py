"""Callers that behave badly: slow, silent, gone; and clocks and schedulers that do."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from tests.torture.pod import processes, target
from tests.torture.pod.load import Load, Tally
from tests.torture.pod.scenario import NotTestedError, Run, Scenario
from tests.torture.pod.target import Served
from tests.torture.pod.wire import Connection, request

_JUMPS = (3_600, -3_600, 0)  # seconds
_NEAR_SECONDS = 60
_SETTLE_SECONDS = 5.0


async def slowloris(run: Run) -> None:
    """Half heads, bodies that drip, and silence, all at once, beside good callers."""
    patience = run.sizes.get("patience_seconds")
    names = ("EKIBEN_HEADER_SECONDS", "EKIBEN_REQUEST_TIMEOUT_SECONDS") if patience else ()
    async with target.serving(run.target, run.folder, **dict.fromkeys(names, f"{patience}")) as served:
        base = processes.descriptors(served.pid)
        load, stop = Load(lambda: [served.port], run.oracle.questions(run.draw)), asyncio.Event()
        running = asyncio.create_task(load.run(run.sizes["rate"], 3_600, stop))
        limit = run.sizes["limit_seconds"]
        bad = [
            *(
                _held(served, b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Half", limit)
                for _ in range(run.size("halves"))
            ),
            *(_held(served, b"", limit) for _ in range(run.size("silent"))),
            *(_dripping(served, limit) for _ in range(run.size("dripping"))),
        ]
        closed = await asyncio.gather(*bad)
        stop.set()
        tally = await running
        left = await _descriptors(served, base)
    run.number += len(tally.calls)
    _good(run, tally)
    for name, part in (
        ("half heads", closed[: run.size("halves")]),
        ("silent connections", closed[run.size("halves") : run.size("halves") + run.size("silent")]),
        ("dripping bodies", closed[len(closed) - run.size("dripping") :]),
    ):
        found = sum(part)
        run.check(f"all {len(part)} {name} were closed within {limit:g} s", found == len(part), found)
    run.check("descriptors are back to what they were", left <= base, f"{left} of {base}")


def _good(run: Run, tally: Tally) -> None:
    run.check("no good request failed", not tally.failed, tally.why())
    run.check("no good request was refused", not tally.of("refused"), len(tally.of("refused")))


async def _descriptors(served: Served, base: int) -> int:
    """Open descriptors once they are back to the base, or when they do not come back."""
    end = time.monotonic() + _SETTLE_SECONDS
    while (found := processes.descriptors(served.pid)) > base and time.monotonic() < end:  # noqa: ASYNC110 - another process tells nobody of it
        await asyncio.sleep(0.05)
    return found


async def _held(served: Served, content: bytes, seconds: float) -> bool:
    """Send a beginning and wait; whether the server closes the connection in time."""
    try:
        connection = await Connection.open(served.port)
        try:
            connection.writer.write(content)
            async with asyncio.timeout(seconds):
                while await connection.reader.read(65_536):
                    pass
        finally:
            connection.close()
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


async def _dripping(served: Served, seconds: float) -> bool:
    """Send a byte of a body now and then; whether the server closes the connection in time."""
    head = request("POST", "/predict", b"", {"Content-Length": "1000"})
    end = time.monotonic() + seconds
    try:
        connection = await Connection.open(served.port)
        try:
            connection.writer.write(head)
            while time.monotonic() < end:
                connection.writer.write(b"[")
                await connection.writer.drain()
                try:
                    async with asyncio.timeout(min(0.5, seconds / 10)):
                        while await connection.reader.read(65_536):
                            pass
                except TimeoutError:
                    continue
                else:
                    return True
        finally:
            connection.close()
    except OSError:
        return True
    return False


async def disconnects(run: Run) -> None:
    """Callers that send half a request, or a whole large one, and go."""
    big = run.oracle.questions(run.draw, run.size("rows"), 4)
    async with target.serving(run.target, run.folder) as served:
        gauge, base = await served.in_progress(), processes.descriptors(served.pid)
        load, stop = Load(lambda: [served.port], run.oracle.questions(run.draw)), asyncio.Event()
        running = asyncio.create_task(load.run(run.sizes["rate"], 3_600, stop))
        gate = asyncio.Semaphore(run.size("at_once"))

        async def leave(number: int) -> None:
            content = big[number % len(big)].request(f"gone-{number}")
            async with gate:
                connection = await Connection.open(served.port)
                connection.writer.write(content if number % 2 else content[: len(content) // 2])
                await asyncio.sleep(run.draw.uniform(0, 0.05))
                connection.reset() if number % 3 else connection.close()

        await asyncio.gather(*(leave(number) for number in range(run.size("disconnects"))))
        await asyncio.sleep(0.5)
        stop.set()
        tally = await running
        end = time.monotonic() + _SETTLE_SECONDS
        while (found := await served.in_progress()) > gauge and time.monotonic() < end:  # noqa: ASYNC110 - another process tells nobody of it
            await asyncio.sleep(0.1)
        left = await _descriptors(served, base)
    run.number += run.size("disconnects")
    _good(run, tally)
    run.check("requests in progress are back to what they were", found <= gauge, f"{found:g} of {gauge:g}")
    run.check("descriptors are back to what they were", left <= base, f"{left} of {base}")
    run.notes["good requests"] = str(len(tally.calls))


async def stopped(run: Run) -> None:
    """SIGSTOP, then SIGCONT: whoever waits long enough is answered right."""
    async with target.serving(run.target, run.folder) as served:
        gauge = await served.in_progress()
        seconds = run.sizes["stop_seconds"]
        load = Load(lambda: [served.port], run.oracle.questions(run.draw), seconds=seconds + 10)
        running = asyncio.create_task(load.run(run.sizes["rate"], seconds + 2 * run.sizes["around_seconds"]))
        await asyncio.sleep(run.sizes["around_seconds"])
        for pid in processes.tree(served.pid):
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        for pid in processes.tree(served.pid):
            os.kill(pid, signal.SIGCONT)
        tally = await running
        await asyncio.sleep(0.2)
        found = await served.in_progress()
        alive = served.alive
    run.number += len(tally.calls)
    _good(run, tally)
    slowest = max(call.seconds for call in tally.calls)
    run.check("the stop was felt", slowest >= seconds * 0.8, f"slowest {slowest:.1f} s")
    run.check("requests in progress are back to what they were", found <= gauge, f"{found:g} of {gauge:g}")
    run.check("the process did not end", alive, alive)


async def clock(run: Run) -> None:
    """The wall clock jumps an hour ahead and two back, under load."""
    library = _wall_clock(run)
    offset = run.folder / "offset"
    offset.write_text("0\n")
    more = {"LD_PRELOAD": str(library), "WALLTIME_FILE": str(offset)}
    async with target.serving(run.target, run.folder, **more) as served:
        gauge = await served.in_progress()
        load, stop = Load(lambda: [served.port], run.oracle.questions(run.draw)), asyncio.Event()
        running = asyncio.create_task(load.run(run.sizes["rate"], 3_600, stop))
        await asyncio.sleep(run.sizes["apart_seconds"])
        seen = []
        for jump in _JUMPS:
            changed = run.folder / "changed"
            changed.write_text(f"{jump:d}\n")
            changed.replace(offset)
            await asyncio.sleep(run.sizes["apart_seconds"])
            seen.append(await _ahead(served))
        stop.set()
        tally = await running
        found, alive = await served.in_progress(), served.alive
    run.number += len(tally.calls)
    _good(run, tally)
    jumped = all(abs(found - jump) < _NEAR_SECONDS for found, jump in zip(seen, _JUMPS, strict=True))
    run.check("the server's own date jumped", jumped, ", ".join(f"{each:+.0f} s" for each in seen))
    run.check("requests in progress are back to what they were", found <= gauge, f"{found:g} of {gauge:g}")
    run.check("the process did not end", alive, alive)


def _wall_clock(run: Run) -> Path:
    """Compile what stands between a process and its wall clock."""
    compiler = shutil.which("cc")
    if compiler is None:
        run.not_tested("needs a C compiler (Debian package gcc)")
    library = run.folder / "walltime.so"
    source = Path(__file__).with_name("walltime.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source)], check=True)
    return library


async def _ahead(served: Served) -> float:
    """How far the clock of a server is ahead of ours, by the Date of its answers; seconds.

    Raises:
        NotTestedError: Its answers carry none.
    """
    date = (await served.get("/livez")).headers.get(b"date")
    if date is None:
        raise NotTestedError("the server sends no Date header, so that its clock cannot be seen")
    return (parsedate_to_datetime(date.decode()) - datetime.now(UTC)).total_seconds()


SLOWLORIS = Scenario(
    name="slowloris",
    action="500 half heads, 100 bodies of a byte now and then, 500 connections without a word",
    load="50 good requests/s",
    passes="0 good failed; every bad connection closed within 15 s; descriptors back",
    unit="good requests",
    full={"halves": 500, "dripping": 100, "silent": 500, "rate": 50, "limit_seconds": 15},
    short={"halves": 5, "dripping": 3, "silent": 5, "rate": 20, "limit_seconds": 4, "patience_seconds": 0.5},
    parts=10,
    minutes=3.5,
    act=slowloris,
)
DISCONNECTS = Scenario(
    name="disconnects",
    action="1,000 callers that go away, half with half a request, half with a whole one of 500 rows",
    load="50 good requests/s",
    passes="0 good failed; requests in progress and descriptors back to what they were",
    unit="disconnects",
    full={"disconnects": 1_000, "rows": 500, "at_once": 50, "rate": 50},
    short={"disconnects": 40, "rows": 500, "at_once": 10, "rate": 20},
    minutes=0.5,
    act=disconnects,
)
STOPPED = Scenario(
    name="stopped",
    action="SIGSTOP for 5 s, then SIGCONT",
    load="50 requests/s, time-out 15 s",
    passes="0 failed; requests in progress back to what they were",
    unit="requests",
    full={"stop_seconds": 5, "around_seconds": 5, "rate": 50},
    short={"stop_seconds": 1, "around_seconds": 0.4, "rate": 30},
    parts=10,
    minutes=3,
    act=stopped,
)
CLOCK = Scenario(
    name="clock",
    action="the wall clock jumps 1 h ahead, 2 h back, and to what it was",
    load="50 requests/s",
    passes="0 failed, none refused; requests in progress back to what they were",
    unit="requests",
    full={"apart_seconds": 15, "rate": 50},
    short={"apart_seconds": 1.2, "rate": 20},
    minutes=1.2,
    act=clock,
)
SCENARIOS = (SLOWLORIS, DISCONNECTS, STOPPED, CLOCK)
