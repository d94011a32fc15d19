"""Station 2 on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ekiben.cli import options, output, progress, session
from ekiben.cli.verb import DEFAULT, Verb

PANEL = "2 bento: a model tag -> a bento"
_MB = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    group = typer.Typer(
        cls=Verb, no_args_is_help=True, help="Pack the trained model and its BentoML service into a bento."
    )
    group.command(DEFAULT)(make)
    group.command()(export)
    app.add_typer(group, name="bento", rich_help_panel=PANEL)


def make(model: options.Model, as_json: options.Json = False, dry_run: options.DryRun = False) -> None:
    """Prove the running pod equal to the model, and pack both with the BentoML service.

    The word `make` may be left out.
    """
    from ekiben.bento import proof
    from ekiben.road import stations

    traveller = session.traveller(model)
    if dry_run:
        tag = traveller.left("train")["tag"]
        rows = traveller.config.bento.pod_rows or traveller.config.train.parity_rows
        line = (
            f"would compare the running pod of {tag} on {rows:,} rows, and pack it with the BentoML service "
            f"{traveller.config.bento.service}"
        )
        found = {"model": tag, "service": traveller.config.bento.service, "rows": rows}
        output.emit(found, [line], as_json=as_json)
        return
    with progress.counted("parity of the running pod: rows") as told:
        left = stations.bento(traveller, again=True, progress=told).output
    output.emit(
        left,
        [
            f"bento    {left['tag']}",
            f"model    {left['model']}",
            f"parity   {proof.line(left['parity'])}",
            f"folder   {left['folder']}",
        ],
        as_json=as_json,
    )


def export(
    model: options.Model,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder; empty or absent.")],
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Write the bento as a folder that serves by `python -m ekiben.serving`, without image and cluster."""
    from ekiben.identifiers import BentoTag
    from ekiben.image import export as exporting

    traveller = session.traveller(model)
    tag = BentoTag.parse(traveller.left("bento")["tag"])
    if dry_run:
        output.emit({"bento": tag, "folder": to}, [f"would write {tag} to {to}"], as_json=as_json)
        return
    left = exporting.export(traveller.config, tag, to)
    output.emit(
        left,
        [
            f"folder   {left.folder}",
            f"size     {left.unpacked_bytes / _MB:.1f} MB ({', '.join(left.parts)})",
            f"serve    {left.folder}/serve",
        ],
        as_json=as_json,
    )
