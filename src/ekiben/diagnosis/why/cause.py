"""Which cause keeps the replicas where they are: pure, from the HPA's conditions and its arithmetic.

Source: reasons as the controller sets them,
https://github.com/kubernetes/kubernetes/blob/v1.35.4/pkg/controller/podautoscaler/horizontal.go.
"""

from __future__ import annotations

from ekiben.clients.facts.document import condition
from ekiben.clients.facts.scaling import Scaler
from ekiben.diagnosis.why.answer import Cause, Scaling

_LIMITS = {
    "TooManyReplicas": Cause.MAXIMUM,
    "TooFewReplicas": Cause.MINIMUM,
    "ScaleUpLimit": Cause.POLICY,
    "ScaleDownLimit": Cause.POLICY,
}
_BOUNDS = {"Spec.MinReplicas": Cause.MINIMUM, "Spec.MaxReplicas": Cause.MAXIMUM}


def reason(scaler: Scaler, kind: str) -> str:
    """The reason of a condition; empty if the HPA has none such."""
    found = condition(scaler.conditions, kind)
    return found.reason if found else ""


def rescaled(scaler: Scaler) -> bool:
    """Whether the HPA's last look changed the replicas: its figures are from before."""
    return reason(scaler, "AbleToScale") == "SucceededRescale"


def find(facts: Scaling) -> Cause:
    """Find the cause."""
    scaler = facts.scaler
    if facts.deployment.wanted == 0 and (scaler is None or scaler.minimum > 0):
        return Cause.DISABLED
    if scaler is None:
        return Cause.FIXED
    return _idle(facts, scaler) or _bounded(facts, scaler) or _steered(facts, scaler)


def _idle(facts: Scaling, scaler: Scaler) -> Cause | None:
    """Why the HPA does nothing; None if it works."""
    able, active = condition(scaler.conditions, "AbleToScale"), condition(scaler.conditions, "ScalingActive")
    stopped = active is not None and active.status == "False"
    if facts.object is not None and facts.object.paused:
        return Cause.PAUSED
    if facts.rivals or reason(scaler, "ScalingActive") == "AmbiguousSelector":
        return Cause.RIVALS
    if scaler.target_name != facts.deployment.name or (able is not None and able.status == "False"):
        return Cause.NO_SCALE
    if stopped:
        disabled = reason(scaler, "ScalingActive") == "ScalingDisabled"
        return Cause.DISABLED if disabled else Cause.NO_FIGURES
    return None


def _bounded(facts: Scaling, scaler: Scaler) -> Cause | None:
    """What holds the HPA back from what its figures ask for; None if nothing does."""
    if rescaled(scaler) and facts.change is not None:
        for word, cause in _BOUNDS.items():
            if word in facts.change.reason:
                return cause
    limit = _LIMITS.get(reason(scaler, "ScalingLimited"))
    if limit is not None:
        return limit
    stabilized = reason(scaler, "AbleToScale") in ("ScaleDownStabilized", "ScaleUpStabilized")
    return Cause.WINDOW if stabilized else None


def _steered(facts: Scaling, scaler: Scaler) -> Cause:
    """The HPA does what its figures say."""
    found, wanted = facts.strongest, facts.deployment.wanted
    if found is None:
        return Cause.NO_FIGURES if scaler.conditions else Cause.SOON
    if not rescaled(scaler):
        if found.holds:
            return Cause.TOLERANCE
        if wanted == scaler.minimum and found.wanted <= scaler.minimum:
            return Cause.MINIMUM
    return Cause.METRIC if found.wanted == wanted else Cause.SOON
