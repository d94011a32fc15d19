"""A signed and encrypted model under load: both of its keys change, and the old ones are worth nothing."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e import teams
from tests.torture.cluster import ends, questions, stage
from tests.torture.cluster.load import sending
from tests.torture.cluster.rollouts import ROLLED_BACK
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.stage import RELEASE, REPLICAS
from tests.torture.cluster.watch import Watch, watching

if TYPE_CHECKING:
    from tests.e2e.rig import Project

_REFUSED_SECONDS = 60.0
_NAMES = ("first", "second")


def rotation(run: Run) -> None:
    """Two keys of each kind, then the new ones alone; what the old ones sealed is refused."""
    rig, namespace = run.stage.rig, f"{run.stage.namespace}-seals"
    place = run.stage.folder / "seals"
    first, second = (teams.team(place / "keys" / name, name) for name in _NAMES)
    old, new = (
        _project(run, namespace, place / one.name, one.environment(*believed))
        for one, believed in ((first, ()), (second, (first, second)))
    )
    built = {one.root: stage.built(one) for one in (old, new)}
    models = {str(one["tag"]).partition(":")[2]: Path(one["folder"]) for one in built.values()}
    if not rig.kubectl("get", "namespace", namespace, "--ignore-not-found").strip():
        rig.kubectl("create", "namespace", namespace)
    teams.store(rig, namespace, first)
    old.ekiben("release", RELEASE)
    asked = questions.draw(models, run.draw)
    address = (str(rig.get("service", RELEASE, "-n", namespace)["spec"]["clusterIP"]), 80)
    with watching(rig, namespace) as seen, sending(address, asked, run.sizes["rate"]) as sent:
        sent.hold(5)
        teams.store(rig, namespace, first, second)
        _released(run, new, "with both keys of each kind")
        teams.store(rig, namespace, second)
        alone = stage.with_environment(new, **second.environment())
        _released(run, alone, "with the new keys alone")
        _refused(run, stage.with_environment(old, **second.policy(), EKIBEN_RELEASE__TIMEOUT_SECONDS="40"))
        _replaced(run, seen, namespace)
        sent.hold(run.sizes["seconds"])
    run.none_failed(sent.tally)
    rig.kubectl("delete", "namespace", namespace, "--wait=false")


def _project(run: Run, namespace: str, root: Path, seal: dict[str, str]) -> Project:
    """The first version's project, with a store of its own: a signature lies beside the stored model."""
    environment = {
        **run.stage.first.environment,
        **seal,
        "BENTOML_HOME": str(root.parent / f"{root.name}-home"),
    }
    return stage.kept(root, run.stage.rig, namespace, environment)


def _released(run: Run, project: Project, how: str) -> None:
    done = project.run("release", RELEASE)
    run.check(f"a release {how} was verified", done.returncode == 0, done.stderr[-300:] or "verified")


def _refused(run: Run, slipped: Project) -> None:
    """What the old key signed, released where the new one alone is believed."""
    began = time.monotonic()
    done = slipped.run("release", RELEASE)
    took = time.monotonic() - began
    named = "expected a signature by" in done.stderr
    run.check(
        f"what the old key signed is refused within {_REFUSED_SECONDS:g} s, and undone",
        done.returncode == ROLLED_BACK and named and took <= _REFUSED_SECONDS,
        f"exit status {done.returncode} after {took:.1f} s" + ("" if named else f": {done.stderr[-300:]}"),
    )


def _replaced(run: Run, seen: Watch, namespace: str) -> None:
    """A pod that starts now has the new keys alone."""
    victim = run.draw.choice(sorted(each.name for each in seen.now.staying))
    there = dataclasses.replace(run.stage, namespace=namespace)
    until = time.monotonic() + 60
    while not ends.evicted(there, victim):
        assert time.monotonic() < until, f"{victim} could not be evicted within 60 s"
        time.sleep(0.5)
    took = seen.until(
        lambda look: look.ready >= REPLICAS and victim not in {each.name for each in look.staying},
        90,
        "a pod that has only the new keys",
    )
    run.notes["a pod with the new keys alone"] = f"ready {took:.1f} s after an eviction"


ROTATION = Scenario(
    name="seal-rotation",
    action="the keys that sign and encrypt change: both live, then the new ones alone; a pod is evicted",
    load="100 requests/s",
    passes="0 failed; what the old keys sealed is refused within 60 s; a pod starts with the new keys alone",
    sizes={"rate": 100, "seconds": 60},
    minutes=5,
    act=rotation,
)
