"""Ends of pods under load: evicted, deleted with calls in flight, killed, out of memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.torture.cluster import processes, questions
from tests.torture.cluster.load import sending
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.stage import REPLICAS
from tests.torture.cluster.watch import Pod, Seen, Watch, watching
from tests.torture.pod.wire import Connection, WireError, request

from ekiben.clients import tools

if TYPE_CHECKING:
    from tests.torture.cluster.questions import Question
    from tests.torture.cluster.stage import Stage

_DRAIN_SECONDS, _TIMEOUT_SECONDS = 10, 30  # the chart's
_RETRY_SECONDS = 1.5  # what a caller waits before it asks again: longer than the kubelet needs to see an end
# The kernel kills the largest process: many small ones beside the server.
_HOGS = """
import os, time
for _ in range({count}):
    if os.fork() == 0:
        mine = b"x" * ({megabytes} << 20)
        time.sleep(40)
        os._exit(0)
time.sleep(40)
"""


def _victims(run: Run, seen: Watch) -> list[Pod]:
    found = sorted(seen.now.staying, key=lambda each: each.name)
    run.draw.shuffle(found)
    return found


def evict(run: Run) -> None:
    """Evict one pod after the other as soon as the budget allows it."""
    run.stage.calm()
    asked = questions.draw(run.stage.models, run.draw)
    refused = 0
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"]) as sent,
    ):
        sent.hold(3)
        victims = _victims(run, seen)
        for victim in victims:
            until = time.monotonic() + 120
            while not evicted(run.stage, victim.name):
                refused += 1
                assert time.monotonic() < until, f"{victim.name} could not be evicted within 120 s"
                time.sleep(0.5)
        gone = seen.settled(REPLICAS)
        time.sleep(2)
        sent.hold(run.sizes["seconds"])
    run.none_failed(sent.tally)
    fewest = seen.fewest()
    run.check("the budget kept all but one pod ready", fewest >= REPLICAS - 1, fewest)
    left = {each.name for each in victims} & {each.name for each in seen.now.pods}
    run.check("every evicted pod ended", not left, f"{len(victims)} ended, the last after {gone:.1f} s")
    run.notes["evictions"] = f"{len(victims)}; {refused} were refused before"


def evicted(stage: Stage, name: str) -> bool:
    """Ask for an eviction; False if the budget refuses it for now."""
    where = f"/api/v1/namespaces/{stage.namespace}/pods/{name}/eviction"
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": stage.namespace},
    }
    said = stage.rig.kubectl("create", "--raw", where, "-f", "-", stdin=json.dumps(body), check=False)
    if "Success" in said:
        return True
    assert "disruption budget" in said, said
    return False


def delete(run: Run) -> None:
    """Delete a pod that has slow calls in flight, again and again."""
    run.stage.calm()
    asked = questions.draw(run.stage.models, run.draw)
    wrong: list[str] = []
    ends: list[str] = []
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"]) as sent,
    ):
        sent.hold(3)
        for victim in _victims(run, seen):
            ends.append(_deleted(run, victim, asked, wrong))
            seen.settled(REPLICAS)
        sent.hold(run.sizes["seconds"])
    run.none_failed(sent.tally)
    calls = run.size("in_flight") * len(ends)
    run.number += calls
    run.check(f"all {calls} calls in flight were answered right", not wrong, ", ".join(wrong[:5]) or "all")
    longest = _DRAIN_SECONDS + _TIMEOUT_SECONDS
    for each in ends:
        status, _, seconds = each.partition(" after ")
        run.check("exit status 0", status == "0", each)
        run.check(f"ended within {longest} s", float(seconds or "inf") <= longest, each)


def _deleted(run: Run, victim: Pod, asked: list[Question], wrong: list[str]) -> str:
    """Delete a pod with calls in flight; gives its exit status and when it was gone."""
    exit_code = "{.status.containerStatuses[0].state.terminated.exitCode}{'\\n'}"
    follow = [*_kubectl(run), "get", "pod", victim.name, "-w", "-o", f"jsonpath={exit_code}"]

    where = ("-n", run.stage.namespace)

    def end() -> None:
        run.stage.rig.kubectl("delete", "pod", victim.name, *where, "--wait=false")

    async def calls() -> list[str]:
        chosen = asked[: run.size("in_flight")]
        slow = run.sizes["slow_seconds"]
        tasks = [asyncio.create_task(_slow(victim.address, each, slow)) for each in chosen]
        await asyncio.sleep(0.5)
        await asyncio.to_thread(end)
        return await asyncio.gather(*tasks)

    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(follow, stdout=said) as process:
        began = time.monotonic()
        wrong += [each for each in asyncio.run(calls()) if each]
        run.stage.rig.kubectl("wait", "--for=delete", f"pod/{victim.name}", *where, "--timeout=100s")
        took = time.monotonic() - began
        time.sleep(0.5)
        process.terminate()
        process.wait()
        said.seek(0)
        codes = said.read().split()
    return f"{codes[-1] if codes else 'unknown'} after {took:.1f}"


def _kubectl(run: Run) -> list[str]:
    address = run.stage.rig.address
    place = ["--kubeconfig", str(address.kubeconfig), "--context", address.context]
    return [str(tools.find("kubectl")), *place, "-n", run.stage.namespace]


async def _slow(address: str, question: Question, seconds: float) -> str:
    """Ask a pod with a body that takes so long to come; says what was wrong with the answer."""
    content = request("POST", "/predict", question.body, {"X-Request-Id": "slow"})
    cut = len(content) - len(question.body) // 2
    try:
        connection = Connection(*await asyncio.open_connection(address, 3000))
        try:
            connection.writer.write(content[:cut])
            await asyncio.sleep(seconds)
            reply = await asyncio.wait_for(connection.ask(content[cut:]), 5)
        finally:
            connection.close()
    except (OSError, WireError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    return question.judge(reply.body, "slow")[0] if reply.status == 200 else f"status {reply.status}"


def kill(run: Run) -> None:
    """SIGKILL the process of one pod after the other; each once, since the kubelet waits longer each time."""
    _struck(run, lambda victim: processes.kill(victim.container), "Error")


def out_of_memory(run: Run) -> None:
    """Let the kernel kill the server for want of memory: small processes beside it take all that is left."""

    def strike(victim: Pod) -> None:
        server = processes.of(victim.container)[0]
        Path(f"/proc/{server}/oom_score_adj").write_text("1000", encoding="ascii")
        hogs = _HOGS.format(count=run.size("hogs"), megabytes=run.size("megabytes"))
        argv = [*_kubectl(run), "exec", victim.name, "--", "/usr/bin/python3", "-c", hogs]
        subprocess.run(argv, capture_output=True, timeout=60, check=False)

    _struck(run, strike, "OOMKilled")


def _struck(run: Run, strike: Callable[[Pod], None], reason: str) -> None:
    """Strike one pod after the other, and see what callers lose with and without a retry."""
    run.stage.calm()
    asked = questions.draw(run.stage.models, run.draw)
    back: list[float] = []
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"], retry_after=_RETRY_SECONDS) as sent,
    ):
        sent.hold(3)
        for victim in _victims(run, seen):
            began = time.monotonic()
            strike(victim)
            back.append(_waited(seen, victim, began))
            time.sleep(max(2.0, began + run.sizes["apart_seconds"] - time.monotonic()))
        ended = [each for each in seen.now.pods if each.restarts]
    calls = sent.tally.calls
    run.count(sent.tally)
    lost = sent.tally.failed
    run.notes["lost without a retry"] = f"{len(lost)} of {len(calls)}: {sent.tally.why(sent.began)}"
    run.notes["ends"] = str(len(back))
    share = 1 - len(lost) / len(calls)
    wrong = [call for call in calls if "answer" in call.outcome]
    run.check("no answer was wrong", not wrong, len(wrong))
    run.check("99.9 % are answered without a retry", share >= 0.999, f"{share:.3%}", figure=True)
    again = [call for call in lost if call.retried != "right"]
    run.check(
        f"all are answered with one retry after {_RETRY_SECONDS} s",
        not again,
        f"{len(again)} of {len(lost)} not",
    )
    limit = run.sizes["back_seconds"]
    shown = ", ".join(f"{each:.1f}" for each in back)
    run.check(f"ready again within {limit:g} s", max(back) <= limit, f"{shown} s", figure=True)
    run.check(f"each ended once, as {reason}", [each.last for each in ended] == [reason] * len(back),
              ", ".join(f"{each.restarts} x {each.last}" for each in ended))  # fmt: skip
    run.on_time(sent.tally)
    names = [each.name for each in ended]
    run.stage.rig.kubectl("delete", "pod", *names, "-n", run.stage.namespace)


def _waited(seen: Watch, victim: Pod, began: float) -> float:
    """Seconds from the strike until the same pod was ready again, restarted."""

    def again(look: Seen) -> bool:
        return any(
            each.name == victim.name and each.restarts > victim.restarts and each.ready for each in look.pods
        )

    seen.until(again, 60, f"{victim.name} to be ready again")
    found = seen.first(again, began)
    assert found is not None
    return found - began


EVICT = Scenario(
    name="evict",
    action="each pod is evicted through the Eviction API, as soon as the disruption budget allows it",
    load="100 requests/s",
    passes="0 failed; the budget is never violated; every eviction ends",
    sizes={"rate": 100, "seconds": 35},
    parts=7,
    minutes=8,
    act=evict,
)
DELETE = Scenario(
    name="delete",
    action="each pod is deleted with 20 calls in flight that take 4 s each",
    load="100 requests/s",
    passes="0 failed, those in flight included; exit status 0 within the drain and the time-out",
    sizes={"rate": 100, "seconds": 30, "in_flight": 20, "slow_seconds": 4},
    parts=2,
    minutes=4,
    act=delete,
)
KILL = Scenario(
    name="kill",
    action="kill -9 of each pod's process",
    load="100 requests/s",
    passes="99.9 % without and 100 % with one retry; ready again within 5 s",
    sizes={"rate": 100, "apart_seconds": 20, "back_seconds": 5},
    parts=7,
    minutes=10,
    act=kill,
)
OOM = Scenario(
    name="out-of-memory",
    action="processes in each pod's container take memory until the kernel kills the server",
    load="100 requests/s",
    passes="99.9 % without and 100 % with one retry; ready again within 10 s",
    sizes={"rate": 100, "apart_seconds": 20, "back_seconds": 10, "hogs": 16, "megabytes": 40},
    parts=2,
    minutes=3,
    act=out_of_memory,
)
