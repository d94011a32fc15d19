"""A local cluster killed at random moments, repaired, taken down: the machine must be as before.

Needs root and the built programs (`ekiben cluster up` once). Takes minutes. The seed is
printed; `EKIBEN_TORTURE_SEED` repeats a run, `EKIBEN_TORTURE_KILLS` makes it longer.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.torture import machine

from ekiben.ground import cgroups, life
from ekiben.ground.layout import Layout

NAME = "torture"
KILLS = int(os.environ.get("EKIBEN_TORTURE_KILLS", "5"))
UP_SECONDS = 300.0
LONGEST_LIFE_SECONDS = 16.0  # a warm `up` takes about as long: kills fall into every phase


def _ekiben(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ekiben", *arguments]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _ekiben(*arguments), capture_output=True, text=True, timeout=UP_SECONDS, check=False
    )


@pytest.fixture
def layout() -> Iterator[Layout]:
    """The cluster's place; it is taken down whatever happens."""
    if os.geteuid() != 0:
        pytest.fail("the torture of the ground needs root", pytrace=False)
    assert _run("cluster", "down", "--name", NAME).returncode == 0
    yield Layout.of(NAME)
    _run("cluster", "down", "--name", NAME)


def _kill_midway(layout: Layout, chance: random.Random) -> str:
    """Start `up`, kill its whole process group at a random moment; sometimes also everything of the node."""
    wait = chance.uniform(0.2, LONGEST_LIFE_SECONDS)
    node_too = chance.random() < 0.75
    with subprocess.Popen(
        _ekiben("cluster", "up", "--name", NAME),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        time.sleep(wait)
        ended = process.poll() is not None
        if not ended:
            os.killpg(process.pid, signal.SIGKILL)
    if node_too:
        for pid in cgroups.processes(layout.cgroup, cgroups.mounted()):
            with contextlib.suppress(ProcessLookupError):  # process 1 was first: the kernel did the rest
                os.kill(pid, signal.SIGKILL)
    return f"killed after {wait:.1f} s, with the node: {node_too}, had ended: {ended}"


def _serves(layout: Layout) -> None:
    """The API, DNS and the metrics are there, and Prometheus scrapes them."""
    record = life.recorded(layout)
    assert record is not None
    kubectl = [str(record.binaries / "kubectl"), f"--kubeconfig={layout.kubeconfig}"]
    pods = subprocess.run(
        [*kubectl, "get", "pods", "-A", "-o", "json"], capture_output=True, text=True, check=True
    )
    assert len(json.loads(pods.stdout)["items"]) >= 2
    subprocess.run([*kubectl, "top", "node"], capture_output=True, check=True)
    url = f"http://{record.addresses.node}:9090/api/v1/query?query=up"
    deadline = time.monotonic() + 60
    while True:
        with urllib.request.urlopen(url, timeout=5) as answer:
            rows = json.load(answer)["data"]["result"]
        down = [row["metric"] for row in rows if row["value"][1] != "1"]
        if len(rows) >= 6 and not down:
            return
        assert time.monotonic() < deadline, down
        time.sleep(0.5)


def _unchanged(before: dict[str, set[str]], layout: Layout) -> None:
    """The machine is as before; the kernel frees dead processes and networks in its own time."""
    deadline = time.monotonic() + 20
    while found := machine.differences(before, machine.snapshot(layout)):
        assert time.monotonic() < deadline, "\n".join(found)
        time.sleep(0.5)


def test_a_cluster_killed_at_random_is_repaired_and_leaves_no_trace(layout: Layout) -> None:
    """Whenever `up` dies, the next `up` completes, and `down` leaves the machine as it was."""
    seed = int(os.environ.get("EKIBEN_TORTURE_SEED") or random.SystemRandom().randrange(2**32))
    chance = random.Random(seed)  # noqa: S311
    _say(f"seed {seed}")
    before = machine.snapshot(layout)
    for _ in range(KILLS):
        _say(_kill_midway(layout, chance))
    began = time.monotonic()
    up = _run("cluster", "up", "--name", NAME)
    assert up.returncode == 0, up.stderr
    _say(f"repaired in {time.monotonic() - began:.1f} s")
    _serves(layout)
    again = _run("cluster", "up", "--name", NAME)
    assert again.returncode == 0, again.stderr
    down = _run("cluster", "down", "--name", NAME)
    assert down.returncode == 0, down.stderr
    _unchanged(before, layout)


@pytest.mark.parametrize("phase", ["kube-apiserver", "kubelet", "manifests"])
def test_down_cleans_a_cluster_killed_while_a_component_starts(layout: Layout, phase: str) -> None:
    """`down` alone, without a repair before it, is enough."""
    before = machine.snapshot(layout)
    with subprocess.Popen(
        _ekiben("cluster", "up", "--name", NAME), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + UP_SECONDS
        while phase not in life.components(layout) or not (layout.logs / f"{phase}.log").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
    assert _run("cluster", "down", "--name", NAME).returncode == 0
    _unchanged(before, layout)
    assert not layout.folder.exists()


@pytest.mark.parametrize("where", ["another name", "another copy"])
def test_two_clusters_run_side_by_side(
    layout: Layout, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another name, or the same name of another copy: started at once, one's end spares the other."""
    ours = os.environ.get("EKIBEN_STATE", "")
    theirs = ours if where == "another name" else str(tmp_path / "state")
    other = f"{NAME}-two" if where == "another name" else NAME

    def down(state: str, name: str) -> int:
        with run(state, "down", "--name", name) as process:
            process.communicate(timeout=60)
            return process.returncode

    def run(state: str, *arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "EKIBEN_STATE": state}
        return subprocess.Popen(
            _ekiben("cluster", *arguments), text=True, stderr=subprocess.PIPE, env=environment
        )

    try:
        both = [run(ours, "up", "--name", NAME), run(theirs, "up", "--name", other)]
        said = [process.communicate(timeout=UP_SECONDS)[1] for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        first = life.recorded(layout)
        assert down(ours, NAME) == 0
        monkeypatch.setenv("EKIBEN_STATE", theirs)
        second = life.recorded(Layout.of(other))
        assert first is not None
        assert second is not None
        assert first.addresses.index != second.addresses.index
        assert life.alive(Layout.of(other))
        _serves(Layout.of(other))
    finally:
        assert down(theirs, other) == 0
    assert not Layout.of(other).folder.exists()
