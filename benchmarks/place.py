"""Where a server is started, and with what."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.credentials import Credentials
from benchmarks.models import Prepared

HOST = "127.0.0.1"
# Below Linux' range of local ports. Source: https://docs.kernel.org/networking/ip-sysctl.html
_PORTS = range(20_000, 32_000, 3)


@dataclass(frozen=True, slots=True)
class Place:
    """What a server gets.

    Attributes:
        python: Interpreter of its environment.
        port: Its HTTP port; the two after it are free too.
        model: What it serves.
        scratch: Folder of its own, with a short path (Unix sockets go there).
        source: Folder that holds the product's package.
        credentials: What the product knows callers by.
    """

    python: Path
    port: int
    model: Prepared
    scratch: Path
    source: Path
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started.

    Attributes:
        argv: Program and arguments.
        environment: Its whole environment but for what every server gets.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]


def free_port() -> int:
    """Find a port whose two successors are free too, where no connection of a load takes its own from."""
    while True:
        port = secrets.choice(_PORTS)
        with contextlib.ExitStack() as stack:
            try:
                for offset in range(3):
                    stack.enter_context(socket.socket()).bind((HOST, port + offset))
            except OSError:
                continue
        return port
