"""Growth of memory under full load."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from benchmarks.arms import PRODUCT, QUICKSTART, Arm
from benchmarks.load import Load, Measured
from benchmarks.models import Model, chosen
from benchmarks.servers import Server
from benchmarks.session import Session
from ekiben.errors import EkibenError, ToolError

EXPERIMENT = "memory"
_CONNECTIONS = 16
_SAMPLE_SECONDS = 2
_log = logging.getLogger("benchmarks")


def run(session: Session) -> None:
    """Load the product, then BentoML's quickstart, for as long as the settings say."""
    (model,) = chosen(("cancer",))
    for arm in (PRODUCT, QUICKSTART):
        about = {"arm": arm.name, "model": model.name, "rows": 1, "connections": _CONNECTIONS}
        if session.is_done(experiment=EXPERIMENT, **about):
            continue
        try:
            session.record(EXPERIMENT, **about, **_grown(session, arm, model))
        except EkibenError as error:
            session.record(EXPERIMENT, **about, **session.failed(error))


def _grown(session: Session, arm: Arm, model: Model) -> dict[str, object]:
    seconds = session.settings.memory_minutes * 60
    _log.info("memory: %s under load for %g s", arm.name, seconds)
    with session.server(arm, model) as server:
        server.wait_ready()
        batches = session.batches(model, 1)
        server.check(batches)
        samples, found = sampled(server, session.loaded(server, batches), seconds)
        server.check(batches)
    if found.failed:
        raise ToolError(f"{arm.name}: {found.failed} of {found.requests} requests failed")
    return {
        "load_seconds": seconds,
        "requests": found.requests,
        "sample_seconds": _SAMPLE_SECONDS,
        "memory_bytes": samples,
    }


def sampled(server: Server, sent: Load, seconds: float) -> tuple[Sequence[int], Measured]:
    """Look at a server's memory while it is loaded.

    Args:
        server: Ready.
        sent: What it is loaded with.
        seconds: For how long.

    Returns:
        Bytes, every two seconds, and what the load generator saw.

    Raises:
        ToolError: The load generator failed.
    """
    found: list[Measured | EkibenError] = []

    def load() -> None:
        try:
            found.append(sent.send(_CONNECTIONS, seconds))
        except EkibenError as error:
            found.append(error)

    loading = threading.Thread(target=load)
    loading.start()
    samples = []
    while loading.is_alive():
        samples.append(server.tree.memory_bytes())
        time.sleep(_SAMPLE_SECONDS)
    loading.join()
    (end,) = found
    if isinstance(end, EkibenError):
        raise end
    return samples, end
