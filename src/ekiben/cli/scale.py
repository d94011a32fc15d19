"""Station 6 on the command line: an open-loop load, and what it made of the replicas."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ekiben.cli import options, output, plan, session
from ekiben.errors import ConfigError, NoDataError

if TYPE_CHECKING:
    from ekiben.config import Load
    from ekiben.road.scaling import Scaled

_OK, _REDIRECTED = 200, 300  # HTTP's 2xx
PANEL = "6 scale: an objective, a load -> replicas"


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    app.command(rich_help_panel=PANEL)(loadtest)
    plan.register(app, PANEL)


def loadtest(
    model: options.Model,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0.01, help="Requests per second; default: `scale.load.rate`."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", min=1, help="Length, seconds; default: `scale.load.duration_seconds`."),
    ] = None,
    url: Annotated[
        str, typer.Option("--url", help="Where to, if not the Service's cluster address (loopback only).")
    ] = "",
    protocol: Annotated[
        Literal["http", "grpc"],
        typer.Option("--protocol", help="HTTP/1.1 and JSON, or the Open Inference Protocol over gRPC."),
    ] = "http",
    senders: Annotated[
        int, typer.Option("--senders", min=1, max=16, help="Processes that share the send times.")
    ] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same send times.")] = 0,
    in_cluster: Annotated[
        bool,
        typer.Option(
            "--in-cluster",
            help="Send from a Job beside the release, so that no way from this machine is measured.",
        ),
    ] = False,
    key_file: options.KeyFile = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Send golden rows at intended times, whatever the answers do, and measure from those times.

    Exit code 5 where no request got its right answer; a measurement that does not count says so.
    """
    from ekiben.release import credential
    from ekiben.road import scaling

    if in_cluster and url:
        raise ConfigError(
            f"expected --in-cluster or --url, found both: {url} is an address of this machine",
            remedy="leave --url out: a Job takes the Service's cluster address",
        )
    traveller = session.traveller(model, namespace=namespace)
    shape = _shape(traveller.config.scale.load, rate, seconds)
    if dry_run:
        what = f"{shape.rate:g} requests/s for {shape.duration_seconds:g} s"
        place = f", from a Job in the namespace {traveller.namespace}" if in_cluster else ""
        how = f"over {protocol} from {senders} process(es){place}"
        line = f"would send {what} ({shape.arrivals} arrivals) {how}"
        output.emit(shape, [line], as_json=as_json)
        return
    own = credential.given(os.environ, key_file)
    address = None if url else session.address(context)
    from ekiben.scale.load import display

    with display.live() as on_progress:
        scaled = scaling.load(
            traveller, address, shape, url=url, seed=seed, credential=own, protocol=protocol,
            senders=senders, inside=in_cluster, on_progress=on_progress,
        )  # fmt: skip
    output.emit(scaled.to_json(), lines(scaled), as_json=as_json)
    if not scaled.load.ok:  # a script must not take this for a service that bore the load
        told = f"no request got its right answer; ekiben doctor {traveller.config.model} names what is broken"
        print(f"ekiben: {told}", file=sys.stderr)
        raise typer.Exit(NoDataError.exit_code)


def _shape(found: Load, rate: float | None, seconds: float | None) -> Load:
    from ekiben.scale.load import schedule

    changes = {"rate": rate, "duration_seconds": seconds}
    shape = found.model_copy(update={key: value for key, value in changes.items() if value is not None})
    schedule.Load.of(shape)  # refuses what no sender holds, also where nothing would be sent
    return shape


def _refusals(statuses: Mapping[int, int]) -> str:
    found = [f"{n} of {status}" for status, n in statuses.items() if not _OK <= status < _REDIRECTED]
    return f" ({', '.join(found)})" if found else ""


def lines(scaled: Scaled) -> list[str]:
    """The load and the replicas, for people."""
    measured, latency = scaled.load, scaled.load.latency
    invalid = [f"invalid   {reason}" for reason in measured.reasons]
    if invalid and not measured.sent:  # then none of the figures is one
        return invalid
    found = [
        (
            f"sent      {measured.sent} requests in {measured.seconds:.0f} s "
            f"(offered {measured.offered_rate:.1f}/s, answered rightly {measured.achieved_rate:.1f}/s)"
        ),
        f"failed    {measured.failed}"
        + "".join(f", {n} {name}" for name, n in measured.outcomes.items() if n and name != "ok")
        + _refusals(measured.statuses),
    ]
    if latency is not None:
        found.append(
            f"latency   p50 {latency.p50 * 1e3:.1f} ms, p95 {latency.p95 * 1e3:.1f} ms, "
            f"p99 {latency.p99 * 1e3:.1f} ms, "
            f"max {latency.max * 1e3:.1f} ms, from intended times"
        )
    if scaled.samples:
        ready = [sample.ready for sample in scaled.samples]
        found.append(f"replicas  {ready[0]} ready at the start, {max(ready)} at most, {ready[-1]} at the end")
    return found + invalid
