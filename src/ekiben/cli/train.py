"""Station 1 on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ekiben.cli import options, output, session

PANEL = "1 train: data, an estimator -> a model artefact"


def register(app: typer.Typer) -> None:
    """Add the verbs of this station."""
    app.command(rich_help_panel=PANEL)(train)


ParityPage = Annotated[
    Path | None,
    typer.Option("--parity-page", metavar="FILE", help="Write how the forms compare as a page (HTML)."),
]


def train(
    model: options.Model,
    parity_page: ParityPage = None,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Train the estimator, hold it to its acceptance criterion, store its artefact."""
    from ekiben.artefact.forms import report
    from ekiben.road import stations

    traveller = session.traveller(model)
    if dry_run:
        section = traveller.config.train
        accept = f"accept {section.accept.metric} from {section.accept.min:g}"
        what = f"{section.estimator} on {section.data} (seed {section.seed})"
        line = f"would train {what}, hold out {section.test_ratio:g} of the rows and {accept}"
        output.emit(section, [line], as_json=as_json)
        return
    left = stations.train(traveller, again=True).output
    if parity_page is not None:
        schema = json.loads((Path(left["folder"]) / "schema.json").read_bytes())
        names = [each["name"] for each in schema["inputs"]]
        parity_page.write_text(report.page(str(left["tag"]), left["parity"], names), encoding="utf-8")
    output.emit(
        left,
        [
            f"model    {left['tag']}",
            (
                f"{left['metric']:<8} {left['score']:.4f} on {left['test_rows']} held-out rows "
                f"(accepted from {left['accepted_at_least']:g})"
            ),
            *report.lines(left["parity"]),
            *([] if left["compression"] is None else report.cost(left["compression"])),
            f"artefact {left['artefact_sha256']}",
            f"folder   {left['folder']}",
        ],
        as_json=as_json,
    )
