"""`ekiben zero MODEL`: whether no replicas at all would pay on a user's traffic, and who would wait."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekiben.cli import options, output, session
from ekiben.cli.scale import PANEL

if TYPE_CHECKING:
    from ekiben.config import ModelConfig


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel=PANEL)(zero)


def zero(
    model: options.Model,
    trace: Annotated[
        Path, typer.Option("--trace", metavar="FILE", help="CSV of time (seconds or ISO 8601) and count.")
    ],
    cooldown: Annotated[
        float | None,
        typer.Option(
            "--cooldown-seconds",
            metavar="SECONDS",
            help="Without a request until no replica is wanted; default: KEDA's, 300.",
        ),
    ] = None,
    poll: Annotated[
        float | None,
        typer.Option(
            "--poll-seconds", metavar="SECONDS", help="Between two looks of KEDA; default: its own, 30."
        ),
    ] = None,
    scrape: Annotated[
        float | None,
        typer.Option(
            "--scrape-seconds",
            metavar="SECONDS",
            help="Between two samples of a counter before the pod; default: 15.",
        ),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(
            "--window-seconds", metavar="SECONDS", help="Over which requests are counted; default: 60."
        ),
    ] = None,
    hold: Annotated[
        float | None,
        typer.Option(
            "--hold-seconds",
            metavar="SECONDS",
            help="How long the HTTP add-on holds a request; default: as long as the caller waits.",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout-seconds",
            metavar="SECONDS",
            help="How long callers wait; default: the plan's, or traffic.timeout_seconds.",
        ),
    ] = None,
    objective: Annotated[
        float | None,
        typer.Option(
            "--objective-seconds",
            metavar="SECONDS",
            help="A slower answer is bad; default: the plan's, or observe.latency_seconds.",
        ),
    ] = None,
    bad_ratio: Annotated[
        float | None,
        typer.Option(
            "--bad-ratio",
            metavar="SHARE",
            help="Share of requests that may be bad; default: the plan's, or 1 - observe.objective_ratio.",
        ),
    ] = None,
    replicas: Annotated[
        int | None,
        typer.Option(
            "--replicas",
            metavar="N",
            help="Replicas that zero takes away; default: the plan's, or scale.min_replicas.",
        ),
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(
            "--start-seconds", metavar="SECONDS", help="From a pod's start to ready; default: the plan's."
        ),
    ] = None,
    pull: Annotated[
        float | None, typer.Option("--pull-seconds", metavar="SECONDS", help="Pulling the image; default: 0.")
    ] = None,
    node: Annotated[
        float | None,
        typer.Option(
            "--node-seconds", metavar="SECONDS", help="Making a node, where none has room; default: 0."
        ),
    ] = None,
    replica_cost: Annotated[
        float | None,
        typer.Option("--replica-cost", metavar="COST", help="Of one replica for an hour; default: 1."),
    ] = None,
    wake_cost: Annotated[
        float | None, typer.Option("--wake-cost", metavar="COST", help="Of one wake; default: 0.")
    ] = None,
    holder_cost: Annotated[
        float | None,
        typer.Option("--holder-cost", metavar="COST", help="Of the HTTP add-on for an hour; default: 0."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the times within a row of the trace.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Reckon whether scale to zero would pay on the traffic of a file, and who would wait; change nothing."""
    from ekiben.road import plans
    from ekiben.scale.simulation import trace as traces
    from ekiben.scale.zero import sentence
    from ekiben.scale.zero.gaps import Gaps
    from ekiben.scale.zero.inputs import Asked, inputs
    from ekiben.scale.zero.reckoning import reckon
    from ekiben.scale.zero.ways import WAYS

    traveller = session.traveller(model)
    plan = plans.kept(traveller)
    asked = Asked(
        cooldown_seconds=cooldown, poll_seconds=poll, scrape_seconds=scrape,
        window_seconds=window, hold_seconds=hold, timeout_seconds=timeout,
        objective_seconds=objective, bad_ratio=bad_ratio, min_replicas=replicas,
        start_seconds=start, pull_seconds=pull, node_seconds=node, replica_cost=replica_cost,
        wake_cost=wake_cost, holder_cost=holder_cost,
    )  # fmt: skip
    known = inputs(asked, {} if plan is None else plan.numbers, settings(traveller.config))
    traffic = traces.traffic(*traces.read(trace), seed)
    gaps = Gaps.of(traffic)
    found = [reckon(gaps, way, known) for way in WAYS.values()]
    document = {
        "model": model,
        "trace": str(trace),
        "seed": seed,
        "conclusion": sentence.conclusion(found),
        "ways": [each.document for each in found],
    }
    shown = sentence.lines(model, trace.name, found, traffic.step_seconds)
    output.emit(document, shown, as_json=as_json)


def settings(config: ModelConfig) -> dict[str, tuple[float, str]]:
    """What ekiben.yaml says of a reckoning's inputs: value and source."""
    return {
        "timeout_seconds": (config.traffic.timeout_seconds, "traffic.timeout_seconds of ekiben.yaml"),
        "objective_seconds": (config.observe.latency_seconds, "observe.latency_seconds of ekiben.yaml"),
        "bad_ratio": (1 - config.observe.objective_ratio, "1 - observe.objective_ratio of ekiben.yaml"),
        "min_replicas": (config.scale.min_replicas, "scale.min_replicas of ekiben.yaml"),
    }
