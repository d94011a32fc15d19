"""The shape of a replica: of the numbers of cores that were measured, the one whose replicas need the fewest.

A replica of several cores has a worker for each, and all take from one queue: a request waits only while all
are busy, so that each core carries more within the objective. Against that stand what one Python does one
after the other, and that replicas come and go by more cores at once. Which of them weighs more is measured.

Source: docs/scaling.md, section 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from ekiben.scale.plan.document import CapacityPlan


class Shape(BaseModel):
    """What replicas of some cores come to."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    cores: float = Field(description="Of a replica.", gt=0)
    capacity_rate: float = Field(description="C* of a replica, requests/s.", gt=0)
    saturation_rate: float = Field(description="Right answers of a replica at most, requests/s.", gt=0)
    target_rate: float = Field(description="Load of a replica that the autoscaler aims at, requests/s.", gt=0)
    peak_cores: float = Field(description="Cores of all replicas at the peak.", gt=0)


def of(plan: CapacityPlan) -> Shape:
    """The shape that a plan is for."""
    return Shape(**{name: plan[name] for name in Shape.model_fields})


def cheapest(plans: Sequence[CapacityPlan]) -> CapacityPlan:
    """The plan that needs the fewest cores at the peak, with what the others come to.

    Args:
        plans: Of one artefact and one wish, each of another number of cores; at least one. Where two need as
            many, the smaller replicas are taken: they follow the load more closely.
    """
    found = min(plans, key=lambda plan: (plan["peak_cores"], plan["cores"]))
    shapes = sorted(map(of, plans), key=lambda each: each.cores) if len(plans) > 1 else ()
    return found.model_copy(update={"shapes": tuple(shapes)})


def differences(plan: CapacityPlan) -> Iterator[str]:
    """Say where a plan is not the one that its shapes speak for; nothing if it is, or none are told."""
    if not plan.shapes:
        return
    if of(plan) not in plan.shapes:
        yield f"shapes: none of them is that of the plan, {plan['cores']:g} cores"
    best = min(plan.shapes, key=lambda each: (each.peak_cores, each.cores))
    if best.cores != plan["cores"]:
        yield f"shapes: replicas of {best.cores:g} cores need the fewest, the plan's have {plan['cores']:g}"
