"""What `why` answers: the cause by name, one sentence, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ekiben.clients.facts.scaling import PodUsage, ScaledObject, Scaler
from ekiben.clients.facts.workload import Deployment, Replica
from ekiben.diagnosis.why.derivation import Derivation
from ekiben.jsonable import jsonable


class Cause(StrEnum):
    """What keeps the number of replicas where it is."""

    FIXED = "fixed"
    DISABLED = "disabled"
    RIVALS = "rivals"
    NO_SCALE = "no-scale"
    NO_FIGURES = "no-figures"
    PAUSED = "paused"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    WINDOW = "window"
    POLICY = "policy"
    TOLERANCE = "tolerance"
    METRIC = "metric"
    SOON = "soon"


@dataclass(frozen=True, slots=True)
class Change:
    """The HPA's last change.

    Attributes:
        at: When, seconds since the epoch.
        before: Replicas before; None if no event tells.
        after: Replicas after.
        reason: The controller's words.
        percent: CPU use then, % of the request, by Prometheus; None if it does not know.
    """

    at: float
    before: int | None
    after: int
    reason: str
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Scaling:
    """What `why` is answered from.

    Attributes:
        deployment: The Deployment.
        replicas: Its pods.
        scaler: Its HPA; None without one.
        rivals: Names of other HPAs of the same Deployment.
        object: The ScaledObject that made the HPA, if KEDA did.
        derivations: What each metric asks for.
        change: The HPA's last change, as far as events reach back.
        usages: What the metrics API knows of the pods.
        now: Seconds since the epoch.
    """

    deployment: Deployment
    replicas: tuple[Replica, ...]
    scaler: Scaler | None
    rivals: tuple[str, ...] = ()
    object: ScaledObject | None = None
    derivations: tuple[Derivation, ...] = ()
    change: Change | None = None
    usages: tuple[PodUsage, ...] = ()
    now: float = 0.0

    @property
    def ready(self) -> int:
        """Ready pods that are not told to end."""
        return sum(one.serves for one in self.replicas)

    @property
    def strongest(self) -> Derivation | None:
        """The metric that asks for most: the HPA takes its answer."""
        return max(self.derivations, key=lambda one: one.wanted, default=None)


@dataclass(frozen=True, slots=True)
class Why:
    """Why a release has as many replicas as it has.

    Attributes:
        at: When, ISO 8601 with offset.
        context: The cluster's context.
        namespace: Of the release.
        release: Its name.
        sentence: The answer.
        cause: The same as one word.
        wanted: Replicas that the Deployment is asked for.
        ready: Ready ones.
        desired: What the HPA wants; None without one.
        minimum: Its fewest.
        maximum: Its most.
        derivations: What each metric asks for.
        change: The HPA's last change.
        notes: What else plays a part.
    """

    at: str
    context: str
    namespace: str
    release: str
    sentence: str
    cause: Cause
    wanted: int
    ready: int
    desired: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    derivations: tuple[Derivation, ...] = ()
    change: Change | None = None
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Give everything as JSON types."""
        found: Mapping[str, Any] = jsonable(self)
        return dict(found)
