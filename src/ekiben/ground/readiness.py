"""Does something answer at an address? Standard library only: process 1 of the node asks too."""

from __future__ import annotations

import http.client
import socket
import ssl

_TIMEOUT_SECONDS = 1.0


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
