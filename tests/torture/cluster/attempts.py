"""Other ways to outlive a killed server, measured as the release's own way is: what callers would lose.

A container ends with its first process; the kubelet looks for ended containers once a second, and until it
has seen one, and the endpoint is gone from every rule, callers are still sent there. What is tried here has
the server come back without the kubelet, or has less depend on each.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.torture.cluster import processes, questions, stage, suite
from tests.torture.cluster.load import sending
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.stage import REPLICAS, Stage
from tests.torture.cluster.watch import watching
from tests.torture.pod.results import Result

PREFIX = "attempt: "  # of a result's target
WHY = """A container ends with its first process, which is the server. The kubelet looks for ended containers
once a second; until then, and until the endpoint has left the node's rules, new connections go to nobody and
are refused. `python -m tests.torture.cluster attempts` kills servers that come back in other ways:
"""
_SUPERVISED = """
import os, signal, sys
{prelude}
ended = []
def stop(number, frame):
    ended.append(number)
    os.kill(child, number)
signal.signal(signal.SIGTERM, stop)
while True:
    child = os.fork()
    if not child:
        {server}
    _, status = os.waitpid(child, 0)
    if ended or not os.WIFSIGNALED(status):
        os._exit(os.waitstatus_to_exitcode(status))
"""
_STARTED = "os.execv(sys.executable, [sys.executable, '-m', 'ekiben.serving'])"
_IMPORTED = """
from ekiben.serving import threads
threads.limit(os.environ)
import ekiben.serving.__main__ as pod
import ekiben.serving.server
"""
_FORKED = "signal.signal(signal.SIGTERM, signal.SIG_DFL); os._exit(pod.main())"


def _first_process(prelude: str, server: str) -> dict[str, Any]:
    """Values of pods whose first process starts the server, and starts it again when a signal killed it."""
    program = _SUPERVISED.format(prelude=prelude.strip(), server=server)
    return {"command": ["/usr/bin/python3", "-c", program]}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way.

    Attributes:
        name: Short and fixed; results carry it.
        how: What is different.
        values: Chart values of it.
        replicas: That share the load.
    """

    name: str
    how: str
    values: Mapping[str, Any]
    replicas: int = REPLICAS


ATTEMPTS = (
    Attempt("as-released", "the server is the container's first process", {}),
    Attempt("supervised", "a first process beside it starts it again at once", _first_process("", _STARTED)),
    Attempt(
        "forked",
        "a first process that has imported all of it forks the server, and forks it again",
        _first_process(_IMPORTED, _FORKED),
    ),
    Attempt("six-replicas", "twice the replicas for the same load", {}, 2 * REPLICAS),
)


def run(attempt: Attempt, seed: int, there: Stage) -> Result:
    """Kill the servers of a release that is made like this."""
    scenario = replace(_KILLED, sizes={**_KILLED.sizes, "replicas": attempt.replicas})
    return replace(suite.run_part(scenario, 0, seed, there), target=f"{PREFIX}{attempt.name}")


def killed(run: Run) -> None:
    """SIGKILL the server of one pod after the other, whatever brings it back."""
    count = run.size("replicas")
    run.stage.calm(stage.with_environment(run.stage.first, EKIBEN_SCALE__MIN_REPLICAS=str(count)), count)
    asked = questions.draw(run.stage.models, run.draw)
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"]) as sent,
    ):
        sent.hold(3)
        for victim in seen.now.staying:
            os.kill(processes.of(victim.container)[-1], signal.SIGKILL)
            time.sleep(run.sizes["apart_seconds"])
        restarts = sum(each.restarts for each in seen.now.pods)
    run.count(sent.tally)
    lost, calls = sent.tally.failed, sent.tally.calls
    share = 1 - len(lost) / len(calls)
    run.notes |= {
        "lost": sent.tally.why(sent.began),
        "lost for each kill": f"{len(lost) / count:.1f}",
        "kills": str(count),
        "containers restarted": str(restarts),
    }
    run.check("99.9 % are answered without a retry", share >= 0.999, f"{share:.3%}", figure=True)
    run.on_time(sent.tally)


_KILLED = Scenario(
    name="kill-attempt",
    action="kill -9 of each pod's server",
    load="100 requests/s",
    passes="99.9 % without a retry",
    sizes={"rate": 100, "apart_seconds": 20},
    minutes=2,
    act=killed,
)


def table(found: Sequence[Result]) -> Iterator[str]:
    """Each way, and what all runs of it with the newest code lost."""
    yield "| what was tried | how | kills | lost for each | answered without a retry | containers restarted |"
    yield "|---|---|---|---|---|---|"
    for each in ATTEMPTS:
        of_it = [one for one in found if one.target == f"{PREFIX}{each.name}" and one.verdict != "not tested"]
        of_it = [one for one in of_it if "kills" in one.notes and one.code == of_it[-1].code]
        yield f"| {each.name} | {each.how} | {_cells(of_it)} |"


def _cells(parts: Sequence[Result]) -> str:
    if not parts:
        return "not run | | |"
    kills = sum(int(one.notes["kills"]) for one in parts)
    lost = sum(float(one.notes["lost for each kill"]) * int(one.notes["kills"]) for one in parts)
    answered = 1 - lost / sum(one.number for one in parts)
    restarted = sum(int(one.notes["containers restarted"]) for one in parts)
    return f"{kills} | {lost / kills:.1f} | {answered:.2%} | {restarted}"
