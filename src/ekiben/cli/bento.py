"""Station 2 on the command line."""

from __future__ import annotations

import typer

from ekiben.cli import options, output, session

PANEL = "2 bento: a model tag -> a bento"


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    app.command(rich_help_panel=PANEL)(bento)


def bento(model: options.Model, as_json: options.Json = False, dry_run: options.DryRun = False) -> None:
    """Pack the trained model and its BentoML service into a bento."""
    from ekiben.road import stations

    traveller = session.traveller(model)
    if dry_run:
        tag = traveller.left("train")["tag"]
        line = f"would pack {tag} with the BentoML service {traveller.config.bento.service}"
        output.emit({"model": tag, "service": traveller.config.bento.service}, [line], as_json=as_json)
        return
    left = stations.bento(traveller, again=True).output
    output.emit(
        left,
        [f"bento    {left['tag']}", f"model    {left['model']}", f"folder   {left['folder']}"],
        as_json=as_json,
    )
