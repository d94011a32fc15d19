"""How a walk down the road ends: a page and a table of what happened, and what to type next."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ekiben.road.journey import Stop

if TYPE_CHECKING:
    from ekiben.diagnosis.run import NextCommand, RoadRun, StationTime
    from ekiben.identifiers import ClusterAddress
    from ekiben.road.drive import Walk
    from ekiben.road.stations import Traveller


def close(walk: Walk, traveller: Traveller, page: Path) -> tuple[dict[str, Any], list[str]]:
    """Write the page.

    Returns:
        The walk as JSON types, and as lines.
    """
    from ekiben.diagnosis import run_page, summary

    run = _run(walk, traveller)
    run_page.write_page(run, page)
    found = {
        "model": run.model,
        "image": run.image,
        "url": run.url,
        "revision": run.revision,
        "context": run.context,
        "stations": {stop.station: {"seconds": stop.seconds, "kept": stop.kept} for stop in walk.stops},
        "seconds": walk.seconds,
        "first_prediction": walk.first,
        "answer": run.answer,
        "load": run.load.to_json() if run.load else None,
        "samples": [[s.time, s.current, s.ready, s.desired] for s in run.samples],
        "page": str(page.resolve()),
    }
    return found, [*summary.lines(run), f"page       {page}"]


def _run(walk: Walk, traveller: Traveller) -> RoadRun:
    from ekiben.diagnosis.run import RoadRun

    left = {stop.station: stop.output for stop in walk.stops}
    scale = left["scale"]
    earlier = scale["load"]
    before = f"{earlier['sent']} requests, {earlier['failed']} failed"
    notes = (
        ()
        if walk.scaled
        else (f"No load was sent on this walk; the one before: {before}. --again sends it.",)
    )
    assert walk.address is not None  # noqa: S101  # without a cluster there is no page
    return RoadRun(
        model=left["train"]["tag"],
        image=left["image"]["image"],
        url=scale["url"],
        revision=left["release"]["revision"],
        context=walk.address.context,
        finished_at=datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
        stations=tuple(_times(walk)),
        request=_request(traveller),
        answer=left["traffic"],
        samples=walk.scaled.samples if walk.scaled else (),
        load=walk.scaled.load if walk.scaled else None,
        next_commands=_next(traveller, walk.address, scale["url"]),
        notes=notes,
    )


def _times(walk: Walk) -> list[StationTime]:
    from ekiben.diagnosis.run import StationTime

    stations = {stop.station: stop for stop in walk.stops}
    found = []
    for name, seconds in walk.seconds.items():
        stop = stations.get(name)
        found.append(StationTime(name, seconds, _made(stop) if stop else "", kept=bool(stop and stop.kept)))
    return found


def _made(stop: Stop) -> str:
    """What a station left, in a few words."""
    out = stop.output
    match stop.station:
        case "train":
            return f"{out['tag']}, {out['metric']} {out['score']:.3f}"
        case "bento":
            return str(out["tag"])
        case "image":
            return f"{out['compressed_bytes'] / 1e6:.0f} MB, by {out['backend']}"
        case "release":
            return f"{out['revision']}, {len(out['checks'])} checks"
        case "traffic":
            return "a prediction from the Service"
        case _:
            return f"{out['load']['sent']} requests, {out['load']['failed']} failed"


def _request(traveller: Traveller) -> dict[str, Any]:
    from ekiben.road import stations

    return {"instances": stations.golden_instances(traveller)[:1]}


def _next(traveller: Traveller, address: ClusterAddress, url: str) -> tuple[NextCommand, ...]:
    from ekiben.diagnosis.run import NextCommand

    model = traveller.config.model
    kubectl = f"kubectl --kubeconfig {address.kubeconfig} " if address.kubeconfig else "kubectl "
    ekiben = ".venv/bin/ekiben"
    return (
        NextCommand(f"{ekiben} status {model} --watch", "replicas, rate, errors and latency, every 2 s"),
        NextCommand(f"{ekiben} loadtest {model} --rate 50 --seconds 60", "a load of your own"),
        NextCommand(f"curl {url} -H 'Content-Type: application/json' -d '{_row(traveller)}'", "a prediction"),
        NextCommand(f"{kubectl}-n {traveller.namespace} get pods,hpa", "what Kubernetes says"),
        NextCommand("make down", "take the cluster away, without a trace"),
    )


def _row(traveller: Traveller) -> str:
    import json

    return json.dumps(list(_request(traveller)["instances"][0].values()))
