"""What one replica carries, and whether two carry nearly twice that: measured on the cluster."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime

from tests.e2e.rig import counter, node_busy
from tests.live import journal, planned, sent, watch
from tests.live.journal import Record
from tests.live.policies import LIMIT_MILLICORES, ROWS, pinned
from tests.live.sizes import Sizes
from tests.live.stage import Stage
from tests.live.validity import LEAST_RATIO
from tests.torture.pod import results

from ekiben.identifiers import ModelTag
from ekiben.scale import replica
from ekiben.scale.capacity.search import conclude
from ekiben.scale.capacity.step import Objective, Step
from ekiben.scale.load import generator, schedule
from ekiben.scale.load.progress import Progress
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.plan.document import Subject

_ALPHA = 0.05
_CALLERS = 8  # of the closed loop, for each replica
_LIGHT_RATIO = 0.2  # of what a replica can do: no request waits for another
_TAKEN_RATIO = 0.6  # of what a replica can do, where C* is not searched
_SETTLE_SECONDS = 15.0
_LEAST_START_SECONDS = 0.5  # the API says whole seconds
Say = Callable[[str], None]


def measured(stage: Stage, sizes: Sizes, seed: int, say: Say) -> Record:
    """Measure one replica, derive the plans, hold two at nearly twice its rate.

    Args:
        stage: The cluster; what was released there is gone afterwards.
        sizes: How long.
        seed: Of all send times.
        say: Takes lines of progress.
    """
    began, record = time.monotonic(), journal.begun("replica", seed)
    objective = Objective(planned.OBJECTIVE_SECONDS, sizes.bad_ratio)
    stage.release(pinned(2))
    stage.settle(2)
    pods = stage.project.pods()
    started = list(watch.starts(pods).values())
    addresses = [pod["status"]["podIP"] for pod in pods]
    one, two = _replica(stage, addresses[:1]), _replica(stage, addresses)

    def tell(step: Step) -> None:
        verdict = "; ".join(step.reasons(objective)) or step.verdict(objective, _ALPHA)
        say(f"  {step.rate:.1f} requests/s: {step.bad} of {step.requests} bad, p99 "
            f"{step.p99_seconds * 1e3:.1f} ms: {verdict}")  # fmt: skip

    if sizes.search_seconds:
        found = replica.find(
            one, objective, seconds=sizes.search_seconds, alpha=_ALPHA, seed=seed,
            on_progress=_quiet, on_step=tell,
        )  # fmt: skip
    else:
        found = _taken(one, objective, sizes, seed)
    busy: list[float] = []
    with _node(busy):
        step = replica.hold(
            two, LEAST_RATIO * found.capacity.rate, objective,
            seconds=sizes.hold_seconds, alpha=_ALPHA, seed=seed, on_progress=_quiet,
        )  # fmt: skip
    tell(step)
    turns = _in_turns(one, two, sizes)
    light = Load((Segment(_LIGHT_RATIO * found.saturation_rate, sizes.service_seconds),), "constant")
    _, times = generator.record(one.target, light, seed=seed)
    start_seconds = max(_LEAST_START_SECONDS, statistics.mean(each for _, each in started))
    plans = planned.plans(
        _subject(stage, seed), found, bad_ratio=sizes.bad_ratio, start_seconds=start_seconds
    )
    return {
        **record,
        "limit_millicores": LIMIT_MILLICORES,
        "rows": ROWS,
        "capacity_rate": found.capacity.rate,
        "saturation_rate": found.saturation_rate,
        "held": asdict(step)
        | {
            "verdict": step.verdict(objective, _ALPHA),
            "reasons": list(step.reasons(objective)),
        },
        "saturated": turns,
        "busy": busy,
        "services": sent.services(times),
        "starts": [made for made, _ in started],
        "plans": {signal: planned.written(each) for signal, each in plans.items()},
        "keda": stage.keda(),
        "kubernetes": stage.kubernetes(),
        "seconds": round(time.monotonic() - began, 1),
    }


def _taken(one: replica.Replica, objective: Objective, sizes: Sizes, seed: int) -> replica.Found:
    """What a short measurement takes for a replica: CPU time and saturation are measured, C* is not."""
    saturated = generator.saturate(one.target, concurrency=_CALLERS, seconds=sizes.turn_seconds)
    steps = []
    for share in (_TAKEN_RATIO / 2, _TAKEN_RATIO):
        step = replica.hold(
            one, share * saturated, objective, seconds=sizes.service_seconds, alpha=_ALPHA, seed=seed,
            on_progress=_quiet,
        )  # fmt: skip
        under_way = step.answered_rate * step.mean_seconds
        certain = replace(step, requests=1_000_000, bad=0, effect=1.0, resolved=True, faults=())
        steps.append(replace(certain, mean_outstanding=under_way, lag_p99_seconds=0.0))
    capacity = conclude(tuple(steps), objective, _ALPHA, schedule.MAX_RATE)
    return replica.Found(capacity, saturated, one.read().memory_bytes, schedule.MAX_RATE)


def _quiet(_progress: Progress) -> None:
    """Progress is told step by step."""


def _replica(stage: Stage, addresses: list[str]) -> replica.Replica:
    """One replica by its own address, or several by their Service."""
    alone = f"http://{addresses[0]}:3000/predict" if len(addresses) == 1 else ""

    def scraped() -> list[str]:
        found = stage.project.scrape()
        names = {
            pod["metadata"]["name"] for pod in stage.project.pods() if pod["status"]["podIP"] in addresses
        }
        return [text for name, text in found.items() if name in names]

    def read() -> replica.Reading:
        texts = scraped()
        used = sum(counter(text, "process_cpu_seconds_total") for text in texts)
        return replica.Reading(used, max(counter(text, "process_resident_memory_bytes") for text in texts))

    def settle() -> None:
        until = time.monotonic() + _SETTLE_SECONDS
        while any(counter(text, "http_server_active_requests") for text in scraped()):
            if time.monotonic() > until:
                return  # the next step says itself if it was disturbed
            time.sleep(0.2)

    return replica.Replica(stage.target(alone), read, settle, time.monotonic)


def _in_turns(one: replica.Replica, two: replica.Replica, sizes: Sizes) -> dict[str, list[float]]:
    """Rates at which one and two saturate, in turns: the machine's own speed drifts."""
    rates: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(sizes.turns):
        for name, each in (("1", one), ("2", two)):
            callers = _CALLERS * int(name)
            rate = generator.saturate(each.target, concurrency=callers, seconds=sizes.turn_seconds)
            rates[name].append(round(rate, 2))
    return rates


@contextmanager
def _node(busy: list[float]) -> Iterator[None]:
    """Append how busy the node was in the block, 0-1."""
    with node_busy() as share:
        yield
    busy.append(round(share(), 4))


def _subject(stage: Stage, seed: int) -> Subject:
    tag = ModelTag.parse(stage.trained["tag"])
    return Subject(
        model=tag.name,
        version=tag.version,
        artefact_sha256=stage.trained["artefact_sha256"],
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=results.machine(),
        seed=seed,
    )
