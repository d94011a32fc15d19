"""Station 6 without a cluster: what autoscalers would have done under a user's own traffic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ekiben.cli import options, output, progress
from ekiben.cli.scale import PANEL

if TYPE_CHECKING:
    from ekiben.scale.simulation.comparison import Row

_ALLOWED_RATIO = 0.01


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel=PANEL)(simulate)


def simulate(
    trace: Annotated[
        Path, typer.Option("--trace", metavar="FILE", help="CSV of time (seconds or ISO 8601) and count.")
    ],
    service_ms: Annotated[
        float, typer.Option("--service-ms", min=0.01, help="CPU-milliseconds of one request.")
    ],
    objective_ms: Annotated[
        float, typer.Option("--objective-ms", min=0.1, help="Longer than this is a violation.")
    ],
    tau: Annotated[
        float | None,
        typer.Option(
            "--tau",
            min=0.001,
            help="Requests per second that one replica is for; default: what a plan would derive.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=1000, help="Requests a replica works on at once.")
    ] = 1,
    variation: Annotated[
        float, typer.Option("--variation", min=0, max=3, help="Coefficient of variation of service times.")
    ] = 0.5,
    start_seconds: Annotated[
        float, typer.Option("--start-seconds", min=0.1, help="From the decision to a ready replica.")
    ] = 15.0,
    low: Annotated[int, typer.Option("--min", min=1, max=1000, help="Least replicas.")] = 2,
    balancing: Annotated[
        str, typer.Option("--balancing", help="random, round-robin, two-choices or sticky.")
    ] = "random",
    scale: Annotated[float, typer.Option("--scale", min=0.000001, help="Multiplies the counts.")] = 1.0,
    policy: Annotated[
        list[str] | None, typer.Option("--policy", help="Only these, by name; may be given again.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Run autoscalers on the traffic of a file: violations, cost beside a clairvoyant's, actions."""
    from ekiben.scale.simulation import capacity, comparison
    from ekiben.scale.simulation import trace as traces
    from ekiben.scale.simulation.engine import World
    from ekiben.scale.simulation.service import Service, Start

    traffic = traces.traffic(*traces.read(trace), seed, scale)
    world = World(
        Service(workers, service_ms / 1e3, variation),
        Start(start_seconds),
        objective_ms / 1e3,
        balancing=balancing,  # type: ignore[arg-type]  # checked by World
    )
    rows: list[Row] = []
    with progress.counted("policies") as told:
        told(0, None)
        most = capacity.within_objective(world, _ALLOWED_RATIO, seed)
        setting = comparison.Setting(most, low, {"ekiben demand": tau})
        total = len(policy or comparison.policies(traffic, world, setting))
        told(0, total)
        for row in comparison.compared(traffic, world, setting, seed, policy):
            rows.append(row)
            told(len(rows), total)
    found = {"requests": len(traffic.times), "seconds": traffic.seconds, "capacity": most, "rows": rows}
    output.emit(found, lines(len(traffic.times), traffic.seconds, most, rows), as_json=as_json)


def lines(requests: int, seconds: float, capacity: float, rows: list[Row]) -> list[str]:
    """The table, for people."""
    names = ("violating", "worst 5 min", "failed", "cost", "actions", "most")
    widths = (10, 13, 9, 7, 9, 6)
    made = [
        f"{requests:,} requests in {seconds:,.0f} s; a replica serves {capacity:.1f}/s within the objective",
        "cost 1 is that of a clairvoyant; simulated, see docs/hpa.md for what is exact and what is not",
        "",
        "policy".ljust(24) + "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True)),
    ]
    for row in rows:
        found = row.outcome
        shown = (
            f"{found.violating_ratio:.2%}",
            f"{found.worst_ratio:.1%}",
            f"{found.failed_ratio:.2%}",
            f"{row.cost_ratio:.2f}",
            str(found.actions),
            str(found.most),
        )
        cells = (f"{text:>{width}}" for text, width in zip(shown, widths, strict=True))
        made.append(row.policy.ljust(24) + "".join(cells))
    return made
