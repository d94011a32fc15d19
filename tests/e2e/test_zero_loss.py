"""Nothing is lost while a release changes, fails, scales and ends: the short form of `make torture-cluster`.

A namespace and models of its own, with the predictor that answers by default.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import time
from collections.abc import Iterator

import pytest
from tests.e2e.rig import Rig
from tests.torture.cluster import ends, load, questions
from tests.torture.cluster.stage import RELEASE, REPLICAS, Stage
from tests.torture.cluster.watch import Watch, watching

pytestmark = pytest.mark.alone
RATE, REQUESTS = 150, 20_000
EVICTIONS, MOST = 2, 5
ROLLED_BACK = 7
SEED = 20261130


@pytest.fixture(scope="module")
def stage(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Two versions of the model, the first of them released."""
    namespace = f"e2e-loss-{secrets.token_hex(3)}"
    found = Stage(rig, namespace, tmp_path_factory.mktemp("stage"))
    found.calm(found.first)
    yield found
    if not os.environ.get("EKIBEN_E2E_KEEP"):
        found.first.ekiben("uninstall", RELEASE, check=False)
        rig.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def test_no_request_is_lost_while_the_release_changes(stage: Stage) -> None:
    """2 rolling updates, 1 release that undoes itself, 2 evictions, 1 scale cycle: 0 of 20,000 fail."""
    asked = questions.draw(stage.models, random.Random(SEED))  # noqa: S311 - seeded
    took: dict[str, float] = {}
    with (
        watching(stage.rig, stage.namespace) as seen,
        load.sending(stage.address(), asked, RATE) as sent,
    ):
        sent.hold(5)
        for act in (_update, _evictions, _cycle, _undone, _update):
            began = time.monotonic()
            act(stage, seen)
            took[f"{act.__name__.strip('_')} {len(took)}"] = round(time.monotonic() - began, 1)
        sent.hold(REQUESTS / RATE + 1)
    tally = sent.tally
    Rig.figures.append(
        {
            "zero_loss_requests": len(tally.calls),
            "failed": tally.why(sent.began),
            "seed": SEED,
            "seconds": took,
            "p99_ms": round(load.quantile(tally.calls, 0.99) * 1e3, 1),
            "sender_late_p99_ms": round(tally.late * 1e3, 1),
            "versions": dict(tally.versions()),
        }
    )
    assert not tally.failed, tally.why(sent.began)
    assert len(tally.calls) >= REQUESTS
    assert set(tally.versions()) == set(stage.models)
    assert seen.fewest() >= REPLICAS - 1  # the disruption budget's
    assert tally.late <= load.LATEST_SECONDS, "invalid run: the sender was late"


def _update(stage: Stage, seen: Watch) -> None:
    serving = stage.serving()
    assert serving is not None
    other = stage.other(serving)
    other.ekiben("release", RELEASE)
    seen.settled(REPLICAS, stage.version(other))


def _undone(stage: Stage, seen: Watch) -> None:
    serving = stage.serving()
    assert serving is not None
    done = stage.bad("crashing").run("release", RELEASE)
    assert done.returncode == ROLLED_BACK, done.stderr
    seen.settled(REPLICAS, stage.version(serving))


def _evictions(stage: Stage, seen: Watch) -> None:
    for victim in seen.now.staying[:EVICTIONS]:
        until = time.monotonic() + 90
        while not ends.evicted(stage, victim.name):
            assert time.monotonic() < until, "an eviction was refused for 90 s"
            time.sleep(0.5)
    seen.settled(REPLICAS)


def _cycle(stage: Stage, seen: Watch) -> None:
    """Up by the HPA's lower bound, down when it falls again."""

    def least(replicas: int) -> None:
        patch = json.dumps({"spec": {"minReplicas": replicas}})
        stage.rig.kubectl("patch", "hpa", RELEASE, "-n", stage.namespace, "-p", patch)

    least(MOST)
    seen.until(lambda look: look.ready == MOST, 90, f"{MOST} ready pods")
    least(REPLICAS)
    seen.settled(REPLICAS)
