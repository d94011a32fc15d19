"""HTTP/1.1 over a raw socket; h11 reads every answer, and so judges its form.

Source: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving.pod import Pod, running
from tests.serving.wire import LIVE, ROW, TYPE, Wire, chunked, predict, prediction
from tests.torture.pod import processes


@pytest.fixture
def wire(pod: Pod) -> Iterator[Wire]:
    with Wire(pod) as found:
        yield found


def test_answers_come_in_the_order_of_requests(wire: Wire) -> None:
    """Large ones that leave the event loop, small ones, probes and refusals, sent at once: none overtakes."""
    large = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]] * 2_000}).encode()
    asked = [
        ("POST", predict(large, b"X-Request-Id: n0")), ("POST", predict(ROW, b"X-Request-Id: n1")),
        ("GET", LIVE), ("POST", predict(large, b"X-Request-Id: n3")),
        ("GET", b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("POST", predict(b"{", b"X-Request-Id: n5")), ("HEAD", b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("POST", predict(ROW, b"X-Request-Id: n7")),
    ]  # fmt: skip
    wire.send(b"".join(content for _, content in asked))
    found = [wire.answer(method) for method, _ in asked]
    assert [each.status for each in found] == [200, 200, 200, 200, 404, 400, 200, 200]
    assert [found[place].headers[b"x-request-id"] for place in (0, 1, 3, 5, 7)] == [
        b"n0",
        b"n1",
        b"n3",
        b"n5",
        b"n7",
    ]


@pytest.mark.parametrize(
    "bad", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nNo colon\r\n\r\n", b"\x16\x03\x01\x02\x00"]
)
def test_what_came_before_a_bad_request_is_answered_first(wire: Wire, bad: bytes) -> None:
    """Valid requests lose no answer to what a client sends after them."""
    wire.send(predict() * 3 + bad)
    assert [prediction(wire.answer()) for _ in range(3)] == [0, 0, 0]
    assert wire.answer("GET").status == 400
    assert wire.closed()


def test_requests_may_come_a_byte_at_a_time(wire: Wire) -> None:
    """A request is what its bytes say, however they are cut."""
    content = predict() + chunked([b"[5.1,3.", b"5,1.4,0.2]"])
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for place in range(len(content)):
        wire.send(content[place : place + 1])
    assert [prediction(wire.answer()) for _ in range(2)] == [0, 0]


def unread(wire: Wire, content: bytes, most: int) -> int:
    """Send a request again and again without reading, until the pod takes no more or `most` were sent."""
    sent, left = 0, memoryview(b"")
    wire.socket.setblocking(False)
    quiet = time.monotonic()
    while sent < most and time.monotonic() - quiet < 0.7:
        left = left or memoryview(content)
        try:
            left = left[wire.socket.send(left) :]
            sent, quiet = sent + (not left), time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    wire.socket.settimeout(10)
    return sent


def test_a_client_that_does_not_read_costs_no_memory(artefact: Path, tmp_path: Path) -> None:
    """Its answers are not piled up: the pod stops reading it, serves others, and loses no answer."""
    body = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]] * 1_000}).encode()
    with running(artefact, tmp_path, EKIBEN_CONNECTION_REQUESTS="100000") as pod:
        for _ in range(5):
            assert pod.predict(body).status == 200
        base, most = processes.resident_bytes(pod.process.pid), 4_000
        with Wire(pod, kept_bytes=1 << 16) as wire:
            sent = unread(wire, predict(body), most)
            grown = processes.resident_bytes(pod.process.pid) - base
            assert pod.predict(ROW).status == 200
            assert all(wire.answer().status == 200 for _ in range(min(sent, 20)))
    assert sent < most, "the pod read on"  # beyond what kernels keep for a connection
    assert grown < 20 << 20


def test_clients_may_ask_before_they_send(wire: Wire) -> None:
    """`Expect: 100-continue` gets 100 and, with the body, the answer; the connection stays."""
    content = predict(ROW, b"Expect: 100-continue")
    head = content[: -len(ROW)]
    for _ in range(2):
        wire.send(head)
        time.sleep(0.05)
        wire.send(ROW)
        found = wire.answer()
        assert (found.interim, prediction(found)) == ((100,), 0)


def test_clients_that_ask_and_do_not_wait(wire: Wire) -> None:
    """The body may come with the question; 100 may then be left out, the answer may not."""
    found = wire.ask(predict(ROW, b"Expect: 100-continue"))
    assert (set(found.interim) <= {100}, prediction(found)) == (True, 0)
    assert prediction(wire.ask(predict())) == 0


@pytest.mark.parametrize("extension", [b"", b";a", b";a=b", b';a="b;c"'])
@pytest.mark.parametrize("trailer", [b"", b"X-Checksum: 1\r\n", b"Content-Type: text/plain\r\n"])
def test_bodies_in_chunks(wire: Wire, extension: bytes, trailer: bytes) -> None:
    """Chunks, their extensions and trailers are read; a trailer changes nothing; the connection goes on."""
    asked = chunked([b"[5.1,", b"3.5,1.4", b",0.2]"], trailer=trailer, extension=extension)
    assert [prediction(wire.ask(asked)), prediction(wire.ask(predict()))] == [0, 0]


def test_trailers_that_frame(wire: Wire) -> None:
    """A length behind the chunks is refused, as RFC 9110 section 6.5.1 forbids to send one."""
    assert wire.ask(chunked([ROW], trailer=b"Content-Length: 5\r\n")).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"+11\r\n",
        b"0x11\r\n",
        b"-1\r\n",
        b"11 11\r\n",
        b"g\r\n",
        b"\r\n",
        b"fffffffffffffffffff\r\n",
        b"11\r\n" + ROW + b"XX0\r\n\r\n",
    ],
)
def test_chunks_that_are_none(wire: Wire, body: bytes) -> None:
    """A chunk whose size or end is wrong ends the connection; what follows it is not believed."""
    bad = body if ROW in body else body + ROW + b"\r\n0\r\n\r\n"
    assert wire.ask(predict(bad, b"Transfer-Encoding: chunked", length=False) + LIVE).status == 400
    assert wire.closed()


@pytest.mark.parametrize("header", [(), (b"Connection: close",)])
def test_http_1_0(wire: Wire, header: tuple[bytes, ...]) -> None:
    """A client of HTTP/1.0 is answered and its connection ends; it needs no Host."""
    content = predict(ROW, *header, version=b"HTTP/1.0").replace(b"Host: x\r\n", b"")
    assert prediction(wire.ask(content)) == 0
    assert wire.closed()


def test_http_1_0_never_gets_chunks_or_interim_answers(wire: Wire) -> None:
    """Its clients know neither."""
    found = wire.ask(predict(ROW, b"Expect: 100-continue", version=b"HTTP/1.0"))
    assert (found.interim, b"content-length" in found.headers) == ((), True)


@pytest.mark.parametrize("value", [b"close", b"Close", b"foo, close", b"keep-alive, close"])
def test_connection_close(wire: Wire, value: bytes) -> None:
    """The answer says close too, and nothing that came behind it is answered."""
    found = wire.ask(predict(ROW, b"Connection: " + value) + LIVE)
    assert (prediction(found), found.headers[b"connection"]) == (0, b"close")
    assert wire.closed()


@pytest.mark.parametrize("path", [b"/livez", b"/readyz"])
def test_head(wire: Wire, path: bytes) -> None:
    """HEAD gives the headers of GET and no body; the next answer follows at once."""
    get = wire.ask(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path, "GET")
    head = wire.ask(b"HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n" % path, "HEAD")
    assert (head.status, head.body, head.headers[b"content-length"]) == (200, b"", b"%d" % len(get.body))
    assert prediction(wire.ask(predict())) == 0


def test_idle_connections_end(artefact: Path, tmp_path: Path) -> None:
    """A connection without a request ends after the keep-alive time, not before, and one in use does not."""
    with running(artefact, tmp_path, EKIBEN_KEEP_ALIVE_SECONDS="1") as pod, Wire(pod) as wire:
        for _ in range(4):
            assert prediction(wire.ask(predict())) == 0
            time.sleep(0.4)
        assert wire.closed(3)


@pytest.mark.parametrize(
    ("target", "status"),
    [(b"http://x/predict", 200), (b"http://other:80/predict", 200), (b"/predict?a=b", 200),
     (b"/predict?", 200), (b"http://x/nowhere", 404), (b"//predict", 404), (b"/predict/", 404)],
)  # fmt: skip
def test_forms_of_targets(wire: Wire, target: bytes, status: int) -> None:
    """Absolute form is accepted, as it must be; a query changes no route; other paths are other paths."""
    assert wire.ask(predict(ROW, target=target)).status == status
    assert prediction(wire.ask(predict())) == 0


def test_options_asterisk(wire: Wire) -> None:
    """`OPTIONS *` is about the server; it is refused or answered, and the connection goes on."""
    assert wire.ask(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS").status in {200, 204, 404, 405}
    assert prediction(wire.ask(predict())) == 0


@pytest.mark.parametrize(
    "lengths",
    [(b"+17",), (b"-1",), (b"17 17",), (b"0x11",), (b"",), (b"1e1",), (b"17, 18",), (b"17", b"18"),
     (b"18", b"17"), (b"99999999999999999999",), (b"17\x0b",)],
)  # fmt: skip
def test_lengths_that_are_none(wire: Wire, lengths: tuple[bytes, ...]) -> None:
    """An invalid or contradicting Content-Length is a 400 (or 413), and the end of the connection."""
    headers = [b"Content-Length: " + each for each in lengths]
    assert wire.ask(predict(ROW, *headers, length=False) + LIVE).status in {400, 413}
    assert wire.closed()


@pytest.mark.parametrize("order", [0, 1])
def test_a_length_beside_chunks(wire: Wire, order: int) -> None:
    """Refused, or read as chunks: a request hidden behind the length is never answered."""
    hidden = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
    both = [b"Content-Length: %d" % (5 + len(hidden)), b"Transfer-Encoding: chunked"]
    headers = both if order == 0 else both[::-1]
    found = wire.ask(predict(b"0\r\n\r\n", *headers, length=False))
    assert found.status == 400  # an empty body is no prediction, either way
    assert wire.closed()


@pytest.mark.parametrize(
    "coding",
    [
        b"gzip",
        b"identity",
        b"xchunked",
        b"chunked, chunked",
        b"chunked, gzip",
        b"gzip, chunked",
        b"",
        b'"chunked"',
    ],
)
def test_other_transfer_codings(wire: Wire, coding: bytes) -> None:
    """Whatever is not exactly chunked is refused, and the connection ends."""
    content = predict(b"11\r\n" + ROW + b"\r\n0\r\n\r\n", b"Transfer-Encoding: " + coding, length=False)
    assert wire.ask(content + LIVE).status in {400, 411, 501}
    assert wire.closed()


@pytest.mark.parametrize("other", [b"identity", b"xchunked", b"gzip"])
@pytest.mark.parametrize("ahead", [True, False])
def test_two_transfer_codings(wire: Wire, other: bytes, *, ahead: bool) -> None:
    """A coding that the pod does not know, beside chunked, is refused: others may read it otherwise."""
    content, line = chunked([ROW]), b"Transfer-Encoding: " + other + b"\r\n"
    place = content.index(b"Transfer-Encoding" if ahead else b"\r\n\r\n") + (0 if ahead else 2)
    assert wire.ask(content[:place] + line + content[place:]).status in {400, 501}
    assert wire.closed()


@pytest.mark.parametrize("hosts", [(), (b"Host: x", b"Host: y"), (b"Host: x", b"Host: x")])
def test_one_host(wire: Wire, hosts: tuple[bytes, ...]) -> None:
    """HTTP/1.1 without a Host, or with two, is a 400, as RFC 9112 section 3.2 demands."""
    lines = [b"POST /predict HTTP/1.1", *hosts, TYPE, b"Content-Length: %d" % len(ROW), b"", ROW]
    assert wire.ask(b"\r\n".join(lines)).status == 400


@pytest.mark.parametrize(
    "headers", [b"X: " + b"a" * (1 << 20), b"\r\n".join(b"X-%d: a" % number for number in range(50_000))]
)
def test_headers_have_a_limit(pod: Pod, headers: bytes) -> None:
    """A mebibyte of headers, in one or in many, is refused instead of kept."""
    with Wire(pod) as wire:
        try:
            status = wire.ask(predict(ROW, headers)).status
        except (ConnectionResetError, BrokenPipeError):
            status = 431  # the pod did not read to the end, which is what is asked of it
    assert status in {400, 431}
    assert pod.predict(ROW).status == 200


@pytest.mark.parametrize(
    "line", [b"Space : x", b" Folded: x", b"No colon", b": empty", b"X\x00: y", b"X: \x00", b"(X): y"]
)
def test_header_lines_that_are_none(wire: Wire, line: bytes) -> None:
    """A line that is no header is a 400, and the end of the connection."""
    content = predict().replace(b"Host: x\r\n", b"Host: x\r\n" + line + b"\r\n")
    assert wire.ask(content + LIVE).status == 400
    assert wire.closed()


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"HTTP/2.0"])
def test_upgrades_are_not_taken(wire: Wire, upgrade: bytes) -> None:
    """An offer to upgrade is passed over: the request is answered, with its body, and so is the next."""
    content = predict(ROW, b"Connection: Upgrade", b"Upgrade: " + upgrade)
    wire.send(content + predict())
    assert [prediction(wire.answer()) for _ in range(2)] == [0, 0]


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "PRI", "PROPFIND", "X" * 40, "get"])
def test_other_methods_are_refused_at_once(wire: Wire, method: str) -> None:
    """A method that no route has gets 4xx or 501, whatever the parser thinks of it, and never a wait."""
    content = f"{method} /predict HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    wire.send(content)
    wire.socket.settimeout(8)
    head = wire.socket.recv(65_536)
    assert re.match(rb"HTTP/1\.1 (400|404|405|501) ", head)


@pytest.mark.parametrize(
    "version", [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.10", b"HTTP/1", b"http/1.1", b"ICY/1.1"]
)
def test_other_versions(wire: Wire, version: bytes) -> None:
    """Only HTTP/1.1 and 1.0 are read; others get 400 or 505 and the end of the connection."""
    assert wire.ask(predict(ROW, version=version)).status in {400, 505}
    assert wire.closed()


def test_empty_lines_ahead_of_a_request(wire: Wire) -> None:
    """They are passed over, as RFC 9112 section 2.2 asks for."""
    assert prediction(wire.ask(b"\r\n" + predict())) == 0
    assert prediction(wire.ask(b"\r\n" + predict())) == 0


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (predict(), 200),
        (predict(b"{"), 400),
        (predict(ROW, target=b"/nowhere"), 404),
        (b"DELETE /predict HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (predict().replace(b"application/json", b"text/plain"), 415),
        (predict(b"{}"), 422),
    ],
)
def test_every_answer_has_an_exact_length(wire: Wire, content: bytes, status: int) -> None:
    """Each refusal keeps the connection, and a request behind it is read from its first byte."""
    wire.send(content + predict())
    assert (wire.answer().status, prediction(wire.answer())) == (status, 0)


def test_a_body_beyond_the_limit_is_answered_before_the_end(wire: Wire) -> None:
    """Sent whole, it gets its 413, and then the connection ends."""
    assert wire.ask(predict(b" " * (2 << 20))).status == 413
    assert wire.closed()


def test_odd_heads_end_the_connection_on_unknown_routes_too(wire: Wire) -> None:
    """Where no route is, a head that two readers could understand differently is refused all the same."""
    content = chunked([ROW]).replace(b"/predict", b"/nowhere").replace(b": chunked", b": gzip, chunked")
    assert wire.ask(content + LIVE).status == 400
    assert wire.closed()


def test_who_asks_first_and_is_refused_sees_the_end_of_the_connection(wire: Wire) -> None:
    """The pod says that it sends no more, while it still takes the body that it asked nobody to send."""
    asked = predict(b"", b"Expect: 100-continue", b"Content-Length: 100", length=False)
    assert wire.ask(asked.replace(b"/predict", b"/nowhere")).status == 404
    assert wire.closed()


def test_requests_behind_a_last_answer_do_not_keep_the_connection(wire: Wire) -> None:
    """A request that was still coming when the last answer was sent ends with the connection."""
    bad = predict().replace(b"Host: x\r\n", b"")
    wire.send(predict() + bad + predict()[:-4])
    assert (wire.answer().status, wire.answer().status) == (200, 400)
    assert wire.closed()  # for us; the pod still reads the rest
    wire.send(ROW[-4:])
    with pytest.raises(ConnectionError):  # nothing is read any more
        send_for(wire, 5)


def send_for(wire: Wire, seconds: float) -> None:
    """Send empty lines, which no server minds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        wire.send(b"\r\n")
        time.sleep(0.05)
