"""A load from inside the cluster: sent by a pod, counted by the replicas, and nothing of it is left."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.e2e.rig import Project, Rig, counter, wait

OURS = "app.kubernetes.io/name=ekiben-loadtest,app.kubernetes.io/instance=iris"
KINDS = "jobs,pods,configmaps,secrets"
START_SECONDS, GONE_SECONDS = 90, 60
RATE, SECONDS = 20, 20


def _left(project: Project, kinds: str = KINDS) -> list[str]:
    """What there is of a load test, as kubectl names it."""
    return project.rig.kubectl("-n", project.namespace, "get", kinds, "-l", OURS, "-o", "name").split()


def _gone(project: Project) -> None:
    wait(lambda: _left(project) == [], GONE_SECONDS, "job, pod, config map and secret to be gone")


def _running(project: Project) -> dict[str, Any] | None:
    """The load's pod, once it runs."""
    pods = project.rig.get("pods", "-n", project.namespace, "-l", OURS)["items"]
    running = [one for one in pods if one["status"]["phase"] == "Running"]
    return running[0] if running else None


@contextmanager
def _started(project: Project, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A load of 10 minutes whose pod runs, and that pod; it is ended with the block."""
    argv = ("loadtest", "iris", "--in-cluster", "--rate", "5", "--seconds", "600", *options)
    with project.start(*argv) as process:
        try:
            wait(
                lambda: process.poll() is not None or _running(project) is not None,
                START_SECONDS,
                "the load's pod to run",
            )
            found = _running(project)
            assert found is not None, process.stderr.read() if process.stderr else ""
            yield process, found
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def _ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def _predicted(project: Project) -> float:
    return sum(counter(text, "model_predictions_total") for text in project.scrape().values())


def test_a_pod_sends_the_load_and_the_replicas_count_it(project: Project, revision: dict[str, Any]) -> None:
    """Every answer is right, the pods' own counters grew by as many rows, and the replicas were sampled."""
    assert revision["revision"]
    before = _predicted(project)
    found = project.ekiben("loadtest", "iris", "--in-cluster", "--rate", str(RATE), "--seconds", str(SECONDS))
    measured = found["load"]
    assert measured["failed"] == 0, measured["outcomes"]
    assert measured["ok"] == measured["planned"] == measured["sent"]
    assert abs(measured["planned"] - RATE * SECONDS) < 5 * (RATE * SECONDS) ** 0.5  # of a Poisson number
    # `>=`: the release's own rechecks and checks may predict too.
    assert _predicted(project) - before >= measured["ok"]
    assert len(measured["series"]) == SECONDS
    assert found["url"] == project.url()
    assert len(found["samples"]) >= SECONDS - 3
    assert all(sample["ready"] >= 1 for sample in found["samples"])
    Rig.figures.append(
        {"in_cluster_p50_ms": round(measured["latency"]["p50"] * 1e3, 2), "reasons": measured["reasons"]}
    )
    _gone(project)


def test_the_same_load_is_drawn_here_and_there(project: Project, revision: dict[str, Any]) -> None:
    """Same seed, same number of requests in every second, wherever they are sent from."""
    assert revision["revision"]
    argv = ("loadtest", "iris", "--rate", "20", "--seconds", "5", "--seed", "3")
    here, there = (project.ekiben(*argv, *more)["load"] for more in ((), ("--in-cluster",)))
    assert [one["offered"] for one in here["series"]] == [one["offered"] for one in there["series"]]
    assert set(here) == set(there)
    _gone(project)


def test_the_pod_is_the_releases_image_and_none_of_its_replicas(
    project: Project, rig: Rig, image: dict[str, Any], revision: dict[str, Any]
) -> None:
    """Same digest; not behind the Service, not among the replicas; its key in a Secret alone."""
    assert revision["revision"]
    key = f"key-{secrets.token_hex(8)}"
    replicas = len(project.pods())
    guarded = Project(project.root, rig, project.namespace, {**project.environment, "EKIBEN_API_KEY": key})
    with _started(guarded) as (process, pod):
        [status] = pod["status"]["containerStatuses"]
        assert status["imageID"].rpartition("@")[2] == image["image"].rpartition("@")[2]
        slices = rig.get("endpointslices", "-n", project.namespace, "-l", "kubernetes.io/service-name=iris")[
            "items"
        ]
        addresses = {one for each in slices for end in each["endpoints"] for one in end["addresses"]}
        assert addresses
        assert pod["status"]["podIP"] not in addresses
        assert len(project.pods()) == replicas
        objects = rig.get(KINDS, "-n", project.namespace, "-l", OURS)["items"]
        kinds = sorted(one["kind"] for one in objects)
        assert kinds == ["ConfigMap", "Job", "Pod", "Secret"]
        assert key not in json.dumps([one for one in objects if one["kind"] != "Secret"])
        owners = {
            one["kind"]: [owner["kind"] for owner in one["metadata"].get("ownerReferences", ())]
            for one in objects
        }
        assert owners == {"Job": [], "Pod": ["Job"], "ConfigMap": ["Job"], "Secret": ["Job"]}
        # Ctrl-C: nothing is measured, and nothing is left.
        process.send_signal(signal.SIGINT)
        code, out, _ = _ended(process)
    assert (code, out) == (130, "")
    _gone(project)


def test_a_pod_that_is_removed_is_an_error_not_a_number(
    project: Project, rig: Rig, revision: dict[str, Any]
) -> None:
    """Somebody deletes the pod: exit code 4, what happened, what to do; the rest is taken away."""
    assert revision["revision"]
    with _started(project) as (process, pod):
        name = pod["metadata"]["name"]
        rig.kubectl("-n", project.namespace, "delete", "pod", name, "--wait=false")
        code, out, err = _ended(process)
    assert (code, out) == (4, "")
    assert "told to end" in err or "removed" in err
    assert "next:" in err
    _gone(project)


@pytest.mark.parametrize(
    ("hard", "words"), [("count/jobs.batch=0", "making job"), ("pods=0", "the cluster accepts")]
)
def test_a_quota_is_told_in_the_clusters_words(
    project: Project, rig: Rig, revision: dict[str, Any], hard: str, words: str
) -> None:
    """Of Jobs: the Job is refused; of pods: its pod is. Both within seconds, and nothing is left."""
    assert revision["revision"]
    name = f"none-{secrets.token_hex(2)}"
    rig.kubectl("-n", project.namespace, "create", "quota", name, f"--hard={hard}")
    try:
        # The quota's controller must have counted first: until then everything is refused, or nothing.
        wait(
            lambda: "used" in rig.get("quota", name, "-n", project.namespace).get("status", {}),
            START_SECONDS,
            "the quota to be counted",
        )
        done = project.run("loadtest", "iris", "--in-cluster", "--rate", "5", "--seconds", "5")
    finally:
        rig.kubectl("-n", project.namespace, "delete", "quota", name)
    assert (done.returncode, done.stdout) == (4, "")
    assert "exceeded quota" in done.stderr
    assert words in done.stderr
    assert "next:" in done.stderr
    _gone(project)


def test_both_protocols_and_several_senders_go_from_a_pod(project: Project, revision: dict[str, Any]) -> None:
    """Calls of gRPC from two processes of the pod: every answer right, one measurement."""
    assert revision["revision"]
    argv = ("loadtest", "iris", "--in-cluster", "--rate", "20", "--seconds", "5")
    found = project.ekiben(*argv, "--protocol", "grpc", "--senders", "2")
    assert (found["protocol"], found["senders"]) == ("grpc", 2)
    assert (found["load"]["ok"], found["load"]["failed"]) == (found["load"]["planned"], 0)
    _gone(project)
