"""What a release needs or lives beside, taken away or changed under load."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.torture.cluster import questions, stage
from tests.torture.cluster.load import Sending, sending
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.stage import REPLICAS
from tests.torture.cluster.watch import Watch, watching

_DNS = ("-n", "kube-system", "deployment", "coredns")
_NOWHERE = "http://127.0.0.1:9"  # the port `discard`: nothing listens there in a pod


@contextmanager
def loaded(run: Run, restarts: int = 0) -> Iterator[tuple[Watch, Sending]]:
    """Load and looks beside the block, and then: none failed, no container restarted, all pods ready.

    Args:
        run: The part.
        restarts: Of each container before.
    """
    asked = questions.draw(run.stage.models, run.draw)
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"]) as sent,
    ):
        sent.hold(3)
        yield seen, sent
    run.none_failed(sent.tally)
    found = max(each.restarts for look in seen.looks for each in look.pods)
    run.check("no container was restarted", found == restarts, found - restarts)
    fewest = seen.fewest()
    run.check("readiness stayed as it was", fewest >= REPLICAS, f"{fewest} of {REPLICAS} ready")


def api_server(run: Run) -> None:
    """The API server stands still, and then goes on."""
    run.stage.calm()
    server = process_of("kube-apiserver", run.stage.rig.address.context.removeprefix("ekiben-"))
    with loaded(run) as (seen, _):
        blind = seen.blind
        os.kill(server, signal.SIGSTOP)
        try:
            time.sleep(run.sizes["seconds"])
        finally:
            os.kill(server, signal.SIGCONT)
        time.sleep(run.sizes["after_seconds"])
    run.check("the API did not answer meanwhile", seen.blind > blind, f"{seen.blind - blind} looks failed")
    answered = seen.now.at > time.monotonic() - run.sizes["after_seconds"]
    run.check("it answers again", answered, answered)


def process_of(program: str, cluster: str) -> int:
    """Id of a component's process, of this cluster and no other.

    Raises:
        ProcessLookupError: There is none on this machine.
    """
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            group = (folder / "cgroup").read_text(encoding="ascii")
        except OSError:
            continue
        if Path(words[0].decode()).name == program and f"ekiben-{cluster}-" in group:
            return int(folder.name)
    raise ProcessLookupError(f"no {program} of the cluster {cluster} on this machine")


def names(run: Run) -> None:
    """No name is resolved: the DNS servers are gone, and come back."""
    run.stage.calm()
    scale = run.stage.rig.kubectl
    count = run.stage.rig.get(_DNS[2], _DNS[3], *_DNS[:2])["spec"]["replicas"]
    with loaded(run):
        scale("scale", *_DNS, "--replicas=0")
        try:
            time.sleep(run.sizes["seconds"])
        finally:
            scale("scale", *_DNS, f"--replicas={count}")
        time.sleep(run.sizes["after_seconds"])


def collector(run: Run) -> None:
    """Spans are to go to a collector that is not there."""
    base = run.stage.serving() or run.stage.first
    told = stage.with_values(base, {"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": _NOWHERE}})
    run.stage.calm(told)
    with loaded(run):
        time.sleep(run.sizes["seconds"])
    run.stage.calm(base)


def policies(run: Run) -> None:
    """Connections that a NetworkPolicy forbids are refused, and only they."""
    run.not_tested("no agent on this node enforces NetworkPolicy")


def scenario(
    name: str, action: str, act: Callable[[Run], None], *, seconds: float, after: float, minutes: float
) -> Scenario:
    return Scenario(
        name=name,
        action=action,
        load="50 requests/s",
        passes="0 predictions failed; readiness unchanged; no container restarted",
        sizes={"rate": 50, "seconds": seconds, "after_seconds": after},
        minutes=minutes,
        act=act,
    )


SCENARIOS = (
    scenario(
        "api-server-down",
        "the API server stands still for 2 minutes",
        api_server,
        seconds=120,
        after=60,
        minutes=4,
    ),
    scenario("dns-down", "no DNS server for 2 minutes", names, seconds=120, after=10, minutes=3),
    scenario(
        "collector-down",
        "spans go to a collector that is not there, 10 minutes",
        collector,
        seconds=600,
        after=0,
        minutes=12,
    ),
    scenario(
        "network-policy",
        "connections from allowed and forbidden pods",
        policies,
        seconds=0,
        after=0,
        minutes=0,
    ),
)
