from __future__ import annotations

import socket
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


def test_a_port_that_speaks_no_tls_is_not_ready() -> None:
    """An API server that is still starting is not an error, only not ready."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(1)
        port = server.getsockname()[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readiness, "_TIMEOUT_SECONDS", 0.2)
            assert not readiness.answers(f"https:127.0.0.1:{port}/readyz")
