"""What is played in front of the controller: each kind of metric, of window, of limit, of pods' lives."""

from __future__ import annotations

from typing import Any, Literal

from tests.oracles.closed_loop.trace import REQUESTS, Deed, Happening, Json, Silence, Trace


def _resource(percent: int, name: str = "cpu") -> Json:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": name, "target": target}}


def _average(quantity: str, name: str = "cpu") -> Json:
    target = {"type": "AverageValue", "averageValue": quantity}
    return {"type": "Resource", "resource": {"name": name, "target": target}}


def _container(percent: int) -> Json:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {
        "type": "ContainerResource",
        "containerResource": {"name": "cpu", "container": "app", "target": target},
    }


def _pods(quantity: str) -> Json:
    target = {"type": "AverageValue", "averageValue": quantity}
    return {"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": target}}


def _object(kind: Literal["Value", "AverageValue"], quantity: str) -> Json:
    described = {"apiVersion": "v1", "kind": "Service", "name": "model"}
    target = {"type": kind, kind[0].lower() + kind[1:]: quantity}
    return {
        "type": "Object",
        "object": {"describedObject": described, "metric": {"name": "hits"}, "target": target},
    }


def _external(kind: Literal["Value", "AverageValue"], quantity: str, name: str = "demand") -> Json:
    target = {"type": kind, kind[0].lower() + kind[1:]: quantity}
    return {"type": "External", "external": {"metric": {"name": name}, "target": target}}


def _rules(*policies: tuple[str, int, int], **more: Any) -> Json:
    made = [{"type": kind, "value": value, "periodSeconds": seconds} for kind, value, seconds in policies]
    return ({"policies": made} if made else {}) | more


_TWO = {"app": dict(REQUESTS), "proxy": {"cpu": 50, "memory": 16_000_000_000}}
_SLOW = {"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}}


def _template(number: int) -> Happening:
    change = {"spec": {"template": {"metadata": {"annotations": {"rollout": str(number)}}}}}
    return Happening(0.2 + 0.25 * number, "deployment", change)


def _bounds(at: float, low: int, high: int) -> Happening:
    return Happening(at, "hpa", {"spec": {"minReplicas": low, "maxReplicas": high}})


def _scale(at: float, replicas: int) -> Happening:
    return Happening(at, "deployment", {"spec": {"replicas": replicas}})


_DEEDS: tuple[Deed, ...] = ("fail", "unready") * 4
_RESTLESS = tuple(Happening(0.1 + 0.1 * number, deed) for number, deed in enumerate(_DEEDS))

TRACES: tuple[Trace, ...] = (
    Trace("cpu-step", (_resource(60),), "step"),
    Trace("cpu-ramp-default-behavior", (_resource(50),), "ramp", behavior={}),
    Trace("cpu-flash", (_resource(70),), "flash", high=10, peak=12.0),
    Trace(
        "cpu-bursty-policies",
        (_resource(60),),
        "bursty",
        behavior={
            "scaleUp": _rules(("Percent", 50, 4), ("Pods", 1, 2), selectPolicy="Min"),
            "scaleDown": _rules(("Pods", 1, 3), stabilizationWindowSeconds=8),
        },
    ),
    Trace(
        "cpu-edges",
        (_resource(60),),
        "edges",
        low=2,
        behavior={"scaleDown": _rules(stabilizationWindowSeconds=3)},
    ),
    Trace("cpu-slow-start", (_resource(60),), "bursty", pending_seconds=2.5, start_seconds=7.0),
    Trace("cpu-quiet-pods", (_resource(60),), "social", quiet=0.15),
    Trace(
        "cpu-outages",
        (_resource(60),),
        "diurnal",
        silences=(Silence(0.2, 0.3), Silence(0.5, 0.55, kind="empty"), Silence(0.7, 0.8, kind="404")),
    ),
    Trace("cpu-average", (_average("130m"),), "bursty", quiet=0.1),
    Trace(
        "memory",
        (_resource(80, "memory"),),
        "ramp",
        low=2,
        behavior={"scaleDown": _rules(stabilizationWindowSeconds=0)},
    ),
    Trace("cpu-container", (_container(55),), "step", requests=_TWO),
    Trace("cpu-two-containers", (_resource(65),), "diurnal", requests=_TWO, end_seconds=4.0),
    Trace("pods", (_pods("20"),), "flash"),
    Trace("pods-quiet", (_pods("7500m"),), "bursty", quiet=0.2, pending_seconds=2.0, start_seconds=4.0),
    Trace(
        "pods-edges",
        (_pods("1k"),),
        "edges",
        low=2,
        behavior={"scaleDown": _rules(stabilizationWindowSeconds=0)},
    ),
    Trace("object-value", (_object("Value", "100"),), "ramp", low=2),
    Trace("object-average", (_object("AverageValue", "33"),), "social"),
    Trace("external-average", (_external("AverageValue", "10"),), "bursty"),
    Trace("external-value", (_external("Value", "250m"),), "step", start_seconds=3.0),
    Trace(
        "external-outages",
        (_external("AverageValue", "10"),),
        "diurnal",
        behavior={},
        silences=(Silence(0.25, 0.35, kind="404"), Silence(0.6, 0.7, kind="empty"), Silence(0.8, 0.83)),
    ),
    Trace(
        "external-edges",
        (_external("AverageValue", "3"),),
        "edges",
        low=2,
        behavior={"scaleDown": _rules(stabilizationWindowSeconds=2)},
    ),
    Trace("external-to-zero", (_external("AverageValue", "5"),), "sparse", low=0, replicas=1),
    Trace("cpu-and-external", (_resource(60), _external("AverageValue", "10")), "bursty"),
    Trace(
        "three-one-fails",
        (_resource(70), _pods("20"), _external("Value", "2")),
        "diurnal",
        silences=(Silence(0.2, 0.4, 1), Silence(0.5, 0.7, 0, "empty"), Silence(0.75, 0.85, 2, "404")),
        behavior={"scaleDown": _rules(stabilizationWindowSeconds=4)},
    ),
    Trace(
        "tolerances",
        (_resource(100),),
        "social",
        behavior={
            "scaleUp": _rules(tolerance="0.3"),
            "scaleDown": _rules(tolerance="20m", stabilizationWindowSeconds=2),
        },
    ),
    Trace(
        "windows",
        (_external("AverageValue", "10"),),
        "bursty",
        behavior={
            "scaleUp": _rules(stabilizationWindowSeconds=6),
            "scaleDown": _rules(("Percent", 30, 5), stabilizationWindowSeconds=12),
        },
    ),
    Trace(
        "never-down",
        (_pods("20"),),
        "social",
        behavior={"scaleUp": _rules(("Pods", 2, 6)), "scaleDown": _rules(selectPolicy="Disabled")},
        happenings=(_scale(0.5, 2),),
    ),
    Trace(
        "bounds-move",
        (_resource(60),),
        "bursty",
        behavior={},
        happenings=(_bounds(0.2, 4, 6), _bounds(0.4, 1, 3), _bounds(0.6, 2, 12), _bounds(0.8, 9, 9)),
    ),
    Trace(
        "rollouts",
        (_external("AverageValue", "10"),),
        "constant",
        peak=6.0,
        strategy=_SLOW,
        behavior={"scaleDown": _rules(("Pods", 1, 10), stabilizationWindowSeconds=3)},
        happenings=tuple(_template(number) for number in range(3)),
        start_seconds=3.0,
    ),
    Trace(
        "cpu-rollouts",
        (_resource(60),),
        "diurnal",
        strategy=_SLOW,
        happenings=tuple(_template(number) for number in range(3)),
        start_seconds=2.0,
        end_seconds=3.0,
    ),
    Trace(
        "scaled-by-hand",
        (_resource(60),),
        "constant",
        peak=4.0,
        happenings=(_scale(0.2, 20), _scale(0.4, 0), _scale(0.55, 3), _scale(0.75, 1)),
    ),
    Trace(
        "restless-pods", (_resource(60),), "diurnal", low=3, happenings=_RESTLESS, quiet=0.05, end_seconds=5.0
    ),
)
