"""One connection to a pod, byte by byte, with h11 as the referee of what comes back."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Self

from tests.serving.pod import HOST, Pod
from tests.torture.pod.referee import Answered, Answers

ROW = b"[5.1,3.5,1.4,0.2]"
TYPE = b"Content-Type: application/json"
LIVE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


class Wire:
    """A raw connection; what comes back goes to h11."""

    def __init__(self, pod: Pod, kept_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if kept_bytes is not None:  # what the kernel keeps of answers that are not read
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kept_bytes)
        self.socket.settimeout(10)
        self.socket.connect((HOST, pod.port))
        self.answers = Answers()
        self.first = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)

    def answer(self, method: str = "POST") -> Answered:
        """Read the next answer, whose request had this method."""
        if not self.first:
            assert self.answers.next(), "h11: the connection should have been closed"
        self.first = False
        self.answers.asked(method)
        found = self.answers.receive()
        while found is None:
            found = self.answers.receive(self.socket.recv(65_536))
        return found

    def ask(self, content: bytes, method: str = "POST") -> Answered:
        self.send(content)
        return self.answer(method)

    def closed(self, seconds: float = 2) -> bool:
        """Whether the pod ends the connection, having said nothing more."""
        self.socket.settimeout(seconds)
        try:
            return self.answers.waiting() == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def predict(
    body: bytes = ROW,
    *headers: bytes,
    target: bytes = b"/predict",
    version: bytes = b"HTTP/1.1",
    length: bool = True,
) -> bytes:
    """Bytes of a prediction request."""
    lines = [b"POST %s %s" % (target, version), b"Host: x", TYPE, *headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def chunked(pieces: Sequence[bytes], *headers: bytes, trailer: bytes = b"", extension: bytes = b"") -> bytes:
    """Bytes of one with a body in chunks."""
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces)
    whole = body + b"0\r\n" + trailer + b"\r\n"
    return predict(whole, b"Transfer-Encoding: chunked", *headers, length=False)


def prediction(answer: Answered) -> int:
    found: int = json.loads(answer.body)["prediction"]
    return found
