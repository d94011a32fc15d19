"""What one pod bears: slow, silent and greedy clients are ended, all others are served."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from tests.serving.pod import HOST, Pod, running, starting
from tests.serving.test_bounds import HEAD, ROW, exchange
from tests.unit.serving.rpc.certificates import issue

from ekiben.serving.metrics import ACCESS_OUTCOMES

REQUEST = HEAD + b"Content-Length: %d\r\n\r\n" % len(ROW) + ROW


@pytest.fixture(scope="module")
def small(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A pod with little patience and little room."""
    with running(
        artefact,
        tmp_path_factory.mktemp("small"),
        EKIBEN_HEADER_SECONDS="0.5",
        EKIBEN_KEEP_ALIVE_SECONDS="1",
        EKIBEN_MOST_CONNECTIONS="8",
    ) as pod:
        yield pod


def ended(connection: socket.socket, seconds: float) -> bytes:
    """What comes until the other end closes, which must be within these seconds."""
    connection.settimeout(seconds)
    found = b""
    while chunk := connection.recv(65_536):
        found += chunk
    return found


@pytest.mark.parametrize(
    ("sent", "answer"),
    [(b"", b""), (b"POST /predict HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 408"), (b"P", b"HTTP/1.1 408")],
)
def test_who_does_not_finish_a_head_is_ended(small: Pod, sent: bytes, answer: bytes) -> None:
    """A silent connection is closed, half a head is answered 408."""
    with small.connect() as connection:
        connection.sendall(sent)
        assert ended(connection, 8).startswith(answer)


def test_idle_connections_end(small: Pod) -> None:
    """After an answer there is more time, but not for ever."""
    with small.connect() as connection:
        started = time.monotonic()
        assert exchange(connection, REQUEST).startswith(b"HTTP/1.1 200")
        assert ended(connection, 8) == b""
        assert 0.9 < time.monotonic() - started < 6


def test_one_connection_too_many(small: Pod) -> None:
    """It is told to come back, and when another has gone there is room again."""
    held = [small.connect() for _ in range(8)]
    try:
        for each in held:
            assert exchange(each, REQUEST).startswith(b"HTTP/1.1 200")
        with small.connect() as connection:
            refusal = ended(connection, 8)
        assert refusal.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1\r\n" in refusal
    finally:
        for each in held:
            each.close()
    time.sleep(0.1)
    assert small.predict(ROW).status == 200
    assert small.count("http_server_refused_connections_total") >= 1


@pytest.mark.parametrize("at_once", [True, False])
def test_heads_have_a_limit(pod: Pod, *, at_once: bool) -> None:
    """40 KiB of fields are refused, whether they come at once or one by one."""
    lines = [HEAD, *[b"X-Long: " + b"x" * 1_024 + b"\r\n"] * 40, b"Content-Length: 0\r\n\r\n"]
    with pod.connect() as connection:
        for part in [b"".join(lines)] if at_once else lines[:33]:  # the last of these is beyond the limit
            connection.sendall(part)
            time.sleep(0.001)
        assert ended(connection, 8).startswith(b"HTTP/1.1 431")


def test_a_client_that_stops_sending_still_reads(pod: Pod) -> None:
    """A connection that is half closed behind its requests gets all their answers."""
    with pod.connect() as connection:
        connection.sendall(REQUEST * 3)
        connection.shutdown(socket.SHUT_WR)
        assert ended(connection, 8).count(b"HTTP/1.1 200") == 3


def test_callers_have_a_rate(artefact: Path, tmp_path: Path) -> None:
    """Beyond it a caller hears 429 with a time to come back; probes and metadata go on."""
    with running(artefact, tmp_path, EKIBEN_RATE_PER_CALLER="1", EKIBEN_BURST_PER_CALLER="3") as pod:
        replies = [pod.predict(ROW) for _ in range(5)]
        assert [each.status for each in replies] == [200, 200, 200, 429, 429]
        assert replies[-1].headers["retry-after"] == "1"
        assert replies[-1].json["reason"] == "rate"
        assert pod.request("GET", "/readyz").status == 200
        found = {outcome: pod.count("access_decisions_total", outcome=outcome) for outcome in ACCESS_OUTCOMES}
        assert found == {**dict.fromkeys(ACCESS_OUTCOMES, 0), "allowed": 3, "rate": 2}  # each request once


def certificate(folder: Path, name: str) -> None:
    """Write a certificate for the loopback that signs itself."""
    issued = issue(name)
    for file, content in (("key", issued.key), ("crt", issued.certificate)):
        (folder / f"new.{file}").write_bytes(content)
        (folder / f"new.{file}").replace(folder / f"tls.{file}")


def subject(port: int, folder: Path) -> tuple[str, bytes]:
    """Common name of the server at a port that this certificate vouches for, and its answer to a row."""
    context = ssl.create_default_context(cafile=str(folder / "tls.crt"))
    with (
        socket.create_connection((HOST, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        answer = exchange(connection, REQUEST)
        found: Any = connection.getpeercert()
        return found["subject"][0][0][1], answer


def test_tls_from_files_that_change(artefact: Path, tmp_path: Path) -> None:
    """Both ports speak TLS; a renewed certificate serves new connections, the old ones go on."""
    certificate(tmp_path, "first")
    files = {"EKIBEN_TLS_CERTIFICATE": str(tmp_path / "tls.crt"), "EKIBEN_TLS_KEY": str(tmp_path / "tls.key")}
    with starting(artefact, tmp_path, **files) as pod:
        deadline = time.monotonic() + 20
        while True:
            try:
                name, answer = subject(pod.port, tmp_path)
                if answer.startswith(b"HTTP/1.1 200"):
                    break
            except OSError:
                assert time.monotonic() < deadline, pod.log.read_text()
            time.sleep(0.05)
        assert name == "first"
        certificate(tmp_path, "second")
        while True:
            try:
                if subject(pod.port, tmp_path)[0] == "second":
                    break
            except ssl.SSLCertVerificationError:
                assert time.monotonic() < deadline + 20
            time.sleep(0.2)


def test_a_wrong_certificate_is_named(artefact: Path, tmp_path: Path) -> None:
    """A pod that cannot speak TLS does not speak at all, and says why."""
    (tmp_path / "tls.crt").write_text("none")
    files = {"EKIBEN_TLS_CERTIFICATE": str(tmp_path / "tls.crt"), "EKIBEN_TLS_KEY": str(tmp_path / "tls.crt")}
    with starting(artefact, tmp_path, **files) as pod:
        assert pod.process.wait(20) == 2
        assert "expected a certificate and its key" in pod.log.read_text()


def test_a_certificate_needs_its_key(artefact: Path, tmp_path: Path) -> None:
    """One half of the pair alone is refused at the start."""
    with starting(artefact, tmp_path, EKIBEN_TLS_CERTIFICATE=str(tmp_path / "tls.crt")) as pod:
        assert pod.process.wait(20) == 2
        assert "EKIBEN_TLS_KEY" in pod.log.read_text()
