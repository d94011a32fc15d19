"""Ends of pods that are asked for, under load: evicted, deleted with calls in flight."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from tests.torture.cluster import questions
from tests.torture.cluster.load import sending
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.stage import REPLICAS
from tests.torture.cluster.watch import Pod, Watch, watching
from tests.torture.pod.wire import Connection, WireError, request

from ekiben.clients import tools

if TYPE_CHECKING:
    from tests.torture.cluster.questions import Question
    from tests.torture.cluster.stage import Stage

_DRAIN_SECONDS, _TIMEOUT_SECONDS = 10, 30  # the chart's


def in_turn(run: Run, seen: Watch) -> list[Pod]:
    """Pods, in an order that is drawn."""
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
        victims = in_turn(run, seen)
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
        for victim in in_turn(run, seen):
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
    follow = [*kubectl(run), "get", "pod", victim.name, "-w", "-o", f"jsonpath={exit_code}"]

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


def kubectl(run: Run) -> list[str]:
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
