"""Ends and beginnings: drained, killed, slow to start."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from typing import TYPE_CHECKING

from tests.torture.pod import processes, replicas, target, wire
from tests.torture.pod.load import Load
from tests.torture.pod.oracle import Question
from tests.torture.pod.scenario import Run, Scenario

if TYPE_CHECKING:
    from tests.torture.pod.target import Served

# Read by Python before anything else: the first import of a numerical library takes a while.
_SLOW = """
import os, sys, time
_waited = []
def _hook(event, arguments):
    if event == "import" and arguments[0] in ("sklearn", "onnxruntime") and not _waited:
        _waited.append(1)
        time.sleep(float(os.environ["SLOW_START_SECONDS"]))
sys.addaudithook(_hook)
"""


async def drain(run: Run) -> None:
    """SIGTERM under load, with slow calls in flight; callers move away in the drain, as kube-proxy does."""
    seconds, in_flight = run.sizes["drain_seconds"], run.size("in_flight")
    slow_seconds = run.sizes["slow_seconds"]
    questions = run.oracle.questions(run.draw)
    settings = {"EKIBEN_DRAIN_SECONDS": f"{seconds:g}"}
    async with target.serving(run.target, run.folder, **settings) as served:
        load, stop = Load(lambda: [served.port], questions), asyncio.Event()
        running = asyncio.create_task(load.run(run.sizes["rate"], 3_600, stop))
        await asyncio.sleep(run.sizes["before_seconds"])
        slow = [asyncio.create_task(_trickle(served, each, slow_seconds)) for each in questions[:in_flight]]
        await asyncio.sleep(min(0.3, slow_seconds / 2))
        told = time.monotonic()
        served.tell(signal.SIGTERM)
        await asyncio.sleep(seconds * 0.6)
        stop.set()
        tally, ends = await running, await asyncio.gather(*slow)
        longest = 2 * seconds + slow_seconds + 10
        status = await served.exit_status(told + longest - time.monotonic())
        took = time.monotonic() - told
    run.number += len(tally.calls) + len(ends)
    after = [call for call in tally.calls if call.intended >= told]
    run.check("no request of the load failed", not tally.failed, tally.why())
    run.check("no request was refused", not tally.of("refused"), len(tally.of("refused")))
    wrong = [each for each in ends if each]
    run.check(
        f"all {in_flight} calls in flight were answered right", not wrong, ", ".join(wrong[:5]) or "all"
    )
    run.check("exit status 0", status == 0, status)
    run.check(f"it ended within {longest:g} s", status is not None, f"{took:.1f} s")
    run.check("requests came after SIGTERM", bool(after), len(after))


async def _trickle(served: Served, question: Question, seconds: float) -> str:
    """Send a request whose body takes so long; says what was wrong with the answer."""
    content = question.request("slow")
    cut = len(content) - len(question.body) // 2
    try:
        connection = await wire.Connection.open(served.port)
        try:
            connection.writer.write(content[:cut])
            await asyncio.sleep(seconds)
            reply = await asyncio.wait_for(connection.ask(content[cut:]), 5)
        finally:
            connection.close()
    except (OSError, wire.WireError, TimeoutError) as error:
        return type(error).__name__
    return question.wrong(reply, "slow") if reply.status == 200 else f"status {reply.status}"


async def kill(run: Run) -> None:
    """SIGKILL one process after the other: of stock BentoML the worker and the parent in turn."""
    kills, apart = run.size("kills"), run.sizes["seconds_apart"]
    questions = run.oracle.questions(run.draw)
    async with replicas.Replicas(run.target, run.folder, run.size("replicas")) as servers:
        load, stop = Load(lambda: servers.ready, questions, retries=1), asyncio.Event()
        running = asyncio.create_task(load.run(run.sizes["rate"], 86_400, stop))
        await asyncio.sleep(min(1.0, apart / 2))
        settled = True
        for number in range(kills):
            began = time.monotonic()
            port = run.draw.choice(servers.ready)
            victims = processes.tree(servers.running[port].pid)
            os.kill(victims[-1 if number % 2 == 0 else 0], signal.SIGKILL)
            await asyncio.sleep(min(1.0, apart / 2))
            settled = await servers.settled(apart + target.START_SECONDS) and settled
            await asyncio.sleep(max(0.0, began + apart - time.monotonic()))
        answers = await _each_answers(servers, questions[0])
        stop.set()
        tally = await running
    run.number += len(tally.calls)
    share = 1 - len(tally.failed) / len(tally.calls)
    unhelped = [call for call in tally.retried if call.outcome != "right"]
    wrong = [call for call in tally.calls if call.outcome.startswith("another")]
    back = max(servers.back_seconds, default=0.0)
    run.check("no answer was wrong", not wrong, len(wrong))
    run.check("at least 99.9 % answered without a retry", share >= 0.999, f"{share:.4%}", figure=True)
    run.check("all answered with one retry", not unhelped, f"{len(unhelped)} not")
    run.check("ready again within 5 s", back <= 5, f"at most {back:.2f} s", figure=True)
    run.check("every kill ended its server and every server came back", settled, settled)
    run.check(f"{kills} restarts", len(servers.back_seconds) == kills, len(servers.back_seconds))
    run.check("each server answers at the end", answers, answers)
    run.notes["failures without a retry"] = tally.why()


async def _each_answers(servers: replicas.Replicas, question: Question) -> bool:
    for port in servers.running:
        try:
            reply = await wire.once(port, question.request("end"))
        except (OSError, wire.WireError, TimeoutError):
            return False
        if reply.status != 200 or question.wrong(reply, "end"):
            return False
    return True


async def slow_start(run: Run) -> None:
    """A rollout to a server that is slow to load: the old one serves, probes run, then they change over."""
    slow = run.sizes["slow_seconds"]
    (run.folder / "sitecustomize.py").write_text(_SLOW)
    path = os.pathsep.join(filter(None, [str(run.folder), os.environ.get("PYTHONPATH")]))
    more = {"PYTHONPATH": path, "SLOW_START_SECONDS": f"{slow:g}", "EKIBEN_DRAIN_SECONDS": "2"}
    ports: list[int] = []
    async with target.serving(run.target, run.folder, EKIBEN_DRAIN_SECONDS="2") as old:
        ports[:] = [old.port]
        load, stop = Load(lambda: ports, run.oracle.questions(run.draw)), asyncio.Event()
        running = asyncio.create_task(load.run(run.sizes["rate"], 3_600, stop))
        new = target.start(run.target, run.folder, more)
        try:
            listening = await _listening(new)
            probes = asyncio.create_task(replicas.probe(new, "/livez", period=0.5, seconds=5))
            took = await new.ready(slow + target.START_SECONDS)
            ports[:] = [new.port]
            old.tell(signal.SIGTERM)
            status = await old.exit_status(30)
            await asyncio.sleep(run.sizes["after_seconds"])
            stop.set()
            tally = await running
            probes.cancel()
            failures = await probes
            alive = new.alive
        finally:
            new.end()
    run.number += len(tally.calls)
    run.check("no request failed", not tally.failed, tally.why())
    run.check("no request was refused", not tally.of("refused"), len(tally.of("refused")))
    run.check("the delay took effect", took >= slow, f"ready after {took:.1f} s")
    run.check("no liveness probe failed", not failures, ", ".join(failures[:5]) or "none")
    run.check("the old server ended with 0", status == 0, status)
    run.check("the new server was not restarted", alive, alive)
    run.notes["port open after"] = f"{listening:.2f} s"


async def _listening(served: Served) -> float:
    """Wait until its port takes connections: a startup probe's part; gives seconds since the start."""
    for _ in itertools.count():
        try:
            (await wire.Connection.open(served.port)).close()
        except OSError:
            if time.monotonic() - served.started > target.START_SECONDS:
                raise
            await asyncio.sleep(0.02)
        else:
            break
    return time.monotonic() - served.started


DRAIN = Scenario(
    name="drain",
    action="SIGTERM with 20 calls in flight that take 4 s each",
    load="20 requests/s; callers go to other pods during the first 6 of 10 s",
    passes="0 failed, exit status 0 in time",
    unit="requests",
    full={
        "in_flight": 20,
        "slow_seconds": 4,
        "rate": 20,
        "drain_seconds": 10,
        "before_seconds": 3,
    },
    short={"in_flight": 20, "slow_seconds": 0.8, "rate": 60, "drain_seconds": 0.5, "before_seconds": 0.3},
    parts=20,
    minutes=6,
    act=drain,
)
KILL = Scenario(
    name="kill",
    action="kill -9 of a process, 20 times; the harness restarts it as a kubelet would",
    load="100 requests/s over 3 servers",
    passes="99.9 % without and 100 % with one retry; ready again in 5 s; no server left behind",
    unit="requests",
    full={"kills": 20, "seconds_apart": 20, "rate": 100, "replicas": 3},
    short={"kills": 1, "seconds_apart": 0.5, "rate": 50, "replicas": 2},
    minutes=7,
    act=kill,
)
SLOW_START = Scenario(
    name="slow-start",
    action="a rollout to a server that takes 30 s longer to load",
    load="100 requests/s",
    passes="0 failed, no liveness probe failed",
    unit="requests",
    full={"slow_seconds": 30, "rate": 100, "after_seconds": 10},
    short={"slow_seconds": 1, "rate": 40, "after_seconds": 0.3},
    minutes=1,
    act=slow_start,
)
SCENARIOS = (DRAIN, KILL, SLOW_START)
