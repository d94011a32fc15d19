"""Play traces in front of a real kube-controller-manager, and keep what it was given and did."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.oracles.closed_loop import plane, record, world
from tests.oracles.closed_loop.trace import FLAGS, Json, Trace

SYNC_SECONDS = 1.0


def recorded(chosen: Sequence[Trace], seed: int, seconds: int, say: Callable[[str], None]) -> list[Json]:
    """Run traces side by side under one control plane.

    Args:
        chosen: Which.
        seed: Of all chance.
        seconds: How long they last.
        say: Takes lines of progress.

    Returns:
        A recording of each: a case as `hpa_cases` has it, with `trace`, `seed`, `seconds` and `done`.

    Raises:
        ToolError: The control plane could not be built, or did not start.
        RuntimeError: The world around it failed.
    """
    with tempfile.TemporaryDirectory(prefix="ekiben-closed-loop-") as name:
        folder = Path(name)
        answers = folder / "answers.jsonl"
        with plane.running(folder, SYNC_SECONDS, say) as found:
            say(f"{len(chosen)} traces of {seconds} s, kube-controller-manager {plane.kubernetes()}")
            asyncio.run(world.play(found, chosen, seed, seconds, SYNC_SECONDS, answers))
        events = _lines(found.audit)
        by_id = {each["audit"]: each for each in _lines(answers)}
        return [_recording(each, seed, seconds, events, by_id) for each in chosen]


def _lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _recording(
    trace: Trace, seed: int, seconds: int, events: Sequence[Json], answers: dict[str, Json]
) -> Json:
    spec, steps, done = record.recording(events, answers, trace.name)
    return {
        "trace": trace.name,
        "seed": seed,
        "seconds": seconds,
        "kubernetes": plane.kubernetes(),
        "sync_seconds": SYNC_SECONDS,
        "flags": FLAGS,
        "spec": spec,
        "steps": steps,
        "done": done,
    }
