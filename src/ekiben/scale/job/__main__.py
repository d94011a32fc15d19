"""The program of the load's pod: `python -m ekiben.scale.job FOLDER [HEADERS]`.

It runs from an archive, in an image that has the pod's half of ekiben and none of this. What it
learns it says on stdout, as `lines` writes it; whatever else is printed is for people.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType

from ekiben.errors import ClusterError, EkibenError
from ekiben.scale.job import description, lines
from ekiben.scale.load import generator
from ekiben.scale.load.target import LoadTarget, endpoint

_ENDED = 143  # what shells report of SIGTERM
# A new pod's network, and the policies that let it through, may come some seconds after its start.
_REACHED_SECONDS = 15.0
_AGAIN_SECONDS = 0.5
_CONNECT_SECONDS = 5.0


def main(folder: Path, headers: Path | None = None) -> int:
    """Send the load that is described in a folder.

    Args:
        folder: Holds `load.json`, and `ca.pem` where certificates are checked against it.
        headers: JSON of the headers that every request carries; None if there are none.

    Returns:
        Exit code: 0 after a measurement, else that of the error, which was said on stdout.
    """
    signal.signal(signal.SIGTERM, _told_to_end)
    try:
        authority = folder / description.AUTHORITY
        found = description.read(
            (folder / description.FILE).read_text(encoding="utf-8"),
            headers.read_text(encoding="utf-8") if headers else "",
            str(authority) if authority.is_file() else "",
        )
        reach(found.target)
        measured = generator.run(
            found.target,
            found.load,
            seed=found.seed,
            senders=found.senders,
            on_progress=lambda progress: _say(lines.progress(progress)),
        )
    except EkibenError as error:
        _say(lines.refusal(error))
        return error.exit_code
    _say(lines.result(measured))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def reach(target: LoadTarget, within_seconds: float = _REACHED_SECONDS) -> None:
    """Open one connection before the load: a policy that lets none through is no measurement of the service.

    Args:
        target: Where to.
        within_seconds: How long it is tried.

    Raises:
        ClusterError: None was opened.
        ConfigError: The target may not be loaded.
    """
    where = endpoint(target.url, target.networks)
    began = time.monotonic()
    while True:
        try:
            socket.create_connection((where.address, where.port), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            if time.monotonic() - began >= within_seconds:
                raise ClusterError(
                    f"expected {target.url} to take a connection from the load's pod "
                    f"within {within_seconds:g} s, found {error}",
                    remedy="is a replica ready (ekiben status), and does networkPolicy.callers let the pod "
                    'through? It carries the label ekiben.dev/caller: "true"',
                ) from error
        else:
            return
        time.sleep(_AGAIN_SECONDS)


def _told_to_end(_number: int, _frame: FrameType | None) -> None:
    """Say that there is no measurement: what was sent until now is not the load that was asked for."""
    said = lines.refusal(
        ClusterError(
            "expected the load to run to its end, found that its pod was told to end before",
            remedy="a drained node, an eviction, or somebody who removed the pod: send the load again",
        )
    )
    os.write(1, f"\n{said}\n".encode())  # not by way of the buffer, which may be in use below us
    os._exit(_ENDED)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
