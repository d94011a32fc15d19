"""From exec to Ready on one core, page cache warm."""

from __future__ import annotations

import logging
import re

from benchmarks.arms import PRODUCT, QUICKSTART, Arm
from benchmarks.models import Model, chosen
from benchmarks.plan import shuffled
from benchmarks.rows import ESTIMATOR
from benchmarks.servers import Server
from benchmarks.session import Session
from ekiben.errors import EkibenError

EXPERIMENT = "start"
# Which predictor a model gets by default is the product's choice; the report says which it was.
_STARTED = ((PRODUCT, "iris"), (PRODUCT, "cancer"), (ESTIMATOR, "iris"), (QUICKSTART, "iris"))
_REPEATS = 10
_METRICS_OFFSET = 2
_log = logging.getLogger("benchmarks")


def run(session: Session) -> None:
    """Measure the starts that this series lacks; repeat -1 warms the page cache and is not counted."""
    for repeat in range(-1, _REPEATS):
        for arm, name in shuffled(_STARTED, f"{session.settings.seed}/start/{repeat}"):
            (model,) = chosen((name,))
            if not _done(session, arm, model, repeat):
                _one(session, arm, model, repeat)


def _done(session: Session, arm: Arm, model: Model, repeat: int) -> bool:
    return session.is_done(experiment=EXPERIMENT, arm=arm.name, model=model.name, repeat=repeat)


def _one(session: Session, arm: Arm, model: Model, repeat: int) -> None:
    about = {"arm": arm.name, "model": model.name, "repeat": repeat}
    try:
        with session.server(arm, model) as server:
            seconds = server.wait_ready()
            server.check(session.batches(model, 1)[:1])
            _log.info("start: %s, %s: %.2f s", arm.name, model.name, seconds)
            session.record(EXPERIMENT, **about, ready_seconds=round(seconds, 4), predictor=_predictor(server))
    except EkibenError as error:
        session.record(EXPERIMENT, **about, **session.failed(error))


def _predictor(server: Server) -> str:
    """What computes, as the product's metrics say it."""
    if not server.arm.name.startswith(PRODUCT.name):
        return server.arm.engine
    text = server.get("/metrics", port_offset=_METRICS_OFFSET).body.decode()
    found = re.search(r'^model_info\{.*predictor="([^"]*)"', text, re.MULTILINE)
    return found[1] if found else "unknown"
