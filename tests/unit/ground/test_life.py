from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from ekiben.errors import ClusterError, ConfigError
from ekiben.ground import addresses, life
from ekiben.ground.layout import Layout, known
from ekiben.ground.record import Record, dump, parse, write


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("EKIBEN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("EKIBEN_CACHE", str(tmp_path / "cache"))
    found = Layout.of("local")
    found.folder.mkdir(parents=True)
    return found


def _record(name: str, index: int) -> Record:
    here = Path("/x")
    return Record(name, f"ekiben-{name}", addresses.at(index), f"ekiben-{name}", here, here, here)


def test_a_record_survives_its_file(layout: Layout) -> None:
    """What is written is what is read."""
    write(layout.record, dump(_record("local", 5)))
    assert life.recorded(layout) == _record("local", 5)
    assert [path.name for path in layout.folder.iterdir()] == ["cluster.json"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"addresses": {"index": 1}}', '{"name": "lo'])
def test_a_broken_record_is_a_cluster_error_and_counts_as_none(layout: Layout, text: str) -> None:
    """A file cut short by a power cut is said, and repaired like an absent one."""
    with pytest.raises(ClusterError, match="expected the record"):
        parse(text)
    layout.record.write_text(text)
    assert life.recorded(layout) is None


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    """A kubeconfig has mode 0600 from its first byte, also where an older file was open to all."""
    path = tmp_path / "kubeconfig"
    path.write_text("old")
    path.chmod(0o644)
    write(path, "new", mode=0o600)
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_node_lives_as_long_as_a_process_holds_its_lock(layout: Layout) -> None:
    """No process id is believed: the kernel says whether the node is there."""
    assert not life.alive(layout)
    layout.lock.write_text("1")  # process 1 of every machine is alive
    assert not life.alive(layout)
    hold = (
        "import fcntl,sys; f=open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(layout.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert life.alive(layout)
        holder.kill()
    assert not life.alive(layout)


def test_two_commands_cannot_change_one_cluster(layout: Layout) -> None:
    """The second says who has the turn; another cluster's turn is free."""
    with layout.turn.open("w") as other:
        other.write("4711")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ClusterError, match="process 4711"), life.turn(layout):
            pass
        with life.turn(Layout.of("other")):
            pass
    with life.turn(layout):
        pass


def test_another_copys_cluster_of_the_same_name_has_other_groups(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What `down` kills and removes is found by group: it must not be a stranger's."""
    ours = layout.cgroup
    assert ours == layout.cgroup
    monkeypatch.setenv("EKIBEN_STATE", str(tmp_path / "elsewhere"))
    assert Layout.of("local").cgroup != ours
    assert Layout.of("local").cgroup.startswith("ekiben-local-")


def test_one_process_at_a_time_takes_a_subnet() -> None:
    """Across state folders: the second waits, and gives up in the end."""
    with (
        life.choosing(),
        pytest.raises(ClusterError, match="another"),
        life.choosing(within_seconds=0.1),
    ):
        pass
    with life.choosing(within_seconds=1):
        pass


def test_other_clusters_hold_their_places(layout: Layout) -> None:
    """Also a cluster that does not run keeps its subnet; our own does not stand in our way."""
    for name, index in (("local", 0), ("other", 3)):
        Layout.of(name).folder.mkdir(parents=True, exist_ok=True)
        write(Layout.of(name).record, dump(_record(name, index)))
    assert life.reserved(layout) == {3: "other"}
    assert [each.name for each in known()] == ["local", "other"]


@pytest.mark.parametrize("name", ["", "Local", "a/b", "-a", "a-", "a" * 21, "1a", "a.b"])
def test_a_name_that_cannot_be_a_host_name_is_refused(name: str) -> None:
    """It becomes a host name, a context and a control group."""
    with pytest.raises(ConfigError, match="expected a cluster name"):
        Layout.of(name)


def test_a_node_that_was_never_started_has_no_components(layout: Layout) -> None:
    """Neither an absent nor a broken report is a component."""
    assert life.components(layout) == {}
    layout.components.write_text("{")
    assert life.components(layout) == {}
