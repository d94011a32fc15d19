"""Releases under load: to another version, to what cannot serve, back."""

from __future__ import annotations

import datetime as dt
import subprocess
import time
from typing import TYPE_CHECKING

from tests.torture.cluster import load, questions, stage
from tests.torture.cluster.load import sending
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.stage import BAD, RELEASE, REPLICAS
from tests.torture.cluster.watch import Seen, watching

if TYPE_CHECKING:
    from tests.e2e.rig import Project
    from tests.torture.cluster.load import Tally
    from tests.torture.cluster.watch import Watch

ROLLED_BACK = 7
AS_CALM = "p99 is at most twice that of calm"
_BACK_SECONDS = 60
_AFTER_SECONDS = 3.0  # of load once all is calm again


def rolling_update(run: Run) -> None:
    """From the version that serves to the other."""
    old = run.stage.calm()
    new = run.stage.other(old)
    asked = questions.draw(run.stage.models, run.draw)
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"]) as sent,
    ):
        sent.hold(run.sizes["calm_seconds"])
        began = time.monotonic()
        done = run.stage.release(new)
        took = time.monotonic() - began
        seen.settled(REPLICAS, run.stage.version(new))
        alone = time.monotonic()
        time.sleep(_AFTER_SECONDS)
        sent.hold(run.sizes["seconds"])
    run.stage.keep(new if done.returncode == 0 else None)
    run.check("the release was verified", done.returncode == 0, _said(done, took))
    run.none_failed(sent.tally)
    after = sent.tally.between(alone, alone + 1e6).versions()
    run.check("the new version alone answers at the end", set(after) == {run.stage.version(new)}, dict(after))
    run.check("both versions answered", len(sent.tally.versions()) == 2, dict(sent.tally.versions()))
    _never_fewer(run, seen, REPLICAS)
    _as_calm(run, sent.tally, began, alone)


def _said(done: subprocess.CompletedProcess[str], took: float) -> str:
    """Its last words if it failed, or how long it took."""
    return f"after {took:.1f} s" if done.returncode == 0 else done.stderr[-500:]


def _never_fewer(run: Run, seen: Watch, replicas: int) -> None:
    fewest = seen.fewest()
    run.check(f"never fewer than {replicas} pods were ready", fewest >= replicas, fewest)


def _as_calm(run: Run, tally: Tally, began: float, ended: float) -> None:
    """Compare latency while something happens with that before."""
    calm, during = tally.between(0, began), tally.between(began, ended)
    before, found = (load.quantile(each.calls, 0.99) * 1e3 for each in (calm, during))
    run.check(
        AS_CALM, found <= 2 * before, f"{found:.1f} ms, calm {before:.1f} ms",
        figure=True,
    )  # fmt: skip


def rollback(run: Run) -> None:
    """From a release that cannot serve, by itself; or from the other version, by `ekiben rollback`."""
    kinds = (*BAD, "rollback")
    kind = kinds[run.part % len(kinds)]
    run.notes["kind"] = kind
    if kind == "rollback":
        _asked_for(run)
    else:
        _by_itself(run, run.stage.bad(BAD[run.part % len(kinds)]))


def _by_itself(run: Run, bad: Project) -> None:
    """Release what cannot serve: it undoes itself, and the version before is never gone."""
    good = run.stage.calm(run.stage.first)
    version = run.stage.version(good)
    before = _revision(run)[0]
    asked = questions.draw(run.stage.models, run.draw)
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"]) as sent,
    ):
        sent.hold(5)
        done = run.stage.release(bad)
        seen.settled(REPLICAS, version)
        time.sleep(_AFTER_SECONDS)
        sent.hold(run.sizes["seconds"])
    run.stage.keep(good if done.returncode == ROLLED_BACK else None)
    run.check(
        "it ended as rolled back", done.returncode == ROLLED_BACK, f"{done.returncode}: {done.stderr[-300:]}"
    )
    run.none_failed(sent.tally)
    run.check(
        "the version before alone answered",
        set(sent.tally.versions()) == {version},
        dict(sent.tally.versions()),
    )
    _never_fewer(run, seen, REPLICAS)
    number, undone = _revision(run)
    run.check("a revision was made and one more undid it", number == before + 2, f"{before} to {number}")
    _back(run, seen, undone, version)


def _asked_for(run: Run) -> None:
    """`ekiben rollback` from a version that serves."""
    run.stage.calm(run.stage.first)
    run.stage.calm(run.stage.second)
    version = run.stage.version(run.stage.first)
    asked = questions.draw(run.stage.models, run.draw)
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"]) as sent,
    ):
        sent.hold(5)
        began = time.monotonic()
        run.stage.keep(None)
        done = run.stage.first.run("rollback", RELEASE)
        seen.settled(REPLICAS, version)
        time.sleep(_AFTER_SECONDS)
        sent.hold(run.sizes["seconds"])
    run.stage.keep(run.stage.first if done.returncode == 0 else None)
    run.check("the rollback was verified", done.returncode == 0, _said(done, time.monotonic() - began))
    run.none_failed(sent.tally)
    _never_fewer(run, seen, REPLICAS)
    _back(run, seen, began, version)


def _back(run: Run, seen: Watch, since: float, version: str) -> None:
    """How long it took until the version was everywhere again."""

    def everywhere(look: Seen) -> bool:
        return look.ready >= REPLICAS and {each.version for each in look.staying} == {version}

    found = seen.first(everywhere, since)
    took = None if found is None else found - since
    run.check(
        f"the old version everywhere within {_BACK_SECONDS} s",
        took is not None and took <= _BACK_SECONDS,
        "never" if took is None else f"after {took:.1f} s",
    )


def _revision(run: Run) -> tuple[int, float]:
    """Number of Helm's newest revision, and the monotonic second in which it was made."""
    where = ("-n", run.stage.namespace, "-l", f"owner=helm,name={RELEASE}")
    found = [each["metadata"] for each in run.stage.rig.get("secrets", *where)["items"]]
    newest = max(found, key=lambda each: int(each["labels"]["version"]))
    made = dt.datetime.fromisoformat(newest["creationTimestamp"]).timestamp()
    return int(newest["labels"]["version"]), made - time.time() + time.monotonic()


def slow_start(run: Run) -> None:
    """To pods whose server comes up 30 s later, and back."""
    old = run.stage.calm()
    program = (
        f"import runpy, time; time.sleep({run.size('slow_seconds')}); "
        "runpy.run_module('ekiben.serving', run_name='__main__')"
    )
    slow = stage.with_values(
        run.stage.other(old),
        {"command": ["/usr/bin/python3", "-c", program]},
        EKIBEN_RELEASE__TIMEOUT_SECONDS="400",
    )
    asked = questions.draw(run.stage.models, run.draw)
    with (
        watching(run.stage.rig, run.stage.namespace) as seen,
        sending(run.stage.address(), asked, run.sizes["rate"]) as sent,
    ):
        sent.hold(5)
        began = time.monotonic()
        done = run.stage.release(slow)
        took = time.monotonic() - began
        seen.settled(REPLICAS, run.stage.version(slow))
        time.sleep(_AFTER_SECONDS)
        restarts = max(each.restarts for look in seen.looks for each in look.pods)
    run.stage.calm(run.stage.other(old))
    run.check("the release was verified", done.returncode == 0, _said(done, took))
    run.none_failed(sent.tally)
    run.check("the delay took effect", took >= REPLICAS * run.sizes["slow_seconds"], f"{took:.1f} s")
    run.check("no container was restarted", restarts == 0, restarts)
    _never_fewer(run, seen, REPLICAS)


ROLLING_UPDATE = Scenario(
    name="rolling-update",
    action="`ekiben release` of the other of two versions",
    load="100 requests/s, half of them on new connections",
    passes="0 failed, each answer that of the version it names; p99 <= 2 x calm; never fewer pods ready",
    sizes={"rate": 100, "calm_seconds": 15, "seconds": 62},
    parts=10,
    minutes=13,
    act=rolling_update,
)
ROLLBACK = Scenario(
    name="rollback",
    action="a crash-looping, a never-ready, a wrongly signed release undo themselves; `ekiben rollback`",
    load="100 requests/s",
    passes="0 failed; the old version everywhere within 60 s",
    sizes={"rate": 100, "seconds": 45},
    parts=10,
    minutes=16,
    act=rollback,
)
SLOW_START = Scenario(
    name="slow-start",
    action="a release whose servers come up 30 s later",
    load="100 requests/s",
    passes="0 failed, no container restarted",
    sizes={"rate": 100, "slow_seconds": 30},
    minutes=4,
    act=slow_start,
)
