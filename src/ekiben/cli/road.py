"""The whole road on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ekiben.cli import options, output, session

if TYPE_CHECKING:
    from ekiben.ground.rungs import Choice
    from ekiben.road.drive import Ground, Walk
    from ekiben.road.stations import Traveller

PANEL = "The road: train -> bento -> image -> release -> traffic -> scale -> observe"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel=PANEL)(road)


def road(
    model: options.Model,
    again: Annotated[
        bool, typer.Option("--again", help="Send the load again, even if it was sent before.")
    ] = False,
    page: Annotated[Path, typer.Option("--page", help="Where the page of what happened goes.")] = Path(
        "out/road.html"
    ),
    name: options.ClusterName = "local",
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Walk the whole road; carry on where the last walk stopped."""
    from ekiben.ground import rungs
    from ekiben.road import drive

    traveller = session.traveller(model, namespace=namespace)
    choice = rungs.choose(context)
    _say(f"ground: {choice.rung}: {choice.reason}")
    for what in choice.missing:
        _say(f"  missing for a better rung: {what}")
    if dry_run:
        from ekiben.road.journey import STATIONS

        done = {station: traveller.journey.last(station) is not None for station in STATIONS}
        output.emit(
            done, [f"{s:<8} {'left something' if d else 'not yet'}" for s, d in done.items()], as_json=as_json
        )
        return
    from ekiben.scale.load import display

    with display.live() as on_load:
        walk = drive.walk(
            traveller, _ground(choice, name, context), again=again, on_first=_first, on_load=on_load
        )
    _end(walk, traveller, page, as_json=as_json)


def _ground(choice: Choice, name: str, context: str | None) -> Ground | None:
    from ekiben.ground import cluster
    from ekiben.road.drive import Ground

    if choice.rung == "process":
        return None
    prepare = cluster.prebuild if choice.rung == "local" else lambda: None
    return Ground(prepare, lambda: cluster.up(name, choice=choice, context=context))


def _first(found: dict[str, Any]) -> None:
    _say("first prediction, from the pod as a process of this machine:")
    _say(f"  POST {found['url']}/predict {json.dumps({'instances': [found['request']]})}")
    _say(f"  {json.dumps(found['answer'])}")


def _end(walk: Walk, traveller: Traveller, page: Path, *, as_json: bool) -> None:
    if walk.address is None:
        lines = [
            "no cluster can be had here (see above)",
            f"next: ekiben serve {traveller.config.model} --port 3000",
        ]
        output.emit({"first_prediction": walk.first, "stations": walk.stops}, lines, as_json=as_json)
        return
    from ekiben.cli import closing

    found, lines = closing.close(walk, traveller, page)
    output.emit(found, lines, as_json=as_json)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
