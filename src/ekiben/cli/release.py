"""Station 4 on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ekiben.cli import options, output, session

PANEL = "4 release: an image -> a Helm revision that verified itself, or was undone"


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    app.command(rich_help_panel=PANEL)(release)


def release(
    model: options.Model,
    image: Annotated[
        str,
        typer.Option(
            "--image", metavar="REPO@SHA256", help="Image by digest; default: what `ekiben image` left."
        ),
    ] = "",
    plan: Annotated[
        str,
        typer.Option(
            "--plan",
            metavar="auto|never|required|FILE",
            help="Numbers of the capacity plan (ekiben plan) for the autoscaler; default: `scale.plan`.",
        ),
    ] = "",
    namespace: options.Namespace = None,
    context: options.Context = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Release by digest, wait, verify; a release that fails a check is rolled back."""
    from ekiben.identifiers import ImageReference
    from ekiben.release import station
    from ekiben.road import plans, stations

    traveller = session.traveller(model, namespace=namespace)
    reference = ImageReference.parse(image or traveller.left("image")["image"])
    artefact = Path(traveller.left("train")["folder"])
    address = session.address(context)
    if dry_run:
        capacity = plans.chosen(traveller, plan)
        would = station.plan_release(
            traveller.config, reference, artefact, address, namespace=traveller.namespace, capacity=capacity
        )
        output.emit(would, would.lines(), as_json=as_json)
        return
    left = stations.release(traveller, address, reference, plan=plan).output
    checks = [f"  {check['name']}: {check['found']}" for check in left["checks"]]
    output.emit(
        left,
        [f"released {left['revision']}", f"image    {left['image']}", "verified", *checks],
        as_json=as_json,
    )
