"""The cluster under the road on the command line, and the fourth rung: the pod as a process."""

from __future__ import annotations

from typing import Annotated

import typer

from ekiben.cli import options, output, session

PANEL = "The ground and the rest"


def register(app: typer.Typer) -> None:
    """Add `cluster up | status | down | reset` and `serve`."""
    group = typer.Typer(no_args_is_help=True, help="Find a cluster, or make one on this machine.")
    group.command()(up)
    group.command()(status)
    group.command()(down)
    group.command()(reset)
    app.add_typer(group, name="cluster", rich_help_panel=PANEL)
    app.command(rich_help_panel=PANEL)(serve)


def up(
    context: options.Context = None,
    name: options.ClusterName = "local",
    keda: Annotated[
        bool,
        typer.Option("--keda", help="Run KEDA in the local cluster, which scales by demand; it stays there."),
    ] = False,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Choose the best rung, say why, and bring it up; run again, it repairs."""
    from ekiben.ground import cluster, rungs

    choice = rungs.choose(context)
    lines = [f"rung     {choice.rung}: {choice.reason}", *(f"missing  {what}" for what in choice.missing)]
    if dry_run or choice.rung == "process":
        if choice.rung == "process":
            lines.append("next     ekiben serve MODEL --port 3000 runs the pod as a process of this machine")
        output.emit(choice, lines, as_json=as_json)
        return
    address = cluster.up(name, choice=choice, context=context, keda=keda)
    output.emit({"choice": choice, "address": address}, [*lines, *_address_lines(address)], as_json=as_json)


def status(name: options.ClusterName = "local", as_json: options.Json = False) -> None:
    """Say what runs: addresses, versions, health of each component."""
    from ekiben.ground import cluster

    found = cluster.status(name)
    output.emit(found, found.lines(), as_json=as_json)


def down(
    name: options.ClusterName = "local", as_json: options.Json = False, dry_run: options.DryRun = False
) -> None:
    """Remove a cluster that ekiben made, without a trace; built tools stay in the cache."""
    from ekiben.ground import cluster

    if dry_run:
        output.emit({"name": name}, [f"would remove the local cluster {name!r}"], as_json=as_json)
        return
    cluster.down(name)
    output.emit({"removed": name}, [f"removed the local cluster {name!r}"], as_json=as_json)


def reset(
    name: options.ClusterName = "local", as_json: options.Json = False, dry_run: options.DryRun = False
) -> None:
    """Empty a local cluster: take it down and bring it up again."""
    from ekiben.ground import cluster

    if dry_run:
        output.emit({"name": name}, [f"would empty the local cluster {name!r}"], as_json=as_json)
        return
    address = cluster.reset(name)
    output.emit(address, _address_lines(address), as_json=as_json)


def _address_lines(address: object) -> list[str]:
    from ekiben.jsonable import jsonable

    return [f"{key:<14} {value}" for key, value in jsonable(address).items() if value]


def serve(
    model: options.Model,
    port: Annotated[
        int,
        typer.Option(
            "--port", min=1, max=65533, help="TCP port of HTTP; gRPC gets the next, metrics the one after."
        ),
    ] = 3000,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    dry_run: options.DryRun = False,
) -> None:
    """Run the pod as a process of this machine: same admission, metrics and artefact, one replica."""
    from ekiben.road import process, stations

    traveller = session.traveller(model)
    stations.train(traveller)
    settings = process.settings(traveller, host=host, port=port)
    if dry_run:
        output.emit(settings, [f"would serve {model} on http://{host}:{port}/predict"], as_json=False)
        return
    process.become(settings)
