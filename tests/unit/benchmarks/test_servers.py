"""A real server on the loopback: pinned, checked, stopped, ended."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from benchmarks import servers
from benchmarks.arms import ECHO, Arm
from benchmarks.credentials import Credentials
from benchmarks.models import Prepared
from benchmarks.place import Launch, Place, free_port
from benchmarks.servers import Server

from ekiben.errors import AcceptanceError, ToolError

ROOT = Path(__file__).parents[3]
FEATURES = np.array([[5.1, 3.5], [1.4, 0.2]])


class Doubling:
    """What an echo never answers."""

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return 2 * rows[:, 0]


def zombie(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def place(folder: Path) -> Place:
    model = Prepared("model", folder, folder, FEATURES, Doubling())
    return Place(Path(sys.executable), free_port(), model, folder, folder, Credentials(folder, "", ""))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The echo, in this test's own Python."""
    with servers.running(ECHO, place(tmp_path)) as found:
        found.wait_ready()
        yield found


def test_a_server_has_one_core_and_answers(server: Server) -> None:
    """It is pinned to CPU 0, and what it echoes is what was sent."""
    assert [process.cpu_affinity() for process in server.tree.processes()] == [[servers.CPU]]
    server.check([FEATURES, FEATURES[:1]])
    assert server.tree.memory_bytes() > 1 << 20


def test_a_wrong_answer_is_no_figure(server: Server) -> None:
    """An arm that claims to predict is compared with the estimator."""
    liar = dataclasses.replace(server, arm=dataclasses.replace(ECHO, engine="scikit-learn"))
    with pytest.raises(AcceptanceError, match="otherwise than scikit-learn"):
        liar.check([FEATURES])


def test_a_paused_server_takes_nothing_and_goes_on(server: Server) -> None:
    """It is stopped until its turn, and then answers as before."""
    server.tree.pause()
    assert {process.status() for process in server.tree.processes()} == {psutil.STATUS_STOPPED}
    before = server.tree.cpu_seconds()
    server.tree.resume()
    server.check([FEATURES])
    assert server.tree.cpu_seconds() >= before


def test_nothing_is_left_of_a_server(tmp_path: Path) -> None:
    """The whole tree ends with the block, also a process that left its parent's session."""
    script = "setsid sleep 60 & sleep 60 & wait"  # one of them in a session of its own
    tree: Arm = dataclasses.replace(ECHO, launch=lambda _: Launch(("sh", "-c", script), {}))
    with servers.running(tree, place(tmp_path)) as found:
        while len(found.tree.processes()) < 3:
            assert found.process.poll() is None
        pids = [process.pid for process in found.tree.processes()]
        found.tree.pause()
    assert [pid for pid in pids if psutil.pid_exists(pid) and not zombie(pid)] == []


def test_a_server_that_ends_says_why(tmp_path: Path) -> None:
    """The error carries its status and the end of what it printed."""
    broken: Arm = dataclasses.replace(
        ECHO, launch=lambda _: Launch(("sh", "-c", "echo no model >&2; exit 3"), {})
    )
    with (
        servers.running(broken, place(tmp_path)) as found,
        pytest.raises(ToolError, match="ended with 3") as error,
    ):
        found.wait_ready()
    assert "no model" in error.value.last_lines


def test_a_killed_run_leaves_no_server(tmp_path: Path) -> None:
    """Also one that had no time to end its servers, which may be stopped just then."""
    program = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_servers import ECHO, place, servers
with servers.running(ECHO, place(Path({str(tmp_path)!r}))) as found:
    found.wait_ready()
    found.tree.pause()
    print(found.process.pid, flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
        run.kill()
    end = time.monotonic() + 5
    while psutil.pid_exists(pid) and not zombie(pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert not psutil.pid_exists(pid) or zombie(pid)
