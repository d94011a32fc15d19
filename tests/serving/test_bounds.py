from __future__ import annotations

import socket
import statistics
import threading
import time
from pathlib import Path

import pytest
from tests.serving.pod import Pod, running

ROW = b"[5.1, 3.5, 1.4, 0.2]"
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LIMIT = 1 << 20


def exchange(connection: socket.socket, *parts: bytes) -> bytes:
    """Send the parts, then read what comes until the whole answer is there or the connection ends."""
    for part in parts:
        connection.sendall(part)
    return receive(connection)


def receive(connection: socket.socket) -> bytes:
    found = b""
    while True:
        head, split, body = found.partition(b"\r\n\r\n")
        if split:
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length")
            )
            if len(body) >= length:
                return found
        chunk = connection.recv(65536)
        if not chunk:
            return found
        found += chunk


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not(pod: Pod) -> None:
    """The limit counts bytes of the body: spaces up to it are JSON, one more is too large."""
    at_limit = ROW + b" " * (LIMIT - len(ROW))
    assert pod.predict(at_limit).status == 200
    reply = pod.predict(at_limit + b" ")
    assert (reply.status, reply.json["reason"]) == (413, "too_large")
    assert reply.headers["connection"] == "close"


def test_chunked_bodies_are_counted(pod: Pod) -> None:
    """A body without a length is counted as it comes."""
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with pod.connect() as connection:
        short = exchange(
            connection, HEAD, b"Transfer-Encoding: chunked\r\n\r\n", b"14\r\n", ROW, b"\r\n0\r\n\r\n"
        )
        assert short.startswith(b"HTTP/1.1 200")
        long = exchange(connection, HEAD, b"Transfer-Encoding: chunked\r\n\r\n", piece * 17, b"0\r\n\r\n")
        assert long.startswith(b"HTTP/1.1 413")


def test_an_endless_body_is_cut(pod: Pod) -> None:
    """A client that never stops sending is answered and disconnected."""
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with pod.connect() as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            connection.sendall(piece * 1_000)
    assert pod.predict(ROW).status == 200


def test_a_client_that_asks_first_need_not_send_too_much(pod: Pod) -> None:
    """Expect: 100-continue with too long a length gets the refusal instead of leave to send."""
    head = HEAD + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"
    with pod.connect() as connection:
        assert exchange(connection, head).startswith(b"HTTP/1.1 413")
    with pod.connect() as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(ROW))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert exchange(connection, ROW).startswith(b"HTTP/1.1 200")


def test_slow_bodies_time_out(artefact: Path, tmp_path: Path) -> None:
    """A body that does not arrive in time is answered with 408, and its connection ends."""
    with (
        running(artefact, tmp_path, EKIBEN_REQUEST_TIMEOUT_SECONDS="0.3") as pod,
        pod.connect() as connection,
    ):
        answer = exchange(connection, HEAD, b"Content-Length: 20\r\n\r\n[1,")
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in answer
        assert connection.recv(1) == b""
        assert pod.predict(ROW).status == 200


def test_bodies_that_drip_are_ended_and_slow_ones_are_not(artefact: Path, tmp_path: Path) -> None:
    """After the time of a head, a body must have come at 240 bytes per second; then it may take longer."""
    slow = b" " * 5_000  # enough for 20 seconds
    with (
        running(artefact, tmp_path, EKIBEN_HEADER_SECONDS="0.2") as pod,
        pod.connect() as dripping,
        pod.connect() as steady,
    ):
        dripping.sendall(HEAD + b"Content-Length: 20\r\n\r\n[")
        steady.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (len(slow) + len(ROW)) + slow)
        assert exchange(dripping).startswith(b"HTTP/1.1 408")
        assert exchange(steady, ROW).startswith(b"HTTP/1.1 200")


def test_pipelined_requests_are_answered_in_order(pod: Pod) -> None:
    """Requests sent without waiting come back one after the other."""
    ids = [f"number-{i}" for i in range(20)]
    requests = b"".join(
        HEAD + b"X-Request-Id: %s\r\nContent-Length: %d\r\n\r\n" % (each.encode(), len(ROW)) + ROW
        for each in ids
    )
    with pod.connect() as connection:
        connection.sendall(requests)
        found = b""
        while found.count(b'"id":') < len(ids):
            found += connection.recv(65536)
    places = [found.index(b'"id":"%s"' % each.encode()) for each in ids]
    assert places == sorted(places)


def test_liveness_is_quick_while_a_large_request_is_answered(pod: Pod) -> None:
    """The largest request does not hold the event loop: probes are answered beside it."""
    body = b'{"instances": [' + b",".join([ROW] * 10_000) + b"]}"
    took: list[float] = []

    def send() -> None:
        for _ in range(4):
            started = time.perf_counter()
            assert pod.predict(body).status == 200
            took.append(time.perf_counter() - started)

    sender = threading.Thread(target=send)
    sender.start()
    probes = []
    while sender.is_alive():
        started = time.perf_counter()
        assert pod.request("GET", "/livez").status == 200
        probes.append(time.perf_counter() - started)
    assert statistics.median(probes) < min(took) / 4  # a probe that waited would take as long as the request


def test_connections_end_after_their_requests(artefact: Path, tmp_path: Path) -> None:
    """A connection is closed by the answer that makes it old, so that callers find new pods."""
    with running(artefact, tmp_path, EKIBEN_CONNECTION_REQUESTS="3") as pod, pod.connect() as connection:
        request = HEAD + b"Content-Length: %d\r\n\r\n" % len(ROW) + ROW
        answers = [exchange(connection, request) for _ in range(3)]
        assert [b"connection: close" in each for each in answers] == [False, False, True]
        assert connection.recv(1) == b""


def test_connections_end_at_their_age(artefact: Path, tmp_path: Path) -> None:
    """The same after their time, give or take ten percent."""
    settings = {"EKIBEN_CONNECTION_SECONDS": "1", "EKIBEN_CONNECTION_REQUESTS": "1000000"}
    with running(artefact, tmp_path, **settings) as pod, pod.connect() as connection:
        request = HEAD + b"Content-Length: %d\r\n\r\n" % len(ROW) + ROW
        started = time.monotonic()
        while b"connection: close" not in exchange(connection, request):
            assert time.monotonic() - started < 5
        assert time.monotonic() - started > 0.85
