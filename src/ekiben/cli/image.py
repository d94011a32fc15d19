"""Station 3 on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from ekiben.cli import options, output, session

PANEL = "3 image: a bento tag -> an image by digest, in a registry"
_MB = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    app.command(rich_help_panel=PANEL)(image)


def image(
    model: options.Model,
    registry: Annotated[
        str,
        typer.Option("--registry", metavar="HOST[:PORT]", help="Where to push; default: the cluster's own."),
    ] = "",
    context: options.Context = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Make the image of the bento and push it to a registry."""
    from ekiben.road import stations

    traveller = session.traveller(model)
    named = registry or traveller.config.image.registry
    address = session.address(context) if context or not named else None
    if dry_run:
        tag, place = traveller.left("bento")["tag"], named or (address.registry if address else "")
        line = f"would make the image of {tag} and push it to {place}/{traveller.config.image.repository}"
        output.emit({"bento": tag, "registry": place}, [line], as_json=as_json)
        return
    left = stations.image(traveller, registry, address).output
    output.emit(
        left,
        [
            f"image    {left['image']}",
            f"size     {left['compressed_bytes'] / _MB:.1f} MB compressed, {len(left['layers'])} layers",
            f"pushed   by {left['backend']}",
        ],
        as_json=as_json,
    )
