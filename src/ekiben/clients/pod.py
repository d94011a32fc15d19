"""The pod's process on this machine's loopback, beside us: started, awaited, ended."""

from __future__ import annotations

import contextlib
import http
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ekiben.clients import command
from ekiben.errors import ToolError

HOST = "127.0.0.1"
# Below the ports that clients get (ip_local_port_range begins at 32768 by default): one of our own
# connections could else take a port that the pod opens later.
_PORTS = range(20_000, 32_000)
_READY_SECONDS = 30.0  # measured 2-4 s on two busy cores; generous on purpose
_END_SECONDS = 10.0  # from SIGTERM to SIGKILL
_LAST_LINES = 20


def ports(first: int) -> dict[str, str]:
    """Variables that make a pod listen on the loopback: HTTP `first`, gRPC +1, metrics +2."""
    return {
        "EKIBEN_HOST": HOST,
        "EKIBEN_HTTP_PORT": str(first),
        "EKIBEN_GRPC_PORT": str(first + 1),
        "EKIBEN_METRICS_PORT": str(first + 2),
    }


def free_port() -> int:
    """Three neighbouring free ports of the loopback; the first of them."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        try:
            for more in range(3):
                with socket.socket() as probe:
                    probe.bind((HOST, port + more))
        except OSError:
            continue
        return port


@contextlib.contextmanager
def started(environment: Mapping[str, str]) -> Iterator[Callable[[], str]]:
    """Run the pod beside us until the block ends; it loads while others work.

    Args:
        environment: What it is told, address and ports included.

    Yields:
        Waits until it is ready, and gives its base URL.

    Raises:
        ToolError: By what is yielded: it ended, or was not ready in time; with the last lines that it wrote.
    """
    url = f"http://{environment['EKIBEN_HOST']}:{environment['EKIBEN_HTTP_PORT']}"
    with tempfile.NamedTemporaryFile(prefix="ekiben-pod-", suffix=".log") as log:
        child = {**environment, "EKIBEN_DRAIN_SECONDS": "0"}
        pid = command.start(
            [*_with_us(), sys.executable, "-m", "ekiben.serving"], log=Path(log.name), env=child
        )

        def ready() -> str:
            _wait_ready(url, pid, Path(log.name))
            return url

        try:
            yield ready
        finally:
            _end(pid)


@contextlib.contextmanager
def running(environment: Mapping[str, str]) -> Iterator[str]:
    """Run the pod beside us until the block ends.

    Args:
        environment: What it is told, address and ports included.

    Yields:
        Its base URL, once it is ready.

    Raises:
        ToolError: It ended, or was not ready in time; with the last lines that it wrote.
    """
    with started(environment) as ready:
        yield ready()


def _with_us() -> list[str]:
    """Have the kernel end the pod when we are killed; where util-linux is not there, it goes on.

    Source: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _wait_ready(url: str, pid: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if _answers(f"{url}/readyz"):
            return
        if _ended(pid):
            break
        time.sleep(0.1)
    last = "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
    raise ToolError("expected the pod's process to become ready, it did not", last_lines=last)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310  # our own loopback address
            return int(response.status) == http.HTTPStatus.OK
    except OSError:  # refused, or 503 while starting
        return False


def _ended(pid: int) -> bool:
    """Whether a child of ours is gone; whoever asked before may have been told already."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _end(pid: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _END_SECONDS
        if _ended(pid):
            return
        os.kill(pid, number)
        while time.monotonic() < deadline:
            if _ended(pid):
                return
            time.sleep(0.02)
