from __future__ import annotations

import json
from pathlib import Path

import pytest

from ekiben.clients import command
from ekiben.ground import node
from ekiben.ground.component import Component
from ekiben.ground.node import Running, Supervisor


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names in the order in which they were started; process ids count from 101."""
    names: list[str] = []

    def start(argv: tuple[str, ...], **_rest: object) -> int:
        names.append(argv[0])
        return 100 + len(names)

    monkeypatch.setattr(command, "start", start)
    return names


def _supervisor(folder: Path, *declared: Component) -> Supervisor:
    return Supervisor({each.name: Running(each) for each in declared}, folder, folder / "components.json")


def test_a_component_starts_when_those_before_it_answered(tmp_path: Path, started: list[str]) -> None:
    """One that runs once counts when it ended well, not when it began."""
    images = Component("images", ("images",), once=True)
    supervisor = _supervisor(tmp_path, images, Component("kubelet", ("kubelet",), after=("images",)))
    supervisor.tick(0.0)
    supervisor.tick(0.1)
    assert started == ["images"]
    supervisor.ended(101, 0, 0.2)
    supervisor.tick(0.3)
    assert started == ["images", "kubelet"]
    assert supervisor.tick(0.4) is True


def test_what_ends_is_started_again_after_a_growing_pause(tmp_path: Path, started: list[str]) -> None:
    """A component that cannot run does not spin: the pause doubles up to 10 s."""
    supervisor = _supervisor(tmp_path, Component("etcd", ("etcd",)))
    now, pauses = 0.0, []
    for _ in range(8):
        began = now
        while supervisor.running["etcd"].pid == 0:
            supervisor.tick(now)
            now += 0.125
        pauses.append(now - began)
        supervisor.ended(supervisor.running["etcd"].pid, 1, now)
    assert len(started) == 8
    assert pauses[1] < pauses[2] < pauses[4]
    assert max(pauses) == pytest.approx(10.0, abs=0.25)
    assert supervisor.running["etcd"].restarts == 8


def test_a_long_life_makes_the_pause_short_again(tmp_path: Path, started: list[str]) -> None:
    """A crash after an hour is news, not a crash loop."""
    supervisor = _supervisor(tmp_path, Component("etcd", ("etcd",)))
    supervisor.running["etcd"].pause = 10.0
    supervisor.tick(0.0)
    supervisor.ended(101, 1, 3600.0)
    assert supervisor.running["etcd"].next == pytest.approx(3600.5)
    assert started == ["etcd"]


def test_an_orphan_of_a_pod_is_nobodys_end(tmp_path: Path, started: list[str]) -> None:
    """Process 1 reaps everything; only its own components count."""
    supervisor = _supervisor(tmp_path, Component("etcd", ("etcd",)))
    supervisor.tick(0.0)
    supervisor.ended(9999, 137, 1.0)
    supervisor.tick(2.0)
    assert supervisor.running["etcd"].pid == 101
    assert started == ["etcd"]


def test_what_status_reads_is_always_whole(tmp_path: Path, started: list[str]) -> None:
    """The report is replaced, never written in place."""
    supervisor = _supervisor(tmp_path, Component("etcd", ("etcd",)))
    supervisor.tick(0.0)
    supervisor.tick(0.1)
    rows = json.loads((tmp_path / "components.json").read_text())
    assert rows == {"etcd": {"running": True, "answered": True, "restarts": 0, "status": None, "once": False}}
    assert [path.name for path in tmp_path.iterdir()] == ["components.json"]
    assert started


def test_process_1_loads_no_heavy_library() -> None:
    """It lives as long as the cluster: certificates, YAML and models stay out."""
    probe = (
        "import sys, ekiben.ground.node, ekiben.ground.keeper;"
        "print([m for m in ('yaml', 'cryptography', 'pydantic', 'numpy', 'kubernetes') if m in sys.modules])"
    )
    source = str(Path(node.__file__).parents[2])
    import sys

    done = command.run([sys.executable, "-c", probe], env={"PYTHONPATH": source})
    assert done.stdout.strip() == "[]"
