"""The station `scale`: what a request costs, the load that needs more replicas, the replicas that came."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ekiben import config
from ekiben.clients import cluster
from ekiben.errors import NoDataError
from ekiben.identifiers import ClusterAddress
from ekiben.jsonable import jsonable
from ekiben.release import credential as credentials
from ekiben.road import aim, plans
from ekiben.road.journey import Stop, fingerprint
from ekiben.road.stations import Traveller
from ekiben.scale.job.description import Description
from ekiben.scale.load import generator, need, schedule, target
from ekiben.scale.load.replicas import ReplicaSample

if TYPE_CHECKING:
    from ekiben.scale.load.measurement import LoadMeasurement

_log = logging.getLogger(__name__)

_METRICS_PORT = 3002
_CPU = re.compile(r"^process_cpu_seconds_total (\S+)$", re.MULTILINE)
_REST_SECONDS = 5.0
_PROBE_RATE, _PROBE_SECONDS = 10.0, 6.0  # 60 requests: enough to tell milliseconds of CPU
_BASE_SECONDS, _STEP_SECONDS, _AFTER_SECONDS = 5.0, 110.0, 8.0
# CPU of one request that one core of load can still send and check many times over.
_WORTH_SECONDS = 0.003
_MANY_ROWS, _MOST_ROWS, _MOST_BYTES = 256, 4_000, 500_000  # well below what a pod takes by default
_MORE_REPLICAS = 2  # above the minimum: enough to see it scale, little enough for two cores
# Of a replica: what is measured varies by a tenth or two, and the goal is to be reached all the same.
_OVER_GOAL = 0.8
# Of what the replicas that are there are meant to carry: in a light load a request costs up to twice as much
# (measured: after each pause the caches hold something else).
_PROBE_SHARE = 0.8

OnProgress = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Scaled:
    """A load and the replicas during it.

    Attributes:
        url: Where the load went.
        load: What it measured.
        samples: Replicas, about one sample a second; empty without a cluster.
        cpu_seconds_per_request: Measured cost of one request; None if it was not measured.
        protocol: What the load spoke.
        senders: Processes that sent it.
    """

    url: str
    load: LoadMeasurement
    samples: tuple[ReplicaSample, ...]
    cpu_seconds_per_request: float | None = None
    protocol: target.Protocol = "http"
    senders: int = 1

    def to_json(self) -> dict[str, Any]:
        """Give everything as JSON types."""
        return {
            "url": self.url,
            "load": self.load.to_json(),
            "samples": jsonable(self.samples),
            "cpu_seconds_per_request": self.cpu_seconds_per_request,
            "protocol": self.protocol,
            "senders": self.senders,
        }


def load(
    traveller: Traveller,
    address: ClusterAddress | None,
    shape: config.Load,
    *,
    url: str = "",
    seed: int = 0,
    credential: str = "",
    protocol: target.Protocol = "http",
    senders: int = 1,
    inside: bool = False,
    on_progress: OnProgress,
) -> Scaled:
    """Send a load of golden rows to the Service and record the replicas.

    Args:
        traveller: The model.
        address: Its cluster; None sends to `url` and records no replicas.
        shape: Rate and length.
        url: Where to, instead of the Service's cluster address.
        seed: Of the send times.
        credential: The operator's own; without one, the release's own key is used if it has one.
        protocol: What the load speaks.
        senders: Processes that send it, 1 to 16.
        inside: Send from a Job of the cluster, to the Service's cluster address.
        on_progress: Told about every half second.

    Raises:
        ConfigError: The address may not be loaded.
        ClusterError: The Service was not found, or does not speak the protocol, or the Job measured nothing.
    """
    whole = schedule.Load.of(shape)
    if address is None:
        where = aim.at(traveller, url, credential, protocol=protocol)
        measured = generator.run(where, whole, seed=seed, senders=senders, on_progress=on_progress)
        return Scaled(where.url, measured, (), protocol=protocol, senders=senders)
    with cluster.connect(address.kubeconfig, address.context) as api:
        url = url or aim.service_url(api, traveller, protocol)
        where = aim.at(traveller, url, credential or aim.own_key(api, traveller), protocol=protocol)
        if inside:
            return _inside(api, traveller, Description(where, whole, seed, senders), on_progress)
        return _watched(api, traveller, where, whole, seed, on_progress, goal=None, senders=senders)


def _inside(api: cluster.Cluster, traveller: Traveller, told: Description, on_progress: OnProgress) -> Scaled:
    """Send a load from a Job and sample the replicas from here."""
    from ekiben.road import in_cluster

    samples: list[ReplicaSample] = []
    measured = in_cluster.load(
        in_cluster.Sending(api, traveller.namespace, traveller.config.release_name),
        told,
        on_progress=on_progress,
        on_second=lambda seconds: samples.append(_sample(api, traveller, seconds)),
    )
    found = told.target
    return Scaled(found.url, measured, tuple(samples), protocol=found.protocol, senders=told.senders)


def scale(
    traveller: Traveller, address: ClusterAddress, *, again: bool, on_progress: OnProgress
) -> tuple[Stop, Scaled | None]:
    """Measure what a request costs, then send what needs two replicas more, until they are ready."""
    traveller = replace(traveller, config=plans.applied(traveller.config, plans.chosen(traveller)))
    went_in = fingerprint(traveller.left("release")["revision"], address.context, traveller.config.scale)
    done = None if again else traveller.journey.finished("scale", went_in)
    if done is not None:
        _log.info("scale: as it was")
        return replace(done, kept=True), None
    _log.info("scale: %s", traveller.config.model)
    began = time.monotonic()
    with cluster.connect(address.kubeconfig, address.context) as api:
        where, rows, cost = _weighed(api, traveller, on_progress)
        goal, shape = _shape(traveller.config, cost)
        _log.info(
            "a request of %d row(s) costs %.1f ms of CPU: %.0f requests/s need at least %d replicas",
            rows, cost * 1e3, shape.segments[-1].rate, goal,
        )  # fmt: skip
        scaled = replace(
            _watched(api, traveller, where, shape, 0, on_progress, goal=goal), cpu_seconds_per_request=cost
        )
    stop = traveller.journey.record("scale", went_in, scaled.to_json(), time.monotonic() - began)
    _log.info("scale: done seconds=%.1f", stop.seconds)
    return stop, scaled


def _shape(found: config.ModelConfig, cost: float) -> tuple[int, schedule.Load]:
    """The number of replicas to reach, and the load that needs them."""
    goal = min(found.scale.max_replicas, found.scale.min_replicas + _MORE_REPLICAS)
    rate = _rate(found, goal + _OVER_GOAL, cost)
    return goal, schedule.Load(
        (schedule.Segment(rate / 4, _BASE_SECONDS), schedule.Segment(rate, _STEP_SECONDS)), "poisson"
    )


def _rate(found: config.ModelConfig, replicas: float, cost: float) -> float:
    """Rate at which so many replicas are as busy as the target says."""
    rate = need.rate_for(
        replicas,
        request_cores=found.release.resources.request_cores,
        target_percent=found.scale.target_cpu_percent,
        cpu_seconds_per_request=cost,
    )
    return min(rate, schedule.MAX_RATE)


def _weighed(
    api: cluster.Cluster, traveller: Traveller, on_progress: OnProgress
) -> tuple[target.LoadTarget, int, float]:
    """Requests heavy enough to load replicas with, their rows, and the CPU-seconds of one."""
    own = credentials.given(os.environ) or aim.own_key(api, traveller)
    url = aim.service_url(api, traveller)
    where, rows = aim.at(traveller, url, own), 1
    began, at_first = time.monotonic(), _cpu_seconds(api, traveller)
    time.sleep(_REST_SECONDS)
    rest = (_cpu_seconds(api, traveller) - at_first) / (time.monotonic() - began)

    def cost(where: target.LoadTarget, rate: float = _PROBE_RATE) -> float:
        return _cost(api, traveller, where, rate, rest, on_progress)

    light = one = cost(where)
    if one < _WORTH_SECONDS:
        many = cost(aim.at(traveller, url, own, _MANY_ROWS))
        most = min(_MOST_ROWS, _MOST_BYTES // max(map(len, where.bodies)))
        rows = need.rows_for(_WORTH_SECONDS, one_row=one, many_rows=many, many=_MANY_ROWS, most=most)
        where = aim.at(traveller, url, own, rows)
        light = one + (many - one) / (_MANY_ROWS - 1) * (rows - 1)
    rate = _rate(traveller.config, _PROBE_SHARE * traveller.config.scale.min_replicas, light)
    return where, rows, cost(where, rate)


def _cost(
    api: cluster.Cluster,
    traveller: Traveller,
    where: target.LoadTarget,
    rate: float,
    rest: float,
    on_progress: OnProgress,
) -> float:
    """CPU-seconds of one request: growth of the pods' own counters in a load, less that at rest (cores)."""
    began, before = time.monotonic(), _cpu_seconds(api, traveller)
    shape = schedule.Load((schedule.Segment(rate, _PROBE_SECONDS),), "constant")
    measured = generator.run(where, shape, seed=0, on_progress=on_progress)
    used, ended = _cpu_seconds(api, traveller) - before, time.monotonic()
    if measured.ok == 0:
        raise NoDataError(f"expected answers from {where.url}, found {dict(measured.outcomes)}")
    return (used - rest * (ended - began)) / measured.ok


def _cpu_seconds(api: cluster.Cluster, traveller: Traveller) -> float:
    total = 0.0
    for pod in api.pods(traveller.namespace, traveller.config.release_name):
        if pod.ready and not pod.ending:
            answer = api.pod_request(
                traveller.namespace, pod.name, "/metrics", port=_METRICS_PORT, tls=pod.tls
            )
            found = _CPU.search(answer.body.decode(errors="replace"))
            if found is None:
                raise NoDataError(f"expected process_cpu_seconds_total from pod {pod.name}, found none")
            total += float(found[1])
    return total


def _watched(
    api: cluster.Cluster,
    traveller: Traveller,
    where: target.LoadTarget,
    shape: schedule.Load,
    seed: int,
    on_progress: OnProgress,
    *,
    goal: int | None,
    senders: int = 1,
) -> Scaled:
    """Send a load and sample the replicas; with a goal, end soon after it is reached."""
    samples: list[ReplicaSample] = []
    stop = threading.Event()
    reached: list[float] = []

    def sample(seconds: float) -> None:
        samples.append(_sample(api, traveller, seconds))
        if goal is not None and samples[-1].ready >= goal:
            reached.append(seconds)
        if reached and seconds > reached[0] + _AFTER_SECONDS:
            stop.set()

    measured = generator.run(
        where, shape, seed=seed, senders=senders, on_progress=on_progress, on_second=sample, stop=stop
    )
    return Scaled(where.url, measured, tuple(samples), protocol=where.protocol, senders=senders)


def _sample(api: cluster.Cluster, traveller: Traveller, seconds: float) -> ReplicaSample:
    name = traveller.config.release_name
    hpa = api.autoscaler(traveller.namespace, name)
    ready = sum(pod.ready and not pod.ending for pod in api.pods(traveller.namespace, name))
    return ReplicaSample(seconds, hpa.current if hpa else ready, ready, hpa.desired if hpa else ready)
