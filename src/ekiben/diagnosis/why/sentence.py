"""The answer in one sentence, with its numbers: pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from ekiben.clients.facts.document import condition
from ekiben.clients.facts.scaling import Scaler
from ekiben.diagnosis.why.answer import Cause, Scaling
from ekiben.diagnosis.why.cause import reason, rescaled
from ekiben.diagnosis.why.derivation import Derivation
from ekiben.scale.hpa.autoscaler import Autoscaler, Flags
from ekiben.scale.hpa.behavior import DEFAULT_DOWN, DEFAULT_UP, Rules

_NAMES = {"cpu": "CPU use", "memory": "memory use"}


def write(facts: Scaling, cause: Cause) -> str:
    """Write the sentence."""
    wanted, ready = facts.deployment.wanted, facts.ready
    head = replicas(wanted) + ("" if ready == wanted else f" ({ready} ready)")
    body = _WORDS[cause](facts)
    since = _since(facts) if cause not in _WITHOUT_CHANGE else ""
    return f"{head}, because {body}{since}."


def clock(at: float) -> str:
    """A time of day, UTC: what the API and the logs say."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC"


def replicas(number: int) -> str:
    """Write a number of replicas."""
    return f"{number} replica" if number == 1 else f"{number} replicas"


def rules_of(scaler: Scaler, *, up: bool) -> Rules:
    """The HPA's rules for one direction, with Kubernetes' defaults."""
    behavior = Autoscaler.of(scaler.spec).behavior
    if behavior is None:
        return DEFAULT_UP if up else DEFAULT_DOWN
    return behavior.up if up else behavior.down


def window_seconds(rules: Rules) -> float:
    """The stabilization window; the controller's own where the HPA has none."""
    return Flags().downscale_stabilization_seconds if rules.window_seconds is None else rules.window_seconds


def _fixed(facts: Scaling) -> str:
    return f"the Deployment asks for {facts.deployment.wanted} and no HPA changes that"


def _disabled(facts: Scaling) -> str:
    hpa = "no HPA changes that" if facts.scaler is None else "an HPA does nothing at 0"
    return f"{facts.deployment.name} was set to 0 by hand, and {hpa} until it is set to 1 or more"


def _rivals(facts: Scaling) -> str:
    names = ", ".join((_scaler(facts).name, *facts.rivals))
    told = condition(_scaler(facts).conditions, "ScalingActive")
    own = f": {told.reason}" if told is not None and told.status == "False" else ""
    return f"more than one HPA has its pods ({names}) and they keep each other from scaling{own}"


def _no_scale(facts: Scaling) -> str:
    scaler = _scaler(facts)
    able = condition(scaler.conditions, "AbleToScale")
    why = f" ({able.reason}: {able.message})" if able is not None and able.status == "False" else ""
    return (
        f"nothing changes that: the HPA {scaler.name} scales {scaler.target_kind} {scaler.target_name}{why}"
    )


def _no_figures(facts: Scaling) -> str:
    told = condition(_scaler(facts).conditions, "ScalingActive")
    why = f": {told.reason}: {told.message}" if told is not None and told.status == "False" else ""
    return f"the HPA {_scaler(facts).name} has no figures to go by and keeps what there is{why}"


def _paused(facts: Scaling) -> str:
    name = facts.object.name if facts.object else ""
    return f"the ScaledObject {name} is paused (annotation autoscaling.keda.sh/paused)"


def _minimum(facts: Scaling) -> str:
    scaler, found = _scaler(facts), facts.strongest
    asks = f": {_metric(facts, found)}, {_formula(found)} would do" if found else ""
    return f"{scaler.minimum} is the minimum{asks}; the maximum is {scaler.maximum}"


def _maximum(facts: Scaling) -> str:
    scaler, found = _scaler(facts), facts.strongest
    asks = f": {_metric(facts, found)}, {_formula(found)} would be wanted" if found else ""
    return f"{scaler.maximum} is the maximum{asks}"


def _window(facts: Scaling) -> str:
    scaler, found = _scaler(facts), facts.strongest
    up = reason(scaler, "AbleToScale") == "ScaleUpStabilized"
    kept = "fewest" if up else "most"
    seconds = window_seconds(rules_of(scaler, up=up))
    asks = f"; now {_metric(facts, found)}: {_formula(found)} would do" if found else ""
    return f"the HPA keeps the {kept} that it wanted in the last {seconds:g} s (stabilization window){asks}"


def _policy(facts: Scaling) -> str:
    scaler, found = _scaler(facts), facts.strongest
    up = reason(scaler, "ScalingLimited") == "ScaleUpLimit"
    rules = rules_of(scaler, up=up)
    steps = " or ".join(
        f"{one.value} {'%' if one.kind == 'Percent' else 'pods'} in {one.period_seconds} s"
        for one in rules.policies
    )
    asks = f": {_metric(facts, found)}, {_formula(found)} is wanted" if found else ""
    way = "up" if up else "down"
    return f"the scale-{way} policy allows {steps} ({rules.select}){asks}; {_bounds(scaler)}"


def _tolerance(facts: Scaling) -> str:
    found = facts.strongest
    assert found is not None  # noqa: S101  # the cause is found by it
    return (
        f"{_metric(facts, found)}: {found.formula} is within the tolerance of "
        f"{_percents(found.tolerance_ratio)}, so nothing changes; {_bounds(_scaler(facts))}"
    )


def _by_metric(facts: Scaling) -> str:
    found = facts.strongest
    assert found is not None  # noqa: S101  # the cause is found by it
    return f"{_metric(facts, found)}: {_formula(found)}; {_bounds(_scaler(facts))}"


def _soon(facts: Scaling) -> str:
    scaler, found = _scaler(facts), facts.strongest
    asks = f": {_metric(facts, found)}, {_formula(found)}" if found else ""
    return f"the HPA wanted {scaler.desired} when it last looked and has not acted on what is now{asks}"


_WORDS: dict[Cause, Callable[[Scaling], str]] = {
    Cause.FIXED: _fixed,
    Cause.DISABLED: _disabled,
    Cause.RIVALS: _rivals,
    Cause.NO_SCALE: _no_scale,
    Cause.NO_FIGURES: _no_figures,
    Cause.PAUSED: _paused,
    Cause.MINIMUM: _minimum,
    Cause.MAXIMUM: _maximum,
    Cause.WINDOW: _window,
    Cause.POLICY: _policy,
    Cause.TOLERANCE: _tolerance,
    Cause.METRIC: _by_metric,
    Cause.SOON: _soon,
}
_WITHOUT_CHANGE = frozenset({Cause.FIXED, Cause.DISABLED, Cause.PAUSED})


def _scaler(facts: Scaling) -> Scaler:
    assert facts.scaler is not None  # noqa: S101  # causes that ask for it have one
    return facts.scaler


def _metric(facts: Scaling, found: Derivation) -> str:
    scaler = _scaler(facts)
    then = rescaled(scaler) and scaler.rescaled_at is not None
    verb = "was" if then else "is"
    at = f" at {clock(scaler.rescaled_at)}" if then and scaler.rescaled_at is not None else ""
    name = _NAMES.get(found.metric, found.metric)
    if found.percent:
        return f"{name} {verb} {found.value} % of the request{at} with a target of {found.target} %"
    return f"{name} {verb} {found.value / 1000:g}{at} with a target of {found.target / 1000:g} per replica"


def _percents(share: float) -> str:
    return f"{100 * share:g} %"


def _formula(found: Derivation) -> str:
    if found.holds and not (found.unready or found.missing):
        return f"{found.formula}, within {_percents(found.tolerance_ratio)} of 1: {replicas(found.wanted)}"
    return found.formula


def _bounds(scaler: Scaler) -> str:
    return f"the minimum is {scaler.minimum}, the maximum {scaler.maximum}"


def _since(facts: Scaling) -> str:
    """How it came to this number, where the HPA's present figures are not those that it acted on."""
    change = facts.change
    if change is None or change.after != facts.deployment.wanted or rescaled(_scaler(facts)):
        return ""
    before = "" if change.before is None else f"{change.before} became "
    percent = "" if change.percent is None else f", CPU use was about {change.percent:.0f} % of the request"
    return f"; since {clock(change.at)}, when {before}{change.after} ({change.reason}{percent})"
