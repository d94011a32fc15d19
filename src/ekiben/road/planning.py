"""A capacity plan, measured on the pod's own process on this machine."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ekiben.clients import pod
from ekiben.errors import AcceptanceError, ConfigError, NoDataError
from ekiben.page import html
from ekiben.release import golden
from ekiben.road import plans, process
from ekiben.road.pinned import Pinned, pinned
from ekiben.road.stations import Traveller
from ekiben.scale import replica
from ekiben.scale.capacity.cost import cost
from ekiben.scale.capacity.step import Objective, Step
from ekiben.scale.load.progress import Progress
from ekiben.scale.plan import shape
from ekiben.scale.plan.derive import Measured, Wishes, derive
from ekiben.scale.plan.document import CapacityPlan, Subject
from ekiben.scale.plan.formulas import Headroom, Signal

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measuring:
    """How a plan is measured and derived.

    Attributes:
        headroom: What the headroom is for.
        signal: What the autoscaler will read.
        seconds: Time for each number of cores, seconds.
        alpha: Probability that the decision about a rate is wrong, 0-1.
        seed: Of the send times.
        cores: Of a replica; of several the cheapest is planned.
    """

    headroom: Headroom
    signal: Signal
    seconds: float
    alpha: float
    seed: int
    cores: Sequence[int] = (1,)


def plan(
    traveller: Traveller, wishes: Wishes, on_progress: Callable[[Progress], None], how: Measuring
) -> CapacityPlan:
    """Measure the pod's process on its cores, derive the plan and keep it.

    Args:
        traveller: The model, trained.
        wishes: What is asked.
        on_progress: Told about every half second of load.
        how: The measurement.

    Raises:
        ConfigError: The model is not trained, this machine has too few cores, or the peak is beyond the
            quota.
        ToolError: The pod's process did not become ready.
        NoDataError: Fewer than two valid steps, or requests that fail.
        AcceptanceError: No rate meets the objective.

    Of several numbers of cores, those that cannot be measured or planned are said to be so and left out;
    the first reason is raised only if none can.
    """
    made, reasons = [], []
    for cores in how.cores:
        try:
            made.append(_of_shape(traveller, wishes, on_progress, how, cores))
        except (AcceptanceError, ConfigError, NoDataError) as error:
            if len(how.cores) > 1:
                _log.warning("no plan for replicas of %d cores: %s", cores, error)
            reasons.append(error)
    if not made:
        raise reasons[0]
    found = shape.cheapest(made)
    html.write(found.text(), plans.path_of(traveller))
    return found


def _of_shape(
    traveller: Traveller,
    wishes: Wishes,
    on_progress: Callable[[Progress], None],
    how: Measuring,
    cores: int,
) -> CapacityPlan:
    """The plan for replicas of so many cores."""
    folder = Path(traveller.left("train")["folder"])
    expected = golden.read(folder)
    objective = Objective(wishes.objective_seconds, wishes.bad_ratio)
    environment = process.settings(traveller, host=pod.HOST, port=pod.free_port())
    timeout = wishes.timeout_seconds or traveller.config.traffic.timeout_seconds
    with pinned(environment, folder, timeout, cores=cores) as here:
        found = replica.find(
            here.replica, objective, seconds=how.seconds, alpha=how.alpha, seed=how.seed,
            on_progress=on_progress, on_step=lambda step: _tell(step, objective, how.alpha),
        )  # fmt: skip
    subject = Subject(
        model=expected.model.name, version=expected.model.version, artefact_sha256=expected.artefact_sha256,
        form=here.form, made_at=datetime.now(UTC).isoformat(timespec="seconds"), machine=_machine(),
        seed=how.seed,
    )  # fmt: skip
    measured = _measured(found, here, objective, cores)
    return derive(subject, wishes, measured, headroom=how.headroom, signal=how.signal, most=found.most_rate)


def _measured(found: replica.Found, here: Pinned, objective: Objective, cores: int) -> Measured:
    valid = [step for step in found.capacity.steps if not step.reasons(objective)]
    return Measured(
        found.capacity, cost(valid), found.saturation_rate, here.start_seconds, found.memory_bytes, cores
    )


def _tell(step: Step, objective: Objective, alpha: float) -> None:
    _log.info(
        "%8.1f requests/s for %3.0f s: %d of %d bad, p99 %.1f ms, design effect %.1f: %s",
        step.rate, step.seconds, step.bad, step.requests, step.p99_seconds * 1e3, step.effect,
        "; ".join(step.reasons(objective)) or step.verdict(objective, alpha),
    )  # fmt: skip


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
