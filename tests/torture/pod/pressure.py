"""Too little CPU, and too many requests."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import AsyncIterator

from tests.torture.pod import processes, replicas, target
from tests.torture.pod.load import Load, Tally, quantile
from tests.torture.pod.oracle import Question
from tests.torture.pod.scenario import Run, Scenario

_MOST_ROWS = 8_192  # in a question of the overload: a body well below the limit of 1 MiB
_CALIBRATION_CALLERS = 16
_SERVERS_CORE, _CLIENTS_CORE = 0, 1
_LATE = "status 504"  # admitted, and not answered in time


async def starvation(run: Run) -> None:
    """A fifth of a core, and hogs on all cores beside it; probed as in the chart."""
    questions = run.oracle.questions(run.draw)
    async with target.serving(run.target, run.folder) as served:
        with processes.starved(served.pid, run.sizes["cores"]), processes.hogs(run.size("hogs")):
            probes = asyncio.create_task(replicas.probe(served, "/livez", period=10, seconds=5))
            load = Load(lambda: [served.port], questions)
            tally = await load.run(run.sizes["rate"], run.sizes["seconds"])
            probes.cancel()
            failures = await probes
        alive = served.alive
    run.number += len(tally.calls)
    run.check("only answered right, or refused with 429 or 503", not tally.failed, tally.why())
    run.check("fewer than 6 liveness probes failed", len(failures) < 6, len(failures))
    run.check("the process did not end", alive, alive)
    run.notes["refused"] = str(len(tally.of("refused")))
    run.notes["p99"] = f"{quantile(tally.of('right'), 0.99) * 1_000:.0f} ms"


async def overload(run: Run) -> None:
    """Four times what the server can do, then a half of it.

    Questions have so many rows that the server, not the client, is the limit;
    the same number is found for each kind of server in the same way.
    """
    deadline = run.sizes["deadline_seconds"]
    settings = {"EKIBEN_REQUEST_TIMEOUT_SECONDS": f"{deadline:g}"}
    async with _apart(run), target.serving(run.target, run.folder, **settings) as served:
        processes.pin(served.pid, _SERVERS_CORE)
        questions, capacity = await _capacity(run, served.port)
        gc.collect()
        gc.freeze()  # a collection that looks at every question makes the client late
        began = time.monotonic()
        seconds = run.sizes["seconds"]
        flood = await Load(lambda: [served.port], questions).run(4 * capacity, seconds)
        over = time.monotonic()
        calm = await Load(lambda: [served.port], questions).run(0.5 * capacity, run.sizes["calm_seconds"])
        alive = served.alive
    run.number += len(flood.calls) + len(calm.calls)
    right, refused, late = flood.of("right"), flood.of("refused"), flood.of(_LATE)
    admitted = right + late
    goodput = len(right) / max(seconds, over - began)
    broken = len(flood.failed) - len(late)
    run.check("no answer was wrong, no connection failed", not broken, flood.why())
    without = [call for call in refused if not call.retry_after]
    run.check(
        "every refusal has Retry-After", bool(refused) and not without, f"{len(without)} of {len(refused)}"
    )
    run.check(
        "goodput at least 90 % of capacity",
        goodput >= 0.9 * capacity,
        f"{goodput / capacity:.0%}",
        figure=True,
    )
    p99 = quantile(admitted, 0.99)
    found = f"{p99:.3f} s, {len(late)} of {len(admitted)} were told 504"
    run.check(f"p99 of what was admitted <= {deadline:g} s", p99 <= deadline, found, figure=True)
    late_by = quantile(flood.calls, 0.99, lambda call: call.late) * 1_000
    run.check(
        "the client was in time: p99 of its own lag <= 10 ms", late_by <= 10, f"{late_by:.1f} ms", figure=True
    )
    soon = quantile(refused, 0.99) * 1_000
    run.check("p99 of refusals <= 20 ms", soon <= 20, f"{soon:.1f} ms", figure=True)
    after = Tally([call for call in calm.calls if call.intended > over + 2])
    calmed = bool(after.calls) and not after.failed and not after.of("refused")
    run.check("normal 2 s later: none failed, none refused", calmed, after.why())
    run.check("the process did not end", alive, alive)
    run.notes["capacity"] = f"{capacity:.0f} requests/s of {questions[0].body.count(b'],[') + 1} rows"


@contextlib.asynccontextmanager
async def _apart(run: Run) -> AsyncIterator[None]:
    """Keep the client on a core of its own: a client that shares the server's measures both.

    Raises:
        NotTestedError: There is one core.
    """
    before = os.sched_getaffinity(0)
    if not before >= {_SERVERS_CORE, _CLIENTS_CORE}:
        run.not_tested("needs two cores: one for the server, one for the client")
    os.sched_setaffinity(0, {_CLIENTS_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


async def _capacity(run: Run, port: int) -> tuple[list[Question], float]:
    """Questions large enough that the server is the limit, and how many per second it answers."""
    rows = run.size("first_rows")
    while True:
        questions = run.oracle.questions(run.draw, rows, 20)
        load = Load(lambda: [port], questions, seconds=30)
        began = time.monotonic()
        tally = await load.closed(_CALIBRATION_CALLERS, run.sizes["calibration_seconds"])
        rate = len(tally.of("right")) / (time.monotonic() - began)
        if rate <= run.sizes["most_rate"] or rows * 4 > _MOST_ROWS:
            return questions, rate
        rows *= 4


STARVATION = Scenario(
    name="starvation",
    action="a quota of 0.2 CPU in a control group, and 2 processes beside it that compute without end",
    load="20 requests/s for 5 minutes",
    passes="not restarted; every answer right, or 429 or 503",
    unit="requests",
    full={"cores": 0.2, "hogs": 2, "rate": 20, "seconds": 300},
    short={"cores": 0.2, "hogs": 1, "rate": 10, "seconds": 1},
    minutes=5.5,
    act=starvation,
)
OVERLOAD = Scenario(
    name="overload",
    action="4 times the measured capacity for 60 s, then half of it",
    load="open loop, requests of many rows; the pod is told a deadline of 2 s",
    passes="goodput >= 90 % of capacity; refusals within 20 ms and with Retry-After; normal after 2 s",
    unit="requests",
    full={
        "seconds": 60,
        "calm_seconds": 10,
        "first_rows": 32,
        "most_rate": 100,
        "calibration_seconds": 5,
        "deadline_seconds": 2,
    },
    short={
        "seconds": 2,
        "calm_seconds": 2.5,
        "first_rows": 2_048,
        "most_rate": 150,
        "calibration_seconds": 0.5,
        "deadline_seconds": 2,
    },
    minutes=1.7,
    act=overload,
)
SCENARIOS = (STARVATION, OVERLOAD)
