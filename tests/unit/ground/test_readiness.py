from __future__ import annotations

import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ekiben.ground import readiness


def test_a_listening_port_answers_and_a_closed_one_does_not() -> None:
    """The first question to a component: is its port open?"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert readiness.answers(f"127.0.0.1:{port}")
    assert not readiness.answers(f"127.0.0.1:{port}")


def test_a_socket_in_the_file_system_answers_once_it_listens(tmp_path: Path) -> None:
    """A socket that an earlier life left behind does not answer."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert readiness.answers(f"unix:{path}")
    assert path.exists()
    assert not readiness.answers(f"unix:{path}")


def _answering(flags: int, answers: int) -> tuple[bytes, bool]:
    """Ask a name server that copies the question and answers with these header fields."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, pytest.MonkeyPatch.context() as patch:
        server.bind(("127.0.0.1", 0))
        server.settimeout(2)
        port = server.getsockname()[1]
        connect = socket.socket.connect
        patch.setattr(socket.socket, "connect", lambda this, _to: connect(this, ("127.0.0.1", port)))
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(readiness.resolves, "192.0.2.1", "a.example")
            question, client = server.recvfrom(512)
            server.sendto(question[:2] + struct.pack(">4H", flags, 1, answers, 0) + question[10:], client)
            return question, asked.result()


@pytest.mark.parametrize(
    ("flags", "answers", "found"),
    [(0x8180, 1, True), (0x8180, 0, False), (0x8183, 0, False), (0x0100, 1, False)],
)
def test_a_name_resolves_when_a_record_comes_back(flags: int, answers: int, found: bool) -> None:
    """No record, no such name, or a message that is no answer: not ready."""
    question, resolved = _answering(flags, answers)
    assert resolved is found
    assert question[12:] == b"\x01a\x07example\x00\x00\x01\x00\x01"


def test_a_port_that_speaks_no_tls_is_not_ready() -> None:
    """An API server that is still starting is not an error, only not ready."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(1)
        port = server.getsockname()[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readiness, "_TIMEOUT_SECONDS", 0.2)
            assert not readiness.answers(f"https:127.0.0.1:{port}/readyz")
