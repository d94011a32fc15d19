"""Batches of lanes: which faults they meet, and what came of them before a real controller."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.oracles.closed_loop import audit, record
from tests.oracles.closed_loop.trace import FLAGS, Json
from tests.oracles.metric_faults import control, world
from tests.oracles.metric_faults.autoscalers import SYNC_SECONDS, Subject, subjects
from tests.oracles.metric_faults.faults import ERRORS, OWN, PLANE, Life, Span, life, rises, spans

LANES = {"demand": 20, "cpu": 5, "stock": 5}
RISES = 8  # lanes more of `own`: the demand is away and the load outgrows the replicas
_PAUSE_SECONDS = {"own": 2.0, "plane": 7.0}


@dataclass(frozen=True, slots=True)
class Batch:
    """What is played at once.

    Attributes:
        number: From 1.
        faults: Of each lane's `own`, or of the control `plane`, met by all lanes.
        seconds: How long.
    """

    number: int
    faults: str
    seconds: int


BATCHES = (Batch(1, "own", 240), Batch(2, "own", 240), Batch(3, "plane", 240))


def _chance(*of: object) -> random.Random:
    return random.Random(" ".join(str(each) for each in of))  # noqa: S311  # no secret


def events(seed: int, batch: Batch) -> list[Span]:
    """Faults of the control plane."""
    if batch.faults != "plane":
        return []
    return spans(PLANE, batch.seconds, _chance(seed, batch.number, "plane"), _PAUSE_SECONDS["plane"])


def names(batch: Batch) -> list[str]:
    """Of its lanes; each begins with its kind."""
    made = [f"{name}-{number}" for name, count in LANES.items() for number in range(count)]
    return [*made, *(f"rises-{number}" for number in range(RISES if batch.faults == "own" else 0))]


def lives(seed: int, batch: Batch, known: dict[str, Subject]) -> dict[str, tuple[Subject, Life]]:
    """Lanes by name, each with its HPA, load and faults."""
    made = {}
    for lane in names(batch):
        kind, chance = lane.partition("-")[0], _chance(seed, batch.number, lane)
        if kind == "rises":
            made[lane] = (known["demand"], rises(ERRORS, batch.seconds, chance))
            continue
        found = events(seed, batch) or spans(OWN[kind], batch.seconds, chance, _PAUSE_SECONDS["own"])
        made[lane] = (known[kind], life(found, chance))
    return made


def recorded(seed: int, batch: Batch, say: Callable[[str], None]) -> list[Json]:
    """Play a batch.

    Returns:
        A recording of each lane: a case as `hpa_cases` has it, with `lane`, `subject`, `seed`, `batch`,
        `zero` (when the HPA was made, on the steps' clock), `restarts` (since then) and `done`.

    Raises:
        ToolError: The control plane could not be built, or did not start.
        RuntimeError: The world around it failed.
    """
    lanes = lives(seed, batch, subjects())
    with tempfile.TemporaryDirectory(prefix="ekiben-metric-faults-") as name:
        folder = Path(name)
        answers = folder / "answers.jsonl"
        with control.running(folder, SYNC_SECONDS, say) as programs:
            say(f"batch {batch.number}: {len(lanes)} HPAs, {batch.seconds} s")
            times = asyncio.run(world.play(programs, lanes, events(seed, batch), batch.seconds, answers))
        seen = [json.loads(line) for line in programs.plane.audit.read_text("utf-8").splitlines()]
        by_id = {each["audit"]: each for each in map(json.loads, answers.read_text("utf-8").splitlines())}
        return [
            _recording(lane, seed, batch, seen, by_id, times) | {"subject": subject.name}
            for lane, (subject, _) in lanes.items()
        ]


def _recording(
    lane: str, seed: int, batch: Batch, seen: list[Json], answers: dict[str, Json], times: world.Times
) -> Json:
    spec, steps, done = record.recording(seen, answers, lane)
    mine = [each for each in seen if each.get("objectRef", {}).get("namespace") == lane]
    mine.sort(key=lambda each: audit.seconds(each["requestReceivedTimestamp"]))
    epoch = float(int(audit.syncs(mine)[0].at)) - record._BEFORE_SECONDS
    began = times.began[lane]
    return {
        "lane": lane,
        "seed": seed,
        "batch": batch.number,
        "zero": round(began - epoch, 6),
        "restarts": [round(each - began, 3) for each in times.restarts],
        "flags": FLAGS,
        "spec": spec,
        "steps": steps,
        "done": done,
    }
