"""Random cases of the HPA's arithmetic, as both sides read them.

A case is the controller's flags, the spec of an HPA as in a manifest, and some syncs. A sync has the clock,
the scale (`spec` absent: what the sync before left; `status` absent: as the spec; `hpa`: the spec from now
on), pods (n name, p phase, d deleted, s start, c Ready as {s status, t since}, r requests by container and
resource, pr requests of the whole pod) and what was read of each metric: `error`, `pods` as {name: [value,
time, window]}, or `values`. Values are thousandths. Times are multiples of 1/8 s, which floats hold exactly,
so that cut-offs are hit.
"""

from __future__ import annotations

import random
from typing import Any

Json = dict[str, Any]

_TOLERANCES = ("0", "0", "0.05", "50m", "0.1", "0.07", "0.2", "1", "333m", "57e-3", "1.15", "123456789n")
_TARGET_PERCENTS = (1, 10, 33, 50, 60, 70, 75, 80, 90, 100, 113, 150, 200)
_QUANTITIES = ("1", "10", "500m", "1.5", "100", "7", "3m", "1k", "0.0005", "2Ki", "1e2", "33.3")
_KINDS = ("Resource", "ContainerResource", "Pods", "Object", "External")
_STEPS = (1, 1, 1, 1, 2, 2, 3, 4, 6, 10)
_ADVANCES = (0.125, 1.0, 14.875, 15.0, 15.0, 15.0, 15.0, 15.125, 30.0, 60.0, 59.875, 120.0, 300.0, 300.125)
_CONTAINERS = (("app",), ("app",), ("app",), ("app", "proxy"), ("app", "sidecar"))


def case(generator: random.Random) -> Json:
    """Draw a case."""
    choose = generator.choice
    first = spec = _hpa(generator)
    now = 1000.0 + generator.randrange(8)
    steps = []
    for number in range(choose(_STEPS)):
        changes = number > 0 and generator.random() < 0.03
        if changes:
            spec = _hpa(generator)
        step = _step(generator, spec, now, first=number == 0)
        steps.append(step | ({"hpa": spec} if changes else {}))
        now += choose(_ADVANCES)
    flags = {
        "tolerance": choose((0.1, 0.1, 0.1, 0.05, 0.0, 0.3)),
        "downscale_stabilization": choose((300.0, 300.0, 60.0, 15.0, 0.0, 12.5)),
        "cpu_initialization_period": choose((300.0, 300.0, 120.0, 10.0)),
        "initial_readiness_delay": choose((30.0, 30.0, 10.0)),
    }
    return {"flags": flags, "spec": first, "steps": steps}


def _hpa(generator: random.Random) -> Json:
    random_, choose = generator.random, generator.choice
    metrics = _metrics(generator)
    low = choose((None, 1, 1, 2, 2, 3, 5))
    if random_() < 0.1 and any(each["type"] in ("Object", "External") for each in metrics):
        low = 0
    high = max(low or 1, choose((1, 5, 8, 10, 20, 50, 200, 1000)) if random_() > 0.02 else 2**31 - 1)
    made: Json = {"maxReplicas": high, "metrics": metrics}
    if low is not None:
        made["minReplicas"] = low
    if random_() < 0.6:
        made["behavior"] = {
            key: _rules(generator, window=window)
            for key, window in (("scaleUp", (0, 0, 15, 30, 60)), ("scaleDown", (0, 0, 0, 15, 60, 124, 300)))
            if random_() < 0.8
        }
    return made


def _rules(generator: random.Random, window: tuple[int, ...]) -> Json:
    random_, choose = generator.random, generator.choice
    made: Json = {}
    if random_() < 0.7:
        made["stabilizationWindowSeconds"] = choose(window)
    if random_() < 0.6:
        made["tolerance"] = choose(_TOLERANCES)
    if random_() < 0.4:
        made["selectPolicy"] = choose(("Max", "Max", "Min", "Min", "Disabled"))
    if random_() < 0.7:
        made["policies"] = [
            {
                "type": choose(("Pods", "Percent")),
                "value": choose((1, 1, 2, 4, 5, 10, 18, 20, 33, 50, 100, 150, 200, 900)),
                "periodSeconds": choose((1, 15, 15, 30, 60, 120, 1800)),
            }
            for _ in range(choose((1, 1, 2, 2, 3)))
        ]
    return made


def _metrics(generator: random.Random) -> list[Json]:
    choose = generator.choice
    made: dict[str, Json] = {}
    for number in range(choose((1, 1, 1, 1, 2, 2, 3))):
        kind = choose(_KINDS)
        if kind.endswith("Resource"):
            name = choose(("cpu", "cpu", "cpu", "memory"))
            target = choose((("averageUtilization",), ("averageUtilization",), ("averageValue",)))[0]
            block: Json = {"name": name, "target": _target(generator, target)}
            if kind == "ContainerResource":
                block["container"] = choose(("app", "app", "app", "sidecar"))
            made[f"{kind} {name} {block.get('container')}"] = {
                "type": kind,
                kind[0].lower() + kind[1:]: block,
            }
            continue
        target = "averageValue" if kind == "Pods" else choose(("value", "averageValue"))
        block = {"metric": {"name": f"metric-{number}"}, "target": _target(generator, target)}
        if kind == "Object":
            block["describedObject"] = {"apiVersion": "v1", "kind": "Service", "name": "model"}
        made[f"{kind} {number}"] = {"type": kind, kind.lower(): block}
    return list(made.values())


def _target(generator: random.Random, field: str) -> Json:
    if field == "averageUtilization":
        return {"type": "Utilization", field: generator.choice(_TARGET_PERCENTS)}
    return {"type": field[0].upper() + field[1:], field: generator.choice(_QUANTITIES)}


def _step(generator: random.Random, spec: Json, now: float, *, first: bool) -> Json:
    random_, choose = generator.random, generator.choice
    made: Json = {"now": now}
    replicas = choose((0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 12))
    if random_() < 0.02:
        replicas = choose((47, 100, 999, 1000, 5000, 2**30, 2**31 - 1))
    if first or random_() < 0.1:
        made["spec"] = replicas
    if random_() < 0.15:
        made["status"] = min(2**31 - 1, max(0, replicas + choose((-2, -1, 1, 1, 2, 3))))
    count = max(0, min(replicas, 40 if random_() < 0.02 else 12) + choose((0, 0, 0, 0, 0, -1, 1, 2)))
    made["pods"] = pods = _pods(generator, count, now)
    made["read"] = [_reading(generator, each, pods, replicas, now) for each in spec["metrics"]]
    return made


def _pods(generator: random.Random, count: int, now: float) -> list[Json]:
    random_, choose = generator.random, generator.choice
    calm = random_() < 0.5
    cpu, memory = choose((100, 200, 250, 333, 500, 1000)), choose((64 * 2**20 * 1000, 500_000_000_000))
    requests = {name: {"cpu": cpu, "memory": memory} for name in choose(_CONTAINERS)}
    if random_() < 0.05:
        requests["proxy"] = choose(({}, {"cpu": 50}))
    plain = {"p": "Running", "s": now - 1000, "c": {"s": "True", "t": now - 990}, "r": requests}
    if random_() < 0.05:
        plain["pr"] = choose(({"cpu": 300}, {"memory": 2**30 * 1000}, {"cpu": 1, "memory": 5}, {}))
    return [
        {"n": f"p{number}"} | (plain if calm or random_() < 0.6 else _restless(generator, plain, now))
        for number in range(count)
    ]


def _restless(generator: random.Random, plain: Json, now: float) -> Json:
    """A pod that starts, ends or lacks something."""
    random_, choose = generator.random, generator.choice
    made = dict(plain)
    if random_() < 0.3:
        made["p"] = choose(("Pending", "Pending", "Failed", "Succeeded", "Unknown"))
    if random_() < 0.1:
        made["d"] = True
    if random_() < 0.8:
        age = choose((0.0, 5.0, 10.0, 29.875, 30.0, 45.0, 120.0, 120.125, 299.875, 300.0, 300.125, 600.0))
        made["s"] = now - age
        since = now - age + choose((0.0, 1.0, 9.875, 10.0, 10.125, 29.875, 30.0, 30.125, 60.0))
        made["c"] = {"s": choose(("True", "True", "False", "False", "Unknown")), "t": since}
    if random_() < 0.05:
        made["s"] = None
    if random_() < 0.05:
        made["c"] = None
    if random_() < 0.06:
        made["r"] = {name: choose(({}, {"cpu": 0}, {"cpu": 150, "memory": 1})) for name in plain["r"]}
    return made


def _reading(generator: random.Random, metric: Json, pods: list[Json], replicas: int, now: float) -> Json:
    random_, choose = generator.random, generator.choice
    if random_() < 0.06:
        return {"error": True}
    kind = metric["type"]
    block = metric[kind[0].lower() + kind[1:]]
    target = block["target"]
    aimed = 1000 if "averageUtilization" in target else max(1, round(1000 * _rough(target)))
    load = choose((0.0, 0.3, 0.5, 0.85, 0.9, 0.95, 1.0, 1.0, 1.05, 1.1, 1.1001, 1.2, 1.5, 2.0, 3.7, 20.0))
    if kind in ("Object", "External"):
        whole = (
            load * aimed * (max(1, replicas) if target["type"] == "AverageValue" or random_() < 0.3 else 1)
        )
        if random_() < 0.01:
            whole = choose((-5.0, -3000.0, 2.0**63 - 1024, 2.0**62, 2.0**40))
        if kind == "Object":
            return {"values": [int(whole)]}
        parts = choose((0, 1, 1, 1, 2, 3))
        return {"values": [int(whole) if number else int(whole / max(1, parts)) for number in range(parts)]}
    if random_() < 0.003:
        aimed = choose((2**53, 2**50))  # sums of these wrap
    loads = [load if random_() < 0.5 else load * choose((0.0, 0.5, 0.9, 1.1, 2.0)) for _ in pods]
    found = {
        each["n"]: [
            int(_base(each, block, aimed) * one),
            now - choose((0.0, 1.0, 15.0, 15.0, 29.875, 30.0)),
            choose((15.0, 15.0, 30.0, 10.0)),
        ]
        for each, one in zip(pods, loads, strict=True)
        if random_() > 0.07
    }
    if random_() < 0.04:
        found["gone"] = [int(aimed * load), now, 15.0]
    return {"pods": found}


def _base(pod: Json, block: Json, aimed: int) -> float:
    """What a pod uses on target."""
    if "averageUtilization" not in block["target"]:
        return aimed
    requested = [each.get(block["name"], 0) for each in pod["r"].values()]
    return float(sum(requested) * block["target"]["averageUtilization"] / 100)


def _rough(target: Json) -> float:
    """About the number of a quantity, for drawing around it."""
    text = str(target.get("value", target.get("averageValue")))
    for suffix, scale in (("m", 1e-3), ("Ki", 1024.0), ("k", 1e3)):
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * scale
    return float(text)
