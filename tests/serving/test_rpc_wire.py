"""What the `grpc` port does to peers that take too much, or speak what no client would."""

from __future__ import annotations

import socket
import ssl
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.serving.rpc import (
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    HOST,
    PING,
    PREFACE,
    ROWS,
    SERVICE,
    SETTINGS,
    Port,
    call,
    frame,
    frames,
    head,
    infer,
    message,
    refused,
    running,
    table,
)  # fmt: skip
from tests.unit.serving.rpc.certificates import issue

from ekiben.errors import ConfigError
from ekiben.serving.problem import RefusedError

# Source: RFC 9113, sections 6.5.2 (settings) and 7 (error codes)
MAX_CONCURRENT_STREAMS = 3
NO_ERROR, INTERNAL_ERROR, ENHANCE_YOUR_CALM = 0x0, 0x2, 0xB
LIVE = SERVICE + "ServerLive"


@pytest.fixture(scope="module")
def port() -> Iterator[Port]:
    """One port for all tests of this module."""
    with running(most_body_bytes=10_000, request_timeout_seconds=1) as found:
        found.gate.seconds = 1
        yield found


def alive(port: Port) -> None:
    """See that the port answers."""
    with port.channel() as channel:
        assert infer(channel, table(ROWS[:1])).model_name == "small"


def shake(connection: socket.socket) -> None:
    """Begin HTTP/2."""
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0))


@pytest.mark.parametrize(
    "path", [b"/\xff\xfe", b"/inference.GRPCInferenceService/\x80", b"\xff", b"/", b"", b"/a\x00b", b"*"]
)
def test_a_path_that_is_no_text_ends_nothing(port: Port, path: bytes) -> None:
    """A path that is not UTF-8 ended grpcio's server; here other calls go on, on the same connection."""
    with port.connect() as connection, port.channel() as channel:
        call(channel, "ServerLive")
        shake(connection)
        connection.sendall(
            frame(HEADERS, END_HEADERS, 1, head(path)) + frame(DATA, END_STREAM, 1, message(b""))
        )
        connection.sendall(
            frame(HEADERS, END_HEADERS, 3, head(LIVE.encode())) + frame(DATA, END_STREAM, 3, message(b""))
        )
        answer = next(
            payload for kind, _, stream, payload in frames(connection) if (kind, stream) == (DATA, 3)
        )
        assert answer == message(b"\x08\x01")  # live = true
        call(channel, "ServerLive")
    alive(port)


def test_metadata_that_are_no_text_are_refused_or_passed_on(port: Port) -> None:
    """Bytes in metadata reach the gate, or nobody; the port goes on."""
    with port.connect() as connection:
        shake(connection)
        connection.sendall(frame(HEADERS, END_HEADERS, 1, head(LIVE.encode(), (b"name", b"\xff\xfe"))))
        connection.sendall(frame(DATA, END_STREAM, 1, message(b"")))
        assert any(stream == 1 for _, _, stream, _ in frames(connection))
    alive(port)


@pytest.mark.parametrize("size", [10_001, 20_000, 30_000, 3_000_000])
def test_messages_over_the_limit_are_refused(port: Port, size: int) -> None:
    """RESOURCE_EXHAUSTED, whoever notices; just above the limit it is counted as 413."""
    with port.channel() as channel:
        error = refused(channel, "ModelInfer", b"\0" * size)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    if size <= 20_000:
        assert error.details() == "expected at most 10000 bytes"
        assert port.gate.last().ended == [413]


def test_a_message_at_the_limit_is_read(port: Port) -> None:
    """The limit itself is allowed: such a message is refused for what it says."""
    with port.channel() as channel:
        assert refused(channel, "ModelInfer", b"\0" * 10_000).code() is grpc.StatusCode.INVALID_ARGUMENT


def test_packed_messages_are_read_and_bounded_by_what_they_hold(port: Port) -> None:
    """What gzip packed is answered; a megabyte that takes a kilobyte on the wire is refused."""
    with port.channel() as channel:
        request = table(ROWS[:1]).SerializeToString()
        call(channel, "ModelInfer", request, compression=grpc.Compression.Gzip)
        error = refused(channel, "ModelInfer", b"\0" * 1_000_000, compression=grpc.Compression.Gzip)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_what_only_says_that_it_is_packed_is_refused(port: Port) -> None:
    """A message with the flag of gzip and other bytes ends its call, and nothing else."""
    packed = b"\x01" + (4).to_bytes(4, "big") + b"abcd"
    with port.connect() as connection:
        shake(connection)
        block = head(LIVE.encode(), (b"grpc-encoding", b"gzip"))
        connection.sendall(frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, END_STREAM, 1, packed))
        end = next(
            payload for kind, _, stream, payload in frames(connection) if (kind, stream) == (HEADERS, 1)
        )
        assert b"grpc-status" in end
    alive(port)


def test_bombs_are_not_unpacked() -> None:
    """Sixty-four megabytes in sixty-four kilobytes do not pass through memory."""
    before = _resident()
    packer = zlib.compressobj(9, wbits=31)
    block = b"\0" * (1 << 20)
    packed = b"".join(packer.compress(block) for _ in range(64)) + packer.flush()
    body = b"\x01" + len(packed).to_bytes(4, "big") + packed
    with running(most_body_bytes=len(packed)) as wide, wide.connect() as connection:
        shake(connection)
        block = head(LIVE.encode(), (b"grpc-encoding", b"gzip"))
        connection.sendall(frame(HEADERS, END_HEADERS, 1, block))
        for first in range(0, len(body), 16_384):
            chunk = body[first : first + 16_384]
            last = first + 16_384 >= len(body)
            connection.sendall(frame(DATA, END_STREAM if last else 0, 1, chunk))
        end = next(
            payload for kind, _, stream, payload in frames(connection) if (kind, stream) == (HEADERS, 1)
        )
        assert b"grpc-status\x018" in end  # RESOURCE_EXHAUSTED
    assert _resident() - before < 32 << 20


def _resident() -> int:
    """Bytes of this process's peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def test_large_metadata_are_refused(port: Port) -> None:
    """Sixteen KiB of metadata are the most."""
    with port.channel() as channel:
        call(channel, "ServerLive", metadata=(("name", "v" * 8_000),))
        error = refused(channel, "ServerLive", metadata=(("name", "v" * 20_000),))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_message_that_does_not_arrive_in_time_is_not_waited_for(port: Port) -> None:
    """Headers and then silence: counted as 408, the stream ends."""
    with port.connect() as connection:
        shake(connection)
        connection.sendall(frame(HEADERS, END_HEADERS, 1, head((SERVICE + "ModelInfer").encode())))
        end = next(
            payload for kind, _, stream, payload in frames(connection) if (kind, stream) == (HEADERS, 1)
        )
    assert b"grpc-status\x014" in end  # DEADLINE_EXCEEDED
    assert port.gate.last().ended == [408]


def test_a_call_without_a_message_is_refused(port: Port) -> None:
    """A stream that ends before its message is INVALID_ARGUMENT."""
    with port.connect() as connection:
        shake(connection)
        connection.sendall(frame(HEADERS, END_HEADERS, 1, head(LIVE.encode())))
        connection.sendall(frame(DATA, END_STREAM, 1))
        end = next(
            payload for kind, _, stream, payload in frames(connection) if (kind, stream) == (HEADERS, 1)
        )
    assert b"grpc-status\x013" in end
    assert port.gate.last().ended == [400]


def test_a_client_that_goes_before_its_message_is_counted_as_gone(port: Port) -> None:
    """A closed connection after the headers is 499."""
    with port.connect() as connection:
        shake(connection)
        connection.sendall(frame(HEADERS, END_HEADERS, 1, head((SERVICE + "ModelInfer").encode())))
        time.sleep(0.2)  # the call is at the server
    assert port.gate.last().ended == [499]


def test_the_streams_of_a_connection_are_bounded() -> None:
    """The server's SETTINGS say how many calls a connection may have at once."""
    with running(most_in_progress=7) as port, port.connect() as connection:
        shake(connection)
        first = next(
            payload for kind, flags, _, payload in frames(connection) if (kind, flags) == (SETTINGS, 0)
        )
    settings = {
        int.from_bytes(first[i : i + 2], "big"): int.from_bytes(first[i + 2 : i + 6], "big")
        for i in range(0, len(first), 6)
    }
    assert settings[MAX_CONCURRENT_STREAMS] == 7


def test_the_number_of_connections_is_bounded() -> None:
    """One more than the limit is closed, those before it are served."""
    with running(most_connections=2) as port:
        held = [port.connect() for _ in range(2)]
        for connection in held:
            shake(connection)
            assert next(frames(connection))
        with port.connect() as third:
            try:
                shake(third)
                assert third.recv(100) == b""
            except ConnectionError:
                pass  # a reset says the same
        for connection in held:
            connection.sendall(frame(PING, 0, 0, b"12345678"))
            assert any(kind == PING for kind, _, _, _ in frames(connection))
            connection.close()


def test_a_peer_that_never_speaks_is_closed() -> None:
    """A connection without HTTP/2's preface ends after the time for it."""
    with running(header_seconds=0.3) as port, port.connect() as connection:
        started = time.monotonic()
        while connection.recv(1_000):
            pass
        assert 0.2 < time.monotonic() - started < 3


@pytest.mark.parametrize(
    "preface", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 64]
)
def test_a_peer_that_speaks_something_else_is_closed(port: Port, preface: bytes) -> None:
    """HTTP/1.1, TLS and noise end their own connection."""
    with port.connect() as connection:
        connection.sendall(preface)
        try:
            while connection.recv(1_000):
                pass
        except ConnectionError:
            pass
    alive(port)


def test_a_peer_that_pings_too_often_is_told_so() -> None:
    """Pings faster than every ten seconds get GOAWAY with ENHANCE_YOUR_CALM."""
    with running() as port, port.connect() as connection:
        shake(connection)
        connection.sendall(frame(PING, 0, 0, b"12345678") * 10)
        payload = next(payload for kind, _, _, payload in frames(connection) if kind == GOAWAY)
        assert int.from_bytes(payload[4:8], "big") == ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    ("bounds", "code"),
    [
        ({"age_seconds": 0.3}, NO_ERROR),
        ({"idle_seconds": 0.3}, INTERNAL_ERROR),
    ],  # the second is core's choice
)
def test_old_and_idle_connections_are_told_to_go(bounds: dict[str, float], code: int) -> None:
    """GOAWAY after the age, and after the time without a call."""
    with running(bounds=bounds) as port, port.connect() as connection:
        shake(connection)
        started = time.monotonic()
        payload = next(payload for kind, _, _, payload in frames(connection) if kind == GOAWAY)
        assert int.from_bytes(payload[4:8], "big") == code
        assert 0.2 < time.monotonic() - started < 3


def test_calls_go_on_while_their_connection_ages() -> None:
    """A client whose connection is told to go every 0.2 s loses no call."""
    with running(bounds={"age_seconds": 0.2}) as young, young.channel() as channel:
        end, calls = time.monotonic() + 1.2, 0
        while time.monotonic() < end:
            infer(channel, table(ROWS[:1]))
            calls += 1
        assert [visit.ended for visit in young.gate.visits] == [[200]] * calls


def test_a_port_that_is_taken_is_said_so() -> None:
    """Core would share a port with another server; this one refuses."""
    with running() as port, pytest.raises(ConfigError, match="cannot listen"):
        port.run(port.server.start(port.port, HOST))


def test_a_certificate_that_is_replaced_serves_the_next_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A new pair is used for new connections; one that does not fit is not; open connections go on."""
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    first, second, third = (issue(name) for name in ("first", "second", "third"))
    certificate.write_bytes(first.certificate)
    key.write_bytes(first.key)
    with running(tls_certificate=certificate, tls_key=key) as port:
        trust = grpc.ssl_channel_credentials(first.certificate)
        with grpc.secure_channel(
            f"{HOST}:{port.port}", trust, [("grpc.ssl_target_name_override", "first")]
        ) as channel:
            assert call(channel, "ServerLive")
            assert _presented(port) == first.der
            certificate.write_bytes(second.certificate)
            assert _presented(port) == first.der  # its key is still the first one's
            assert _presented(port) == first.der
            assert caplog.text.count("kept the old certificate") == 1
            key.write_bytes(second.key)
            assert _presented(port) == second.der
            key.write_bytes(third.key)
            assert _presented(port) == second.der
            assert call(channel, "ServerLive")


def _presented(port: Port) -> bytes:
    """Certificate of a new connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with port.connect() as plain, context.wrap_socket(plain) as connection:
        found = connection.getpeercert(binary_form=True)
        assert found is not None
        return found


@pytest.mark.parametrize("fault", ["absent", "other key", "no PEM"])
def test_a_certificate_of_no_use_is_refused_at_the_start(tmp_path: Path, fault: str) -> None:
    """The pod says what is wrong instead of failing every handshake."""
    pair, other = issue("a"), issue("b")
    (tmp_path / "tls.crt").write_bytes(b"nothing" if fault == "no PEM" else pair.certificate)
    if fault != "absent":
        (tmp_path / "tls.key").write_bytes(other.key if fault == "other key" else pair.key)
    with (
        pytest.raises(ConfigError, match=r"expected a certificate and its key"),
        running(tls_certificate=tmp_path / "tls.crt", tls_key=tmp_path / "tls.key"),
    ):
        pass


def test_refusals_are_counted_by_reason(port: Port) -> None:
    """What gate and transport refuse is in the metrics of refused requests."""

    def refused_requests() -> dict[str, Any]:
        return {
            each.labels[-1]: each.value
            for each in port.instruments.series()
            if each.metric.name == "model_rejected_requests_total"
        }

    before = refused_requests()
    with port.channel() as channel:
        port.gate.refusal = RefusedError(401, "unauthenticated", "expected a key")
        refused(channel, "ModelInfer")
        port.gate.refusal = None
        refused(channel, "ModelInfer", b"\0" * 10_001)
    after = refused_requests()
    assert {
        reason: after[reason] - before[reason] for reason in after if after[reason] != before[reason]
    } == {
        "unauthenticated": 1,
        "too_large": 1,
    }
