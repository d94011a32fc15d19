"""Station 7 on the command line: what is."""

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
