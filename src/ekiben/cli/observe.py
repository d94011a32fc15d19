"""Station 7 on the command line: what is, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from ekiben.cli import options, output, session
from ekiben.cli.report import report

PANEL = "7 observe: what is: replicas, rate, errors, latency"


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    app.command(rich_help_panel=PANEL)(status)
    app.command(rich_help_panel=PANEL)(report)
    app.command(rich_help_panel=PANEL)(doctor)
    app.command(rich_help_panel=PANEL)(why)


def status(
    model: options.Model,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every 2 seconds, until Ctrl-C.")] = False,
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
) -> None:
    """Show revision, digest, replicas, rate, error ratio, latency, and what the HPA does."""
    from ekiben.diagnosis import status as room
    from ekiben.diagnosis import table

    traveller = session.traveller(model, namespace=namespace)
    address = session.address(context)

    def read() -> room.Status:
        return room.status(traveller.config, address, namespace=traveller.namespace)

    if watch and not as_json:
        from ekiben.diagnosis import watch as screen

        screen.watch(read)
        return
    found = read()
    output.emit(found.to_json(), table.lines(found), as_json=as_json)


def doctor(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="Name of a folder below bentos/; without it, the cluster alone."
        ),
    ] = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
) -> None:
    """Walk the chain from the API server to the events; name the first broken link and its remedy.

    Ends with 0 if every link is sound (warnings are told), with 4 if one is broken.
    """
    from ekiben.diagnosis.doctor import table, walk
    from ekiben.errors import ClusterError

    address = session.address(context)
    if model is None:
        found = walk.ground(address)
    else:
        traveller = session.traveller(model, namespace=namespace)
        found = walk.doctor(traveller.config, address, namespace=traveller.namespace)
    output.show(found.to_json(), table.lines(found), lambda: table.render(found), as_json=as_json)
    if found.broken is not None:
        raise typer.Exit(ClusterError.exit_code)


def why(
    model: options.Model,
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
) -> None:
    """Say in one sentence, with its numbers, why there are as many replicas as there are."""
    from ekiben.diagnosis.why import table, walk

    traveller = session.traveller(model, namespace=namespace)
    found = walk.why(traveller.config, session.address(context), namespace=traveller.namespace)
    output.show(found.to_json(), table.lines(found), lambda: table.render(found), as_json=as_json)
