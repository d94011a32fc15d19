"""Ends of pods that nobody asked for, under load: killed, out of memory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.torture.cluster import processes, questions
from tests.torture.cluster.ends import in_turn, kubectl
from tests.torture.cluster.load import sending
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.sender import Call
from tests.torture.cluster.watch import Pod, Seen, Watch, watching

_CUT = (
    "ConnectionRefusedError",
    "ConnectionResetError",
    "BrokenPipeError",
    "WireError: the connection ended",
)
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


def kill(run: Run) -> None:
    """SIGKILL the process of one pod after the other; each once, since the kubelet waits longer each time."""
    _struck(run, lambda victim: processes.kill(victim.container), "Error")


def out_of_memory(run: Run) -> None:
    """Let the kernel kill the server for want of memory: small processes beside it take all that is left."""

    def strike(victim: Pod) -> None:
        server = processes.of(victim.container)[0]
        Path(f"/proc/{server}/oom_score_adj").write_text("1000", encoding="ascii")
        hogs = _HOGS.format(count=run.size("hogs"), megabytes=run.size("megabytes"))
        argv = [*kubectl(run), "exec", victim.name, "--", "/usr/bin/python3", "-c", hogs]
        subprocess.run(argv, capture_output=True, timeout=60, check=False)

    _struck(run, strike, "OOMKilled")


def _struck(run: Run, strike: Callable[[Pod], None], reason: str) -> None:
    """Strike one pod after the other, and see what callers lose with and without a retry."""
    run.stage.calm()
    asked = questions.draw(run.stage.models, run.draw)
    back: list[float] = []
    away: list[tuple[float, float]] = []
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"], retry_after=_RETRY_SECONDS) as sent,
    ):
        sent.hold(3)
        for victim in in_turn(run, seen):
            began = time.monotonic()
            strike(victim)
            back.append(_waited(seen, victim, began))
            away.append((began, began + back[-1]))
            time.sleep(max(2.0, began + run.sizes["apart_seconds"] - time.monotonic()))
        ended = [each for each in seen.now.pods if each.restarts]
    calls = sent.tally.calls
    run.count(sent.tally)
    lost = sent.tally.failed
    run.notes["lost without a retry"] = f"{len(lost)} of {len(calls)}: {sent.tally.why(sent.began)}"
    run.notes["ends"] = str(len(back))
    others = [call for call in lost if not _of_a_pod_that_is_away(call, away)]
    run.check(
        "nothing failed but connections to a struck pod, while it was away", not others,
        ", ".join(sorted({call.outcome for call in others})[:3]) or "nothing",
    )  # fmt: skip
    if "answered_ratio" in run.sizes:
        least, share = run.sizes["answered_ratio"], 1 - len(lost) / len(calls)
        run.check(f"{least:.1%} are answered without a retry", share >= least, f"{share:.3%}", figure=True)
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


def _of_a_pod_that_is_away(call: Call, away: Sequence[tuple[float, float]]) -> bool:
    """Whether a failure is that of a connection which nobody took or which was cut, while a pod was away."""
    cut = call.outcome.startswith(_CUT)
    return cut and any(began <= call.finished and call.intended <= ended for began, ended in away)


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


KILL = Scenario(
    name="kill",
    action="kill -9 of each pod's process",
    load="100 requests/s",
    passes="99.9 % without and 100 % with one retry; ready again within 5 s",
    sizes={"rate": 100, "apart_seconds": 20, "back_seconds": 5, "answered_ratio": 0.999},
    parts=7,
    minutes=10,
    act=kill,
)
OOM = Scenario(
    name="out-of-memory",
    action="processes in each pod's container take memory until the kernel kills the server",
    load="100 requests/s",
    passes="other pods' requests all right, and all with one retry; ready again within 10 s",
    sizes={"rate": 100, "apart_seconds": 20, "back_seconds": 10, "hogs": 16, "megabytes": 40},
    parts=2,
    minutes=3,
    act=out_of_memory,
)
