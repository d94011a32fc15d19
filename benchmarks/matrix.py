"""Every arm in every cell, interleaved.

All servers of a model are up; the one that is measured runs, the others are
stopped. A block (one cell, every arm, in an order of its own) is written when
it is whole, so that a killed run carries on with the next.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.arms import Arm
from benchmarks.load import Load
from benchmarks.models import Model
from benchmarks.plan import Block, blocks, shuffled
from benchmarks.servers import Server
from benchmarks.session import Session
from ekiben.errors import EkibenError

_log = logging.getLogger("benchmarks")


@dataclass(frozen=True, slots=True)
class Matrix:
    """What is crossed with what.

    Attributes:
        experiment: Its name in the results.
        arms: Measured in every cell.
        models: Each with servers of its own.
        rows: In each request.
        connections: Of the load generator.
    """

    experiment: str
    arms: Sequence[Arm]
    models: Sequence[Model]
    rows: Sequence[int]
    connections: Sequence[int]


def run(session: Session, matrix: Matrix) -> None:
    """Measure what this series lacks."""
    for model in matrix.models:
        todo = [block for block in _blocks(session, matrix, model) if _lacking(session, matrix, block)]
        if todo:
            _of_model(session, matrix, model, todo)


def _blocks(session: Session, matrix: Matrix, model: Model) -> list[Block]:
    settings = session.settings
    return blocks(model.name, matrix.rows, matrix.connections, settings.repeats, settings.seed)


def _lacking(session: Session, matrix: Matrix, block: Block) -> bool:
    return not all(
        session.is_done(experiment=matrix.experiment, arm=arm.name, **described(block)) for arm in matrix.arms
    )


def described(block: Block) -> dict[str, Any]:
    """Give the fields of a block's records."""
    cell = block.cell
    return {
        "model": cell.model, "rows": cell.rows, "connections": cell.connections, "repeat": block.repeat,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Up:
    """A server that is stopped until its turn, with what it is sent, by rows in a request."""

    server: Server
    loads: dict[int, Load]


def _of_model(session: Session, matrix: Matrix, model: Model, todo: Sequence[Block]) -> None:
    with contextlib.ExitStack() as stack:
        up: dict[str, _Up | EkibenError] = {}
        for arm in matrix.arms:
            if arm.pausable:
                up[arm.name] = _started(session, matrix, arm, model, stack)
        for number, block in enumerate(todo, 1):
            _log.info("%s, %s: block %d of %d", matrix.experiment, model.name, number, len(todo))
            cell, order = block.cell, shuffled(matrix.arms, f"{session.settings.seed}/{block}")
            records = []
            for place, arm in enumerate(order):
                with _turn(session, matrix, model, arm, up) as now:
                    found = _measured(session, now, cell.rows, cell.connections)
                about = {"arm": arm.name, **described(block), "order": place}
                records.append(session.about(matrix.experiment, **about, **found))
            session.journal.append(records)


def _started(
    session: Session, matrix: Matrix, arm: Arm, model: Model, stack: contextlib.ExitStack
) -> _Up | EkibenError:
    """Start a server, check its answers, and stop it until its turn; or give what was wrong."""
    try:
        server = stack.enter_context(session.server(arm, model))
        seconds = server.wait_ready()
        loads = {}
        for rows in matrix.rows:
            batches = session.batches(model, rows)
            server.check(batches)
            loads[rows] = session.loaded(server, batches)
        server.tree.pause()
    except EkibenError as error:
        _log.warning("%s %s: %s\n%s", model.name, arm.name, error, getattr(error, "last_lines", ""))
        return error
    _log.info("%s: %s was ready after %.1f s, answers are right", model.name, arm.name, seconds)
    return _Up(server, loads)


@contextlib.contextmanager
def _turn(
    session: Session, matrix: Matrix, model: Model, arm: Arm, up: dict[str, _Up | EkibenError]
) -> Iterator[_Up | EkibenError]:
    """Let one server run; one that cannot be stopped and live on is started for its turn."""
    with contextlib.ExitStack() as stack:
        now = up.get(arm.name) or _started(session, matrix, arm, model, stack)
        if isinstance(now, _Up):
            now.server.tree.resume()
            time.sleep(0.1)  # what its timers held back is done before the load comes
        try:
            yield now
        finally:
            if isinstance(now, _Up):
                now.server.tree.pause()


def _measured(session: Session, now: _Up | EkibenError, rows: int, connections: int) -> dict[str, Any]:
    if isinstance(now, EkibenError):
        return dict(session.failed(now))
    try:
        return session.measure(now.server, now.loads[rows], connections)
    except EkibenError as error:
        return dict(session.failed(error))
