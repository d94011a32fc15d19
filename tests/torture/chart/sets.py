"""Random value sets: the chart's own keys from its schema, Kubernetes' blocks from samples; none may fail.

`allowed` says once more, and otherwise than the chart does, which values exclude each other: a set that the
chart refuses all the same, or an object that no Kubernetes takes, is an error of one of the two.
"""

from __future__ import annotations

import functools
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.chart import schemas, scorers
from tests.chart.conftest import CHART
from tests.torture.chart import blocks, draw, outcomes
from tests.torture.chart.outcomes import Batch
from tests.torture.pod import results

from ekiben.clients import helm, tools
from ekiben.errors import ToolError

_BATCH = 50  # sets that are checked by one kubeconform for each version
_HERE = Path(__file__).parent
_RELEASES = ("iris", "true", "null", "off", "a-" + "b" * 51)  # the last of the 53 characters that Helm takes
_NOT_DRAWN = "global"


def run(number: int, seed: int, seconds: float, say: Callable[[str], None]) -> int:
    """Draw and check the sets 0 to `number` that this chart has no batch of yet; gives 1 if one failed.

    Args:
        number: How many in all.
        seed: Of all of them.
        seconds: After so long no further batch begins.
        say: Told of each batch.
    """
    began, known = time.monotonic(), done(seed)
    bad = any(one.errors for one in known)
    firsts = {one.first for one in known}
    for first in range(0, number, _BATCH):
        if first in firsts:
            continue
        if time.monotonic() - began > seconds:
            say(f"ended at {first} of {number} sets: run it again to go on")
            return 1
        found = batch(first, min(_BATCH, number - first), seed)
        outcomes.append(found)
        say(f"sets {first} to {first + found.number - 1}: {len(found.errors)} errors, {found.seconds:.0f} s")
        for line in found.errors:
            say(f"  {line}")
        bad = bad or bool(found.errors)
    return int(bad)


def code() -> str:
    """Hash of what decides about a batch: the chart, the samples, the generator."""
    return f"{outcomes.chart_code()} {results.digest(_HERE / f'{n}.py' for n in ('blocks', 'draw', 'sets'))}"


def done(seed: int) -> list[Batch]:
    """Batches of this chart, generator and seed."""
    found = [one for one in outcomes.read() if isinstance(one, Batch)]
    return [one for one in found if (one.code, one.seed) == (code(), seed)]


def batch(first: int, number: int, seed: int) -> Batch:
    """Draw, lint, render and check some sets."""
    started, began = datetime.now(UTC), time.monotonic()
    errors: list[str] = []
    touched: set[str] = set()
    objects = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        schemas.write(folder / "schemas")
        files: list[Path] = []
        for which in range(first, first + number):
            values = drawn(which, seed)
            touched |= set(_paths(values))
            try:
                text = scorers.rendered(
                    values, release=_RELEASES[which % len(_RELEASES)]
                )  # first: its refusals say more than those of lint
                helm.lint(tools.find("helm"), CHART, values)
            except ToolError as error:
                errors.append(f"set {which}: {error.last_lines}")
                continue
            files.append(folder / f"set-{which}.yaml")
            files[-1].write_text(text, encoding="utf-8")
            objects += text.count("\nkind: ")
        errors += schemas.errors(files, folder / "schemas")
    return Batch(
        first=first,
        number=number,
        seed=seed,
        code=code(),
        objects=objects,
        errors=tuple(errors),
        values_touched=len(touched),
        commit=results.commit(),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 1),
    )


def drawn(which: int, seed: int) -> dict[str, Any]:
    """One set of values that the chart must take."""
    chance = random.Random(f"{seed} {which}")  # noqa: S311  # not for secrets
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return allowed(_section(schema, chance, ""), chance)


def _section(schema: Mapping[str, Any], chance: random.Random, above: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, one in schema["properties"].items():
        path = f"{above}{key}"
        if path == _NOT_DRAWN or chance.random() < 0.4:
            continue
        if path in blocks.BLOCKS:
            found[key] = json.loads(json.dumps(chance.choice(blocks.BLOCKS[path])))
        elif "properties" in one:
            found[key] = (
                _section(one, chance, f"{path}.")
                if key not in ("requests", "limits")
                else draw.value(one, chance)
            )
        else:
            found[key] = draw.value(one, chance)
    return found


@functools.cache
def _leaves() -> frozenset[str]:
    """Paths of the schema's values."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return frozenset(_schema_paths(schema, ""))


def _schema_paths(schema: Mapping[str, Any], above: str) -> Iterator[str]:
    for key, one in schema["properties"].items():
        if "properties" in one:
            yield from _schema_paths(one, f"{above}{key}.")
        elif key != _NOT_DRAWN:
            yield f"{above}{key}"


def _paths(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, found in values.items():
        path = f"{above}{key}"
        if isinstance(found, Mapping) and path not in _leaves():
            yield from _paths(found, f"{path}.")
        else:
            yield path


def _below(values: dict[str, Any], section: str) -> dict[str, Any]:
    found = values.setdefault(section, {})
    assert isinstance(found, dict)
    return found


def allowed(values: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Take out what excludes each other, and put in what belongs together."""
    _image(values, chance)
    _scaling(values, chance)
    _server(values, chance)
    _times(values)
    _ports(values)
    _ways_in(values, chance)
    _mounts(values)
    return values


def _image(values: dict[str, Any], chance: random.Random) -> None:
    image = _below(values, "image")
    image["repository"] = image.get("repository") or "r.example.com:5000/a/b"
    if image.get("requireDigest") or not image.get("tag"):
        image["digest"] = image.get("digest") or "sha256:" + "".join(chance.choices("0123456789abcdef", k=64))


def _scaling(values: dict[str, Any], chance: random.Random) -> None:
    scaling, keda = _below(values, "autoscaling"), _below(values, "keda")
    if keda.get("enabled"):
        scaling["enabled"] = False
        _demand(values, keda)
    elif scaling.get("targetCPUUtilizationPercentage"):
        scaling["targetCPUUtilizationPercentage"] = min(100, scaling["targetCPUUtilizationPercentage"])
    low, high = sorted((scaling.get("minReplicas", 2), scaling.get("maxReplicas", 10)))
    scaling |= {"minReplicas": low, "maxReplicas": high}
    if keda.get("enabled") or scaling.get("enabled", True):
        values["replicaCount"] = None
    if chance.random() < 0.5 and values.get("replicaCount") is None:
        values.pop("replicaCount", None)


def _demand(values: dict[str, Any], keda: dict[str, Any]) -> None:
    keda["serverAddress"] = keda.get("serverAddress") or "http://p:9090"
    if not keda.get("demand", {}).get("targetRate"):
        keda["query"] = keda.get("query") or "sum(a)"
        return
    keda["query"] = ""
    _below(values, "prometheusRule")["enabled"] = True
    for monitor in ("serviceMonitor", "podMonitor"):
        _below(values, monitor)["intervalSeconds"] = 5


def _server(values: dict[str, Any], chance: random.Random) -> None:
    seal, access = _below(values, "seal"), _below(values, "access")
    if not _below(values, "server").get("enabled", True):
        for name in ("seal", "access", "tls"):
            values.pop(name, None)
        return
    if not seal.get("signers"):
        seal["allowPickle"] = False
    if access.get("tokens", {}).get("issuers"):
        access["mode"] = "required"
    tls = _below(values, "tls")
    if tls.get("enabled"):
        tls["secretName"] = tls.get("secretName") or chance.choice(("web", "123"))


def _times(values: dict[str, Any]) -> None:
    least = 2 * values.get("drainSeconds", 10) + values.get("requestTimeoutSeconds", 30) + 10
    grace = values.get("terminationGracePeriodSeconds", 0)
    values["terminationGracePeriodSeconds"] = max(grace, least) if grace else 0
    probe = {"periodSeconds": 1, "failureThreshold": 120} | values.get("startupProbe", {})
    start = probe.get("initialDelaySeconds", 0) + probe["periodSeconds"] * probe["failureThreshold"]
    least = start + values.get("minReadySeconds", 5) + 1
    values["progressDeadlineSeconds"] = max(values.get("progressDeadlineSeconds", 300), least)


def _ports(values: dict[str, Any]) -> None:
    ports, service = _below(values, "ports"), _below(values, "service")
    taken: list[int] = []
    for name, default in (("http", 3000), ("grpc", 3001), ("metrics", 3002)):
        ports[name] = _free(ports.get(name, default), taken)
    taken = []
    for name, default in (("port", 80), ("grpcPort", 3001), ("metricsPort", 3002)):
        service[name] = _free(service.get(name, default), taken)


def _free(port: int, taken: list[int]) -> int:
    while port in taken:
        port = port - 1 if port > 2_000 else port + 1
    taken.append(port)
    return port


def _ways_in(values: dict[str, Any], chance: random.Random) -> None:
    ingress, route = _below(values, "ingress"), _below(values, "httpRoute")
    if not ingress.get("hosts"):
        ingress["enabled"] = False
    if route.get("enabled"):
        route["parentRefs"] = route.get("parentRefs") or [{"name": "edge"}]
    if _below(values, "serviceMonitor").get("enabled") and _below(values, "podMonitor").get("enabled"):
        values[chance.choice(("serviceMonitor", "podMonitor"))]["enabled"] = False


def _mounts(values: dict[str, Any]) -> None:
    names = {"tmp", *(one["name"] for one in values.get("volumes", ()))}
    values["volumeMounts"] = [one for one in values.get("volumeMounts", ()) if one["name"] in names]
