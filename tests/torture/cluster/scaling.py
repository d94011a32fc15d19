"""Replicas that come and go under load: by hand, by the HPA, and whoever owns their number."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.torture.cluster import questions, stage
from tests.torture.cluster.load import Tally, sending
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.stage import RELEASE
from tests.torture.cluster.watch import Seen, watching

if TYPE_CHECKING:
    from tests.e2e.rig import Project
    from tests.torture.cluster.load import Sending
    from tests.torture.cluster.watch import Watch

MOST = 5
_PARTS_BY_HAND = 3
FAIR_RATIO = 0.6  # of its share, that a new pod must have
_SHARE_AFTER, _SHARE_SECONDS = 30.0, 15.0
_BY_HAND: Mapping[str, Any] = {"autoscaling": {"enabled": False}, "replicaCount": 1}


def by_hand_or_hpa(run: Run) -> None:
    """1 -> 5 -> 1, by hand or by the HPA."""
    base = run.stage.serving() or run.stage.first
    if run.part >= _PARTS_BY_HAND:
        run.notes["by"] = "the HPA"
        _by_hpa(run, base)
    else:
        run.notes["by"] = "hand"
        _by_hand(run, base)


def _released(run: Run, project: Project, replicas: int) -> None:
    run.stage.calm(project, replicas)


def _by_hand(run: Run, base: Project) -> None:
    settings = {
        "EKIBEN_SCALE__MIN_REPLICAS": "1",
        "EKIBEN_RELEASE__RESOURCES__CPU_REQUEST": f"{run.size('request_millicores')}m",
    }
    _released(run, stage.with_values(base, _BY_HAND, **settings), 1)
    asked = questions.draw(run.stage.models, run.draw)

    def scale(replicas: int) -> None:
        where = ("-n", run.stage.namespace, f"--replicas={replicas}")
        run.stage.rig.kubectl("scale", "deployment", RELEASE, *where)

    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"]) as sent,
    ):
        sent.hold(5)
        scale(MOST)
        seen.until(lambda look: look.ready == MOST, 120, f"{MOST} ready pods")
        full = time.monotonic()
        time.sleep(_SHARE_AFTER + _SHARE_SECONDS + 1)
        scale(1)
        seen.settled(1)
        time.sleep(3)
        sent.hold(run.sizes["seconds"])
    run.none_failed(sent.tally)
    _fair(run, sent, full)


def _by_hpa(run: Run, base: Project) -> None:
    """The load itself makes it scale: a small request, so that a load that this machine can send is much."""
    settings = {
        "EKIBEN_SCALE__MIN_REPLICAS": "1",
        "EKIBEN_SCALE__MAX_REPLICAS": str(MOST),
        "EKIBEN_SCALE__TARGET_CPU_PERCENT": "60",
        "EKIBEN_RELEASE__RESOURCES__CPU_REQUEST": f"{run.size('request_millicores')}m",
    }
    _released(run, stage.with_environment(base, **settings), 1)
    asked = questions.draw(run.stage.models, run.draw)
    address = run.stage.address()
    more: list[Sending] = []
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(address, asked, run.sizes["low"]) as sent,
    ):
        sent.hold(5)
        with sending(address, asked, run.sizes["high"] - run.sizes["low"]) as extra:
            more.append(extra)
            seen.until(lambda look: look.ready == MOST, 240, f"{MOST} ready pods")
            full = time.monotonic()
            time.sleep(_SHARE_AFTER + _SHARE_SECONDS + 1)
        seen.settled(1, seconds=300)
        time.sleep(3)
    tally = Tally([*sent.tally.calls, *more[0].tally.calls])
    run.none_failed(tally)
    sent.tally = tally
    _fair(run, sent, full)


def _fair(run: Run, sent: Sending, full: float) -> None:
    """New pods, together, have their share of the requests of callers that keep their connections.

    A process shows itself by the ids that it makes; the one that answered before the others came is old.
    """
    old = set(sent.tally.between(0, sent.began + 4).servers())
    start = full + _SHARE_AFTER
    found: Counter[str] = sent.tally.between(start, start + _SHARE_SECONDS).servers()
    new = sum(count for server, count in found.items() if server not in old)
    fair = (MOST - 1) / MOST
    ratio = new / max(1, found.total()) / fair
    run.check(
        f"{_SHARE_AFTER:g} s later new pods have {FAIR_RATIO:.0%} of their share on kept connections",
        len(old) == 1 and ratio >= FAIR_RATIO,
        f"{ratio:.0%} ({', '.join(str(count) for _, count in found.most_common())})",
    )


def owner(run: Run) -> None:
    """Autoscaling is switched off, on, and off again, at more replicas than either would begin with."""
    base = run.stage.serving() or run.stage.first
    count = run.size("replicas")
    # The HPA itself may want fewer: not before all is over.
    base = stage.with_environment(base, EKIBEN_SCALE__SCALE_DOWN_WINDOW_SECONDS="600")
    on = stage.with_environment(base, EKIBEN_SCALE__MIN_REPLICAS="2")
    off = stage.with_values(base, {"autoscaling": {"enabled": False}})  # no number: as many as there are
    _released(run, stage.with_environment(base, EKIBEN_SCALE__MIN_REPLICAS=str(count)), count)
    asked = questions.draw(run.stage.models, run.draw)
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"]) as sent,
    ):
        sent.hold(3)
        for each in (off, on, off, on):
            done = run.stage.release(each)
            run.check(
                "the release was verified",
                done.returncode == 0,
                done.stderr[-500:] if done.returncode else "exit 0",
            )
            time.sleep(run.sizes["between_seconds"])
    run.none_failed(sent.tally)
    fewest = seen.fewest()
    run.check(f"never fewer than {count} pods were ready", fewest >= count, fewest)
    wanted = _wanted(seen)
    run.check("no switch ended a pod", wanted, "none ended" if wanted else "pods ended")


def _wanted(seen: Watch) -> bool:
    def ending(look: Seen) -> bool:
        return any(each.ending for each in look.pods)

    return seen.first(ending) is None


CYCLE = Scenario(
    name="scale-cycle",
    action="1 -> 5 -> 1 replicas, three times by hand and twice by the HPA",
    load="150 requests/s; under the HPA 25, 320 and 25",
    passes="0 failed; after 30 s new pods have 60 % of their share of kept connections' requests",
    sizes={"rate": 150, "seconds": 45, "low": 25, "high": 320, "request_millicores": 50},
    parts=5,
    minutes=12,
    act=by_hand_or_hpa,
)
OWNER = Scenario(
    name="autoscaling-switched",
    action="autoscaling is switched off, on, off and on, at 4 replicas",
    load="100 requests/s",
    passes="0 failed; never fewer replicas",
    sizes={"rate": 100, "replicas": 4, "between_seconds": 12},
    minutes=3,
    act=owner,
)
