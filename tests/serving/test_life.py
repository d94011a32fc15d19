from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
from tests.serving.pod import HOST, JSON, Pod, running, starting

ROW = b"[5.1, 3.5, 1.4, 0.2]"
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HALF = HEAD + b"Content-Length: 20\r\n\r\n[5.1, 3.5"


class Load:
    """Threads that ask and check; some on new connections, some on kept ones."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.failed: list[str] = []
        # When each was sent and answered, and whether the answer closed its connection.
        self.answered: list[tuple[float, float, bool]] = []
        self.stop = threading.Event()
        self.threads = [
            threading.Thread(target=each) for each in (self._fresh, self._fresh, self._kept, self._kept)
        ]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, connection: http.client.HTTPConnection) -> bool:
        sent = time.monotonic()
        connection.request("POST", "/predict", ROW, JSON)
        response = connection.getresponse()
        answer = json.loads(response.read())
        if (response.status, answer.get("prediction")) != (200, 0):
            self.failed.append(f"{response.status} {answer}")
        closing = response.headers.get("connection") == "close"
        self.answered.append((sent, time.monotonic(), closing))
        return closing

    def _fresh(self) -> None:
        while not self.stop.is_set():
            self._guarded(lambda: self._once(http.client.HTTPConnection(HOST, self.pod.port, timeout=5)))

    def _once(self, connection: http.client.HTTPConnection) -> None:
        with contextlib.closing(connection):
            self._ask(connection)

    def _kept(self) -> None:
        while not self.stop.is_set():
            with contextlib.closing(http.client.HTTPConnection(HOST, self.pod.port, timeout=5)) as connection:
                self._guarded(lambda connection=connection: self._until_closed(connection))  # type: ignore[misc]

    def _until_closed(self, connection: http.client.HTTPConnection) -> None:
        while not self.stop.is_set() and not self._ask(connection):
            pass

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(repr(error))
            time.sleep(0.01)


def refused(pod: Pod) -> bool:
    """Whether the pod no longer accepts connections."""
    try:
        pod.connect().close()
    except OSError:
        return True
    return False


def test_a_drain_loses_nothing(artefact: Path, tmp_path: Path) -> None:
    """Under load, on old and new connections, no request is lost, and answers after SIGTERM say close."""
    # Connections must not end of age before the drain.
    with running(artefact, tmp_path, EKIBEN_DRAIN_SECONDS="1", EKIBEN_CONNECTION_REQUESTS="1000000") as pod:
        with Load(pod) as load:
            time.sleep(0.5)
            pod.process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            time.sleep(0.8)
            assert pod.request("GET", "/readyz").status == 200
        assert pod.process.wait(timeout=10) == 0
        took = time.monotonic() - told
    assert load.failed == []
    assert not any(closing for _, received, closing in load.answered if received < told)
    first = min(received for _, received, closing in load.answered if closing)
    late = [closing for sent, _, closing in load.answered if sent > first]
    assert len(late) > 10
    assert all(late)
    assert 1.7 < took < 5  # at least a second of quiet after the load


def test_a_drain_ends_though_callers_do_not(artefact: Path, tmp_path: Path) -> None:
    """A load that never stops cannot keep a pod: it goes after twice its drain, having answered till then."""
    with running(artefact, tmp_path, EKIBEN_DRAIN_SECONDS="0.6") as pod:
        with Load(pod) as load:
            pod.process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            assert pod.process.wait(timeout=10) == 0
            took = time.monotonic() - told
        assert 1.1 < took < 8
        # What the kernel had accepted when the port was closed is reset; nothing was half answered.
        assert {error.split("(")[0] for error in load.failed} <= {
            "ConnectionRefusedError",
            "ConnectionResetError",
        }
        assert max(received for _, received, _ in load.answered) - told > 0.8


def test_what_is_in_flight_is_finished(artefact: Path, tmp_path: Path) -> None:
    """A request whose body is still coming is answered after the pod stopped accepting."""
    with running(artefact, tmp_path, EKIBEN_DRAIN_SECONDS="0.2") as pod, pod.connect() as connection:
        connection.sendall(HALF)
        time.sleep(0.2)
        pod.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 10
        while not refused(pod):
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(0.7)  # beyond the moment that connections get after the port was closed
        assert pod.process.poll() is None
        connection.sendall(b", 1.4, 0.2]")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert pod.process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("signals", "status"), [([signal.SIGTERM, signal.SIGTERM], 0), ([signal.SIGINT], 130)]
)
def test_a_drain_can_be_hurried(
    artefact: Path, tmp_path: Path, signals: list[signal.Signals], status: int
) -> None:
    """A second SIGTERM, or an interrupt, ends the wait but not what is in flight."""
    with running(artefact, tmp_path, EKIBEN_DRAIN_SECONDS="30") as pod, pod.connect() as connection:
        connection.sendall(HALF)
        time.sleep(0.2)
        for each in signals:
            pod.process.send_signal(each)
            time.sleep(0.3)
        connection.sendall(b", 1.4, 0.2]")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert pod.process.wait(timeout=10) == status


def test_a_pod_that_is_loading_says_so_and_can_be_stopped(artefact: Path, tmp_path: Path) -> None:
    """Before it is ready a pod is alive, refuses predictions with Retry-After, and ends at once."""
    with starting(artefact, tmp_path, EKIBEN_DRAIN_SECONDS="30") as pod:
        end = time.monotonic() + 20
        while refused(pod):
            assert time.monotonic() < end
            time.sleep(0.01)
        alive = pod.request("GET", "/livez")
        ready, early = pod.request("GET", "/readyz"), pod.predict(ROW)
        pod.process.send_signal(signal.SIGTERM)
        assert pod.process.wait(timeout=10) == 0
    assert alive.status == 200
    assert (ready.status, ready.json["status"], ready.headers["retry-after"]) == (503, "starting", "1")
    assert (early.status, early.headers["retry-after"]) == (503, "1")


def test_a_port_that_is_taken(artefact: Path, tmp_path: Path) -> None:
    """The message names the port, and the process ends as configuration errors do."""
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        with starting(artefact, tmp_path, EKIBEN_METRICS_PORT=str(taken)) as pod:
            assert pod.process.wait(timeout=20) == 2
            assert f"port {taken}" in pod.log.read_text()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("EKIBEN_DRAIN_SECONDS", "soon"), ("EKIBEN_HTTP_PORT", "70000"), ("EKIBEN_ARTEFACT", "/nowhere")],
)
def test_wrong_settings(artefact: Path, tmp_path: Path, variable: str, value: str) -> None:
    """A wrong setting ends the process with 2 and is named, in the log and where the kubelet looks."""
    (tmp_path / "termination-log").touch()
    with starting(artefact, tmp_path, **{variable: value}) as pod:
        assert pod.process.wait(timeout=20) == 2
        assert value in pod.log.read_text()
    assert value in (tmp_path / "termination-log").read_text()


def test_answers_that_were_on_their_way_say_close_too(artefact: Path, tmp_path: Path) -> None:
    """A request that began before SIGTERM and is answered after it ends its connection."""
    with running(artefact, tmp_path, EKIBEN_DRAIN_SECONDS="5") as pod, pod.connect() as connection:
        connection.sendall(HALF)
        time.sleep(0.2)
        pod.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        connection.sendall(b", 1.4, 0.2]")
        assert b"connection: close" in connection.recv(65536)
        pod.process.send_signal(signal.SIGTERM)
        assert pod.process.wait(timeout=10) == 0
