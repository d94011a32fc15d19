"""Does something answer at an address? Standard library only: process 1 of the node asks too."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct

_TIMEOUT_SECONDS = 1.0
_QUERY_ID = 0x656B
_HEADER_BYTES = 12


def answers(where: str) -> bool:
    """Ask once.

    Args:
        where: `host:port`, `unix:path`, or `https:host:port/path` (any certificate; status 200 wanted).
    """
    try:
        if where.startswith("unix:"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_TIMEOUT_SECONDS)
                connection.connect(where.removeprefix("unix:"))
            return True
        if where.startswith("https:"):
            return _says_ok(where.removeprefix("https:"))
        host, _, port = where.rpartition(":")
        with socket.create_connection((host, int(port)), _TIMEOUT_SECONDS):
            return True
    except (OSError, http.client.HTTPException):
        return False


def resolves(server: str, name: str) -> bool:
    """Whether a DNS server has an IPv4 address for a name; asked once over UDP.

    Args:
        server: Its address.
        name: Fully qualified, without the last dot.

    Source: RFC 1035, section 4.1.
    """
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">6H", _QUERY_ID, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            connection.settimeout(_TIMEOUT_SECONDS)
            connection.connect((server, 53))
            connection.send(question)
            answer = connection.recv(512)
    except OSError:
        return False
    return len(answer) >= _HEADER_BYTES and has_answer(answer)


def has_answer(message: bytes) -> bool:
    """Whether a DNS message answers our question: no error, at least one record."""
    number, flags, _, answers = struct.unpack(">4H", message[:8])
    return bool(number == _QUERY_ID and flags & 0x800F == 0x8000 and answers)  # noqa: PLR2004  # QR, RCODE


def _says_ok(address: str) -> bool:
    authority, _, path = address.partition("/")
    context = ssl.create_default_context()
    # Whether it is up is asked here, not who it is: nothing of the answer is used.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(authority, timeout=_TIMEOUT_SECONDS, context=context)
    try:
        connection.request("GET", f"/{path}")
        return connection.getresponse().status == http.client.OK
    finally:
        connection.close()
