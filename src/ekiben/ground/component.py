"""What one program of the node is, and where inside the node its files are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ekiben.ground.layout import NODE, NODE_BINARIES, NODE_DEBIAN

PKI = NODE / "pki"
CONF = NODE / "conf"
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
IMAGES = "system-images.tar"  # beside the binaries that it is made of
KEDA_IMAGES = "keda-images.tar"  # the same


@dataclass(frozen=True, slots=True)
class Component:
    """One program of the node.

    Attributes:
        name: Its name in logs and status.
        argv: Program and arguments.
        after: Components that must answer before it starts.
        ready: `host:port`, `unix:path` or `https:host:port/path` that answers when ready; empty: at once.
        once: It ends by itself with status 0 and is not started again.
        env: Variables added to the node's.
    """

    name: str
    argv: tuple[str, ...]
    after: tuple[str, ...] = ()
    ready: str = ""
    once: bool = False
    env: dict[str, str] = field(default_factory=dict)


def go(program: str, *arguments: str) -> tuple[str, ...]:
    """The command of a program that was built from its Go module."""
    return (str(NODE_BINARIES / program), *arguments)


def debian(program: str, *arguments: str) -> tuple[str, ...]:
    """The command of a program that came in a Debian package."""
    return (str(NODE_DEBIAN / "usr" / "bin" / program), *arguments)
