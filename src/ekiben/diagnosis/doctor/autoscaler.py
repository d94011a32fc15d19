"""The links from figures to replicas: KEDA where it is, the HPA, and what its conditions say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from ekiben.clients.facts.document import condition
from ekiben.clients.facts.scaling import ScaledObject, Scaler
from ekiben.clients.facts.workload import Container
from ekiben.diagnosis.doctor.link import Finding, Subject, broken, sound, unknown, warning
from ekiben.diagnosis.doctor.metrics_api import KNOWN_SECONDS
from ekiben.diagnosis.doctor.pods import Pods, aged

_KEDA_PREFIX = "keda-hpa-"  # of the HPA that KEDA makes; the chart says the same


@dataclass(frozen=True, slots=True)
class Scaled:
    """What this group is judged by.

    Attributes:
        scalers: All HPAs of the namespace.
        objects: All ScaledObjects of the namespace.
        expected: The release is to have an HPA, by `ekiben.yaml`.
        minimum: Fewest replicas, by `ekiben.yaml`.
        blind: Queries of the ScaledObject that Prometheus has no number for.
    """

    scalers: tuple[Scaler, ...] = ()
    objects: tuple[ScaledObject, ...] = ()
    expected: bool = True
    minimum: int = 1
    blind: tuple[str, ...] = ()

    def own(self, release: str) -> Scaler | None:
        """The release's HPA: by its name, or by what it scales where another tool named it."""
        named = [one for one in self.scalers if one.name in (release, f"{_KEDA_PREFIX}{release}")]
        if len(named) > 1:  # a switch to KEDA is under way
            named = [one for one in named if one.target_name == release] or named
        aimed = [one for one in self.scalers if _aims(one, release)]
        return next(iter(named or aimed), None)


def judge(subject: Subject, pods: Pods, facts: Scaled) -> Iterator[Finding]:
    """Judge these links, in their order."""
    yield from _keda(subject, facts)
    own = facts.own(subject.release)
    if own is None:
        yield _without(subject, pods, facts)
        return
    yield _aimed(subject, own)
    yield _alone(subject, own, facts.scalers)
    if not own.conditions:
        why = "the controller has not looked at the HPA yet"
        yield from (unknown(name, why) for name in ("hpa-scale", "hpa-metrics", "hpa-maximum"))
        return
    yield _able(subject, own)
    yield _active(subject, pods, own)
    yield _limited(subject, own)


def _aims(one: Scaler, release: str) -> bool:
    return (one.target_kind, one.target_name) == ("Deployment", release)


def _keda(subject: Subject, facts: Scaled) -> Iterator[Finding]:
    found = next((one for one in facts.objects if one.target_name == subject.release), None)
    if found is None:
        return
    ready, fallback = condition(found.conditions, "Ready"), condition(found.conditions, "Fallback")
    look = subject.kubectl("describe", "scaledobject", found.name)
    if ready is not None and ready.status == "False":
        yield broken(
            "keda", f"the ScaledObject {found.name} is not ready: {ready.reason}: {ready.message}", look
        )
    elif facts.blind:
        yield broken("keda", f"Prometheus has no number for its query {facts.blind[0]}", look)
    elif found.paused:
        mend = subject.kubectl("annotate", "scaledobject", found.name, "autoscaling.keda.sh/paused-")
        yield warning("keda", f"the ScaledObject {found.name} is paused: nothing scales", mend)
    elif fallback is not None and fallback.status == "True":
        yield warning("keda", f"a trigger fails, the fallback's replicas hold: {fallback.message}", look)
    else:
        yield sound("keda", f"the ScaledObject {found.name} made the HPA {found.scaler}")


def _without(subject: Subject, pods: Pods, facts: Scaled) -> Finding:
    if facts.expected:
        return broken(
            "hpa",
            f"no HPA scales the Deployment {subject.release}, and ekiben.yaml wants one",
            f"ekiben release {subject.model}",
        )
    return sound("hpa", f"none wanted: {pods.deployment.wanted} replicas are fixed")


def _aimed(subject: Subject, own: Scaler) -> Finding:
    if _aims(own, subject.release):
        return sound("hpa", f"{own.name}: {own.minimum} to {own.maximum} replicas")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": subject.release}
    patch = json.dumps({"spec": {"scaleTargetRef": target}})
    return broken(
        "hpa",
        f"the HPA {own.name} scales {own.target_kind} {own.target_name}, not Deployment {subject.release}",
        subject.kubectl("patch", "hpa", own.name, f"-p={patch}"),
    )


def _alone(subject: Subject, own: Scaler, scalers: tuple[Scaler, ...]) -> Finding:
    rivals = [one.name for one in scalers if one.name != own.name and _aims(one, subject.release)]
    said = condition(own.conditions, "ScalingActive")
    if rivals:
        return broken(
            "hpa-alone",
            f"the HPAs {', '.join((own.name, *rivals))} all scale {subject.release}: none of them works",
            subject.kubectl("delete", "hpa", *rivals),
        )
    if said is not None and said.reason == "AmbiguousSelector":
        return broken("hpa-alone", said.message, subject.kubectl("get", "hpa"))
    return sound("hpa-alone", "it is the only one")


def _able(subject: Subject, own: Scaler) -> Finding:
    said = condition(own.conditions, "AbleToScale")
    if said is not None and said.status == "False":
        return broken(
            "hpa-scale", f"{said.reason}: {said.message}", subject.kubectl("describe", "hpa", own.name)
        )
    return sound("hpa-scale", "it can")


def _active(subject: Subject, pods: Pods, own: Scaler) -> Finding:
    said = condition(own.conditions, "ScalingActive")
    if said is None or said.status != "False":
        return sound("hpa-metrics", _readings(own))
    bare = _without_request(pods)
    if bare and any("Resource" in str(one.get("type")) for one in own.spec.get("metrics") or ()):
        named = bare.name
        request = subject.kubectl(
            "set", "resources", "deployment", subject.release, "-c", named, "--requests=cpu=..."
        )
        return broken(
            "hpa-metrics",
            f"the container {named} requests no CPU: there is nothing to take a share of ({said.reason})",
            f"set `release.resources.cpu_request`, then `ekiben release {subject.model}`; or {request}",
        )
    if not aged(pods.serving, subject.now, KNOWN_SECONDS) and said.reason.startswith("FailedGet"):
        return sound("hpa-metrics", f"none yet: its pods are too new for a sample ({said.reason})")
    return broken(
        "hpa-metrics", f"{said.reason}: {said.message}", subject.kubectl("describe", "hpa", own.name)
    )


def _without_request(pods: Pods) -> Container | None:
    for pod in pods.alive:  # the HPA wants a request of pods that start, too
        for one in pod.containers:
            if "cpu" not in one.requests and "cpu" not in pod.pod_requests:
                return one
    return None


def _readings(own: Scaler) -> str:
    for one in own.readings:
        percent = one.get("resource", {}).get("current", {}).get("averageUtilization")
        if percent is not None:
            name = one["resource"]["name"]
            return f"{'CPU' if name == 'cpu' else name} use is {percent} % of the request"
    return "it has them"


def _limited(subject: Subject, own: Scaler) -> Finding:
    said = condition(own.conditions, "ScalingLimited")
    if said is not None and said.status == "True" and said.reason == "TooManyReplicas":
        return warning(
            "hpa-maximum",
            f"it would run more, but {own.maximum} is the maximum; {_readings(own)}",
            f"raise `scale.max_replicas` in ekiben.yaml, then `ekiben release {subject.model}`",
        )
    return sound("hpa-maximum", f"{own.desired} of at most {own.maximum} wanted")
